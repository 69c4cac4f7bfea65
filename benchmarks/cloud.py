"""Our own daemons before the origin, as a site would run them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from benchmarks.processes import (
    START_SECONDS,
    Processes,
    RunFailed,
    listens,
    python,
)
from benchmarks.visitor import LOOPBACK, NamedConnection, Visitor

TWISTD = "from twisted.scripts.twistd import run; run()"
#: The operator API's.
SYSTEMS = "/cloud/api/v1/systems"


class Cloud:
    """
    A server on ``port``, and device ends with one system each.

    :param domain: the server's name, below which devices have hosts of their own.
    """

    def __init__(
        self, processes: Processes, port: int, domain: str | None = None
    ) -> None:
        self._processes = processes
        self._port = port
        self._domain = domain
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
            *("--interface", LOOPBACK, "--loglevel", "2"),
            *([] if self._domain is None else ["--domain", self._domain]),
            *("--data-dir", str(self.data_dir)),
            *("--admin-password-file", str(self._operator)),
        )
        self._processes.wait_for("server", lambda: listens(self._port), seconds)

    def start_device(
        self,
        cloud_id: str,
        target: int,
        connections: int,
        *options: str,
        before: str = "",
        by: int | None = None,
    ) -> None:
        """
        Make a system, start its device end, and wait until it is online.

        :param before: Python statements that the device end's process begins with.
        :param by: the port by which it reaches the server, if not the server's own.
        """
        [(_, password)] = self.add_systems([cloud_id])
        self._secret(cloud_id, password)
        self.run_device(cloud_id, target, connections, *options, before=before, by=by)

    def run_device(
        self,
        cloud_id: str,
        target: int,
        connections: int,
        *options: str,
        before: str = "",
        by: int | None = None,
    ) -> None:
        """Start the device end of a system that was made, and wait as above."""
        password = self._processes.directory / f"{cloud_id}.secret"
        self._processes.start(
            cloud_id,
            *python(f"{before}\n{TWISTD}", "-n", "--pidfile=", "cfos-device"),
            *("--server", f"https://127.0.0.1:{by or self._port}"),
            *("--cloud-id", cloud_id),
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
        with closing(self._connect()) as connection:
            path = f"{SYSTEMS}/{cloud_id}"
            shown = _asked(connection, "GET", path, self._as_operator())
        return shown.get("online") is True

    def add_systems(self, cloud_ids: Iterable[str]) -> list[tuple[str, str]]:
        """
        Make systems by the operator API.

        :returns: Cloud IDs and their generated Cloud passwords.
        :raises RunFailed: the server refuses one.
        """
        headers = self._as_operator()
        made = []
        with closing(self._connect()) as connection:
            for cloud_id in cloud_ids:
                wanted = {"cloud_id": cloud_id}
                added = _asked(connection, "POST", SYSTEMS, headers, wanted, 201)
                made.append((cloud_id, str(added["password"])))
        return made

    def host(self, cloud_id: str) -> str:
        """Where the system is reached."""
        return LOOPBACK if self._domain is None else f"{cloud_id}.{self._domain}"

    def log_in(self, cloud_id: str, *, at_device: bool = False) -> str:
        """
        Log in by the form, as a browser does.

        :param at_device: the log-in page is the device end's own.
        :returns: the ``Cookie`` header of a session at :meth:`host`.
        :raises RunFailed: the log-in was refused.
        """
        host = self.host(cloud_id) if at_device else self._domain or LOOPBACK
        visitor = Visitor(self._port, host)
        return visitor.log_in(cloud_id, self._device.read_text())

    def make_key(self, cloud_id: str, cookie: str) -> str:
        """
        An access key with full access that works, by the session of ``cookie``.

        :returns: its token.
        :raises RunFailed: the server refuses it.
        """
        secret = self._device.read_text()
        base = f"/cloud/api/v1/systems/{cloud_id}/keys"
        wanted = {"name": "benchmark", "role": "admin"}
        headers = {"Cookie": cookie, "Content-Type": "application/json"}
        with closing(self._connect()) as connection:
            made = _asked(connection, "POST", base, headers, wanted, 201)
            path = f"{base}/{made['id']}/authorize"
            _asked(connection, "POST", path, headers, {"admin_secret": secret})
        return str(made["key"])

    @property
    def _port_text(self) -> str:
        return str(self._port)

    def _secret(self, name: str, text: str) -> Path:
        path = self._processes.directory / f"{name}.secret"
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _as_operator(self) -> dict[str, str]:
        password = self._operator.read_text()
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        return {"Authorization": f"Basic {credentials}"}

    def _connect(self) -> NamedConnection:
        return NamedConnection(self._domain or LOOPBACK, self._port)


def _asked(
    connection: NamedConnection,
    method: str,
    path: str,
    headers: dict[str, str],
    document: dict[str, str] | None = None,
    wanted: int = 200,
) -> dict[str, object]:
    """
    The object that an API of the server answers with.

    :raises RunFailed: another status than ``wanted``.
    """
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    said = response.read()
    if response.status != wanted:
        raise RunFailed(f"{method} {path}: {response.status} {said!r}")
    answer = json.loads(said)
    if not isinstance(answer, dict):
        raise RunFailed(f"{method} {path}: no object")
    return answer
