"""The real daemons and the real tool, as a site and its operator run them."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from cfos_cloud.device.fingerprint_tool import read_fingerprints
from cfos_cloud.device.users import Users
from cfos_cloud.twistd_command import child_environment, twistd_command
from tests.end_to_end.client import Answer, Client
from tests.end_to_end.processes import PATIENCE, Process, ReservedPort, wait_until
from tests.end_to_end.visitor import Visitor

OPERATOR_PASSWORD = "the operator's own"
#: The admin password of every device end here.
ADMIN_SECRET = "adminsecret"
#: The one user in the users file, and the user ID that logs them in.
USER = "guest"
USER_ID = "1234567890"

#: Seconds for a daemon to start, on a machine that has other things to do as well.
START_SECONDS = 180.0

_TOOL = "from cfos_cloud.cli import main; main()"


def tool_command(*arguments: str) -> list[str]:
    """The command line of ``cfos-cloud``."""
    return [sys.executable, "-P", "-c", _TOOL, *arguments]


@contextmanager
def ended_on_error(process: Process) -> Iterator[None]:
    """Ends what did not get so far, and tells its last words."""
    try:
        yield
    except BaseException as error:
        process.kill()
        raise AssertionError(f"{error}\n{process.last_words()}") from error


def write_secret(path: Path, text: str) -> Path:
    """Write a file as editors do: nobody ever reads a part of it."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    return new.replace(path)


class Server:
    """
    ``twistd cfos-cloud`` on a port of its own.

    :param options: more of its options.
    :param launcher: what goes before its command line.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        host: str = "127.0.0.1",
        launcher: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self._launcher = launcher
        self.host = host
        self._reserved = ReservedPort(host)
        self.port = self._reserved.number
        self._options = options
        self._password = write_secret(directory / "operator", OPERATOR_PASSWORD)
        self.process = self._start()

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    def _start(self) -> Process:
        command = twistd_command(
            *("-n", "--pidfile=", "cfos-cloud", f"--port={self.port}"),
            *(f"--interface={self.host}", f"--data-dir={self.data_dir}"),
            *(f"--admin-password-file={self._password}", *self._options),
        )
        self.process = Process("server", [*self._launcher, *command], self.directory)
        with ended_on_error(self.process):
            wait_until(self._is_healthy, "/cloud/health answers 200", START_SECONDS)
        return self.process

    def _is_healthy(self) -> bool:
        if self.process.status is not None:
            raise AssertionError("the server has ended")
        try:
            return self.client().request("GET", "/cloud/health").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def client(self, **options: Any) -> Client:
        """Somebody who uses this server; TLS unless ``tls`` is false."""
        return Client(self.port, host=self.host, **options)

    def restart(self) -> None:
        """Start it again after it has ended."""
        self._start()

    def close(self) -> None:
        """End it if it runs, without a word."""
        self.process.kill()
        self._reserved.close()

    # the operator

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``cfos-cloud`` as the operator."""
        return run_tool(
            self.directory,
            *(*arguments, "--json", "--server", self.url),
            *("--admin-password-file", str(self._password)),
        )

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """The operator API's answer; it must be a good one."""
        answer = self.answer(method, path, document)
        if not 200 <= answer.status < 300:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.body!r}")
        return json.loads(answer.body) if answer.body else None

    def answer(self, method: str, path: str, document: object = None) -> Answer:
        """What the operator API says, whatever it is."""
        credentials = base64.b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
        fields = [("Authorization", f"Basic {credentials}")]
        body = b""
        if document is not None:
            body = json.dumps(document).encode()
            fields.append(("Content-Type", "application/json"))
        return self.client().request(method, f"/cloud/api/v1{path}", body, fields)

    def add_system(self, cloud_id: str) -> str:
        """The Cloud password of a new system."""
        document = {"cloud_id": cloud_id, "name": f"Site {cloud_id}"}
        password: str = self.ask("POST", "/systems", document)["password"]
        return password

    def is_online(self, cloud_id: str) -> bool:
        return bool(self.ask("GET", f"/systems/{cloud_id}")["online"])


def run_tool(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``cfos-cloud`` with its own state in ``directory``."""
    return subprocess.run(
        tool_command(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**child_environment(), "XDG_STATE_HOME": str(directory / "state")},
    )


class DeviceEnd:
    """
    ``twistd cfos-device`` of a system that ``server`` has, online when made.

    :param target: the URL of the device's web UI.
    :param options: more of its options.
    :param launcher: what goes before its command line.
    """

    def __init__(
        self,
        server: Server,
        cloud_id: str,
        password: str,
        target: str,
        directory: Path,
        *options: str,
        name: str | None = None,
        wait: bool = True,
        launcher: Sequence[str] = (),
    ) -> None:
        self._launcher = launcher
        self.server = server
        self.cloud_id = cloud_id
        self.target = target
        self.directory = directory
        self.name = name or cloud_id
        self.password_file = write_secret(directory / f"{self.name}.cloud", password)
        self.admin_file = write_secret(directory / f"{self.name}.admin", ADMIN_SECRET)
        self.users_file = directory / f"{self.name}.users"
        self._recipe = Users().recipe()
        self.allow_users({USER: USER_ID})
        self._options = options
        self.process = self._start()
        if wait:
            with ended_on_error(self.process):
                self.wait_online()

    @property
    def state_dir(self) -> Path:
        return self.directory / f"{self.name}.state"

    def allow_users(
        self, ids: dict[str, str], devices: dict[str, str] | None = None
    ) -> None:
        """Write the users file: user IDs by name, and further devices of some."""
        lines = [
            f"{name}:{self._recipe.hash(user_id)}:{(devices or {}).get(name, '')}\n"
            for name, user_id in ids.items()
        ]
        write_secret(self.users_file, "".join(lines))

    def set_admin_password(self, text: str) -> None:
        """Write the file of the admin password."""
        write_secret(self.admin_file, text)

    def _start(self) -> Process:
        command = twistd_command(
            *("-n", "--pidfile=", "cfos-device", f"--server={self.server.url}"),
            *(f"--cloud-id={self.cloud_id}", f"--password-file={self.password_file}"),
            *(f"--target={self.target}", f"--state-dir={self.state_dir}"),
            *(f"--admin-password-file={self.admin_file}",),
            *(f"--users-file={self.users_file}", *self._options),
        )
        return Process(self.name, [*self._launcher, *command], self.directory)

    def wait_online(self, times: int = 1) -> None:
        """Wait until this very process has been connected for so many times."""
        self.process.wait_for_log("connected to ", times, START_SECONDS)
        wait_until(
            lambda: self.server.is_online(self.cloud_id), f"{self.cloud_id} is online"
        )

    def restart(self, wait: bool = True) -> None:
        """Start it again after it has ended."""
        self.process = self._start()
        if wait:
            self.wait_online()

    def client(self, **options: Any) -> Client:
        """A browser that is logged in as admin."""
        return self.log_in(ADMIN_SECRET, as_admin=True, **options)

    def user_client(self, **options: Any) -> Client:
        """A browser that is logged in as the user."""
        return self.log_in(USER_ID, as_admin=False, **options)

    def stranger(self, **options: Any) -> Client:
        """
        A browser where people log in to this system. End to end that takes a server
        with ``--domain=localhost``, and nothing but this device end's own key.
        """
        if "--end-to-end" not in self._options:
            return self.server.client(**options)
        port = self.server.port
        return Visitor(
            port,
            host=self.server.host,
            authority=f"{self.cloud_id.lower()}.localhost:{port}",
            known=self.own_key,
            **options,
        )

    @cached_property
    def own_key(self) -> str:
        """End to end, the fingerprint of its public key, which stays."""
        return read_fingerprints(self.state_dir, None).key

    def log_in(self, secret: str, *, as_admin: bool, **options: Any) -> Client:
        client = self.stranger(**options)
        answer = client.log_in(self.cloud_id, secret, as_admin=as_admin)
        if answer.status != 303:
            raise AssertionError(f"log-in refused with {answer.status}")
        return client

    def close(self) -> None:
        """End it if it runs, without a word."""
        self.process.kill()
