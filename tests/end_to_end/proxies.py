"""Real proxies in front of the server, or on a device end's way to it."""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from unittest import SkipTest

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.device.certificates import Made
from tests.end_to_end.daemons import ended_on_error
from tests.end_to_end.processes import Process, ReservedPort, wait_until

NGINX, HAPROXY, TINYPROXY = "nginx", "haproxy", "tinyproxy"
_STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
#: Debian's are not on everybody's path.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

#: docs/operations.md has the same for people.
_NGINX_START = """
daemon off;
master_process off;
worker_processes 1;
error_log stderr notice;
pid {directory}/nginx.pid;
events {{ worker_connections 512; }}
"""
NGINX_HTTP = (
    _NGINX_START
    + """
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    map $http_upgrade $upgrade {{ {upgrades} }}
    upstream cfos_cloud {{
        server 127.0.0.1:{server};
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        client_max_body_size 0;
        location / {{
            proxy_pass http://cfos_cloud;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""
)
NGINX_STREAM = (
    "load_module {module};"
    + _NGINX_START
    + """
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{server};
        proxy_protocol on;
        proxy_bind {source};
        proxy_timeout 1h;
    }}
}}
"""
)
_HAPROXY_START = """
defaults
    timeout connect 5s
    timeout client 1h
    timeout server 1h
"""
HAPROXY_TCP = (
    _HAPROXY_START
    + """
frontend cfos_cloud
    mode tcp
    bind 127.0.0.1:{port}
    unique-id-format %ci:%cp
    default_backend server
backend server
    mode tcp
    server server 127.0.0.1:{server} {send_proxy} source {source}
"""
)
HAPROXY_HTTP = (
    _HAPROXY_START
    + """
frontend cfos_cloud
    mode http
    bind 127.0.0.1:{port} ssl crt {both} alpn http/1.1
    timeout http-request 20s
    timeout tunnel 1h
    http-request del-header X-Forwarded-For
    http-request set-header X-Forwarded-Proto https
    option forwardfor
    default_backend server
backend server
    mode http
    timeout tunnel 1h
    server server 127.0.0.1:{server}
"""
)
TINYPROXY_CONNECT = """
Port {port}
Listen 127.0.0.1
Timeout 3600
MaxClients 20
BasicAuth {user} {password}
ConnectPort {server}
"""


class Proxy:
    """
    A proxy that leads to the server's port, on a port of its own.

    :param program: one of the names above; a test is skipped without it.
    :param template: its configuration.
    """

    def __init__(
        self,
        program: str,
        template: str,
        directory: Path,
        server: int,
        certificate: Made | None = None,
        **words: str,
    ) -> None:
        path = shutil.which(program, path=_PATH)
        if path is None or ("{module}" in template and not _STREAM_MODULE.exists()):
            raise SkipTest(f"{program} is not installed")
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self.url = f"https://127.0.0.1:{self.port}"
        directory = directory / program
        directory.mkdir()
        if certificate is not None:
            words |= _write(certificate, directory)
        file = directory / "configuration"
        file.write_text(
            template.format(
                directory=directory,
                server=server,
                port=self.port,
                module=_STREAM_MODULE,
                **words,
            )
        )
        arguments = {
            NGINX: ["-c", str(file), "-p", str(directory), "-e", "stderr"],
            HAPROXY: ["-db", "-f", str(file)],
            TINYPROXY: ["-d", "-c", str(file)],
        }[program]
        self.process = Process(program, [path, *arguments], directory)
        with ended_on_error(self.process):
            wait_until(self._listens, f"{program} listens")

    def _listens(self) -> bool:
        if self.process.status is not None:
            raise AssertionError("it has ended")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def close(self) -> None:
        self.process.kill()
        self._reserved.close()


def _write(made: Made, directory: Path) -> dict[str, str]:
    certificate = made.certificate.public_bytes(Encoding.PEM)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found = {}
    for name, data in (
        ("certificate", certificate),
        ("key", key),
        ("both", certificate + key),
    ):
        file = directory / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_bytes(data)
        found[name] = str(file)
    return found
