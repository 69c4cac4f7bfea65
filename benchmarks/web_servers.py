"""nginx twice: the origin that all stand before, and the TLS proxy to compare with."""

from __future__ import annotations

import os
import shutil
import ssl
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import Processes, RunFailed, listens
from cfos_cloud.listener.self_signed import make_self_signed, new_key

#: What the origin has, by name.
FILES = {"1k.bin": 1024, "30k.bin": 30 * 1024, "64m.bin": 64 * 1024 * 1024}

_MAIN = """
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {body}
}}
"""
_ORIGIN = """
    server {{
        listen 127.0.0.1:{port};
        root {root};
        {echo}
    }}
"""
_ECHO = """
        location /echo {{
            proxy_pass http://127.0.0.1:{port};
            proxy_http_version 1.1;
            proxy_set_header Connection upgrade;
            proxy_set_header Upgrade $http_upgrade;
        }}
"""
_PROXY = """
    map $http_upgrade $to_origin {{
        default upgrade;
        "" "";
    }}
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection $to_origin;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $host;
            proxy_max_temp_file_size 0;
        }}
    }}
"""


def find_nginx() -> str | None:
    """The program; ``/usr/sbin`` is not on every user's path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def start_origin(processes: Processes, port: int, echo: int | None = None) -> None:
    """
    Serve :data:`FILES` by plain HTTP.

    :param echo: the port of an echo of WebSockets, to be at ``/echo``.
    """
    root = processes.directory / "files"
    root.mkdir()
    for name, size in FILES.items():
        (root / name).write_bytes(os.urandom(size))
    location = "" if echo is None else _ECHO.format(port=echo)
    body = _ORIGIN.format(port=port, root=root, echo=location)
    _start(processes, "origin", port, body)


def start_proxy(
    processes: Processes,
    port: int,
    origin: int,
    certificate: Path,
    name: str = "nginx",
) -> None:
    """
    The practical limit: TLS in, plain HTTP to the origin, no tunnel.

    :param certificate: certificate and key in one PEM file.
    :param name: of the process.
    """
    body = _PROXY.format(port=port, origin=origin, certificate=certificate)
    _start(processes, name, port, body)


def start_limit(
    processes: Processes, port: int, origin: int, echo: int | None = None
) -> Path:
    """
    The origin on port ``origin``, and the proxy before it on ``port``.

    :param echo: as of :func:`start_origin`.
    :returns: the proxy's certificate and key.
    """
    start_origin(processes, origin, echo)
    certificate = self_signed(processes.directory / "nginx.pem")
    start_proxy(processes, port, origin, certificate)
    return certificate


def self_signed(path: Path) -> Path:
    """A certificate of the kind that the server makes for itself, with its key."""
    made = make_self_signed(new_key(), ["localhost", "127.0.0.1"], datetime.now(UTC))
    path.touch(mode=0o600)
    path.write_bytes(made.certificate_pem + made.key_pem)
    return path


def version() -> str:
    """The TLS library's version, which both sides of the comparison depend on."""
    return ssl.OPENSSL_VERSION


def _start(processes: Processes, name: str, port: int, body: str) -> None:
    program = find_nginx()
    if program is None:
        raise RunFailed("nginx is missing: sudo apt-get install nginx-light")
    home = processes.directory / name
    home.mkdir()
    # The directory is its owner's only, and a master run by root would give its
    # workers another user.
    user = "user root;" if os.getuid() == 0 else ""
    (home / "nginx.conf").write_text(_MAIN.format(user=user, body=body))
    processes.start(name, program, "-p", home, "-e", "stderr", "-c", "nginx.conf")
    processes.wait_for(name, lambda: listens(port))
