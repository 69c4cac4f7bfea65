"""Our own daemons before the origin, as a site would run them."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.processes import (
    START_SECONDS,
    Processes,
    RunFailed,
    environment,
    listens,
    python,
)

TWISTD = "from twisted.scripts.twistd import run; run()"
TOOL = "import sys; from cfos_cloud.cli import main; sys.exit(main())"
COOKIE = "__Host-cfos"
LOGIN = "/ui/en/cloud-login.htm"
#: Seconds for one call of the operator's tool, and for one answer of the server.
TOOL_SECONDS = 60.0
ANSWER_SECONDS = 20.0


class Cloud:
    """A server on ``port``, and device ends with one system each."""

    def __init__(self, processes: Processes, port: int) -> None:
        self._processes = processes
        self._port = port
        self._operator = self._secret("operator", "an operator's password")
        self._device = self._secret("device-admin", "the device's password")

    @property
    def data_dir(self) -> Path:
        """What the server keeps."""
        return self._processes.directory / "server" / "data"

    def start_server(self, seconds: float = START_SECONDS) -> None:
        """
        Start the server, TLS only, with a self-signed certificate, and wait until it
        listens, ``seconds`` at most.
        """
        self._processes.start(
            "server",
            *python(
                TWISTD, "-n", "--pidfile=", "cfos-cloud", "--port", self._port_text
            ),
            *("--interface", "127.0.0.1", "--loglevel", "2"),
            *("--data-dir", str(self.data_dir)),
            *("--admin-password-file", str(self._operator)),
        )
        self._processes.wait_for("server", lambda: listens(self._port), seconds)

    def start_device(
        self, cloud_id: str, target: int, connections: int, *options: str
    ) -> None:
        """Make a system, start its device end, and wait until it is online."""
        added = self._tool("system", "add", cloud_id)
        password = added.get("password")
        if not isinstance(password, str):
            raise RunFailed("system add gave no password")
        self._secret(cloud_id, password)
        self.run_device(cloud_id, target, connections, *options)

    def run_device(
        self, cloud_id: str, target: int, connections: int, *options: str
    ) -> None:
        """Start the device end of a system that was made, and wait as above."""
        password = self._processes.directory / f"{cloud_id}.secret"
        self._processes.start(
            cloud_id,
            *python(TWISTD, "-n", "--pidfile=", "cfos-device"),
            *("--server", f"https://127.0.0.1:{self._port}", "--cloud-id", cloud_id),
            *("--password-file", str(password)),
            *("--admin-password-file", str(self._device)),
            *("--target", f"http://127.0.0.1:{target}"),
            *("--max-connections", str(connections)),
            *("--state-dir", str(self._processes.directory / cloud_id / "state")),
            *options,
        )
        self._processes.wait_for(cloud_id, lambda: self.is_online(cloud_id))

    def is_online(self, cloud_id: str) -> bool:
        """Whether the system has a tunnel."""
        return self._tool("system", "show", cloud_id).get("online") is True

    def add_systems(self, cloud_ids: Iterable[str]) -> list[tuple[str, str]]:
        """
        Make systems by the operator API.

        :returns: Cloud IDs and their generated Cloud passwords.
        :raises RunFailed: the server refuses one.
        """
        password = self._operator.read_text()
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        made = []
        with closing(self._connect()) as connection:
            for cloud_id in cloud_ids:
                body = json.dumps({"cloud_id": cloud_id})
                connection.request("POST", "/cloud/api/v1/systems", body, headers)
                response = connection.getresponse()
                document = response.read()
                if response.status != 201:
                    raise RunFailed(f"{cloud_id} was not added: {document!r}")
                made.append((cloud_id, str(json.loads(document)["password"])))
        return made

    def log_in(self, cloud_id: str) -> str:
        """
        Log in by the form, as a browser does.

        :returns: the ``Cookie`` header of the session.
        :raises RunFailed: the log-in was refused.
        """
        with closing(self._connect()) as connection:
            status, cookies, page = self._ask(connection, "GET", "", {})
            csrf = re.search(r'<input[^>]*\bname="csrf"[^>]*>', page)
            value = re.search(r'\bvalue="([^"]*)"', csrf[0]) if csrf else None
            if status != 200 or value is None:
                raise RunFailed(f"no log-in form, status {status}")
            form = {
                "cloud_id": cloud_id,
                "cloud_user_id": self._device.read_text(),
                "admin": "on",
                "csrf": value[1],
            }
            status, cookies, _ = self._ask(connection, "POST", urlencode(form), cookies)
        if status != 303 or COOKIE not in cookies:
            raise RunFailed(f"log-in refused, status {status}")
        return f"{COOKIE}={cookies[COOKIE]}"

    def make_key(self, cloud_id: str, cookie: str) -> str:
        """
        An access key with full access that works, by the session of ``cookie``.

        :returns: its token.
        :raises RunFailed: the server refuses it.
        """
        secret = self._device.read_text()
        base = f"/cloud/api/v1/systems/{cloud_id}/keys"
        wanted = {"name": "benchmark", "role": "admin"}
        made = self._post(base, wanted, cookie, 201)
        path = f"{base}/{made['id']}/authorize"
        self._post(path, {"admin_secret": secret}, cookie, 200)
        return str(made["key"])

    def _post(
        self, path: str, document: dict[str, str], cookie: str, wanted: int
    ) -> dict[str, object]:
        headers = {"Cookie": cookie, "Content-Type": "application/json"}
        with closing(self._connect()) as connection:
            connection.request("POST", path, json.dumps(document), headers)
            response = connection.getresponse()
            body = response.read()
        if response.status != wanted:
            raise RunFailed(f"{path}: status {response.status}")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise RunFailed(f"{path}: no object")
        return answer

    @property
    def _port_text(self) -> str:
        return str(self._port)

    def _secret(self, name: str, text: str) -> Path:
        path = self._processes.directory / f"{name}.secret"
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _tool(self, *arguments: str) -> dict[str, object]:
        done = subprocess.run(
            [
                *python(TOOL, *arguments, "--json"),
                *("--server", f"https://localhost:{self._port}"),
                *("--admin-password-file", str(self._operator)),
            ],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS,
        )
        if done.returncode:
            raise RunFailed(f"cfos-cloud {arguments[0]}: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        if not isinstance(answer, dict):
            raise RunFailed(f"cfos-cloud {arguments[0]}: no object")
        return answer

    def _connect(self) -> http.client.HTTPSConnection:
        # The certificate is self-signed, and this is loopback.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=ANSWER_SECONDS, context=context
        )

    def _ask(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        body: str,
        cookies: dict[str, str],
    ) -> tuple[int, dict[str, str], str]:
        """The log-in page's answer: status, cookies with those so far, body."""
        headers = {"Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if not cookies:
            del headers["Cookie"]
        connection.request(method, LOGIN, body or None, headers)
        response = connection.getresponse()
        text = response.read().decode()
        lines = response.headers.get_all("Set-Cookie") or []
        pairs = (line.partition(";")[0].partition("=") for line in lines)
        new = {name: value for name, _, value in pairs}
        return response.status, cookies | new, text
