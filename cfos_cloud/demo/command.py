"""``cfos-cloud demo``: server, device end and a site, on this machine only."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from cfos_cloud.demo.operator import Operator
from cfos_cloud.demo.processes import ChildEnded, Children
from cfos_cloud.demo.state import USER, DemoState
from cfos_cloud.device.user_tool import UserToolError
from cfos_cloud.secret_files import SecretFileError, read_secret
from cfos_cloud.twistd_command import twistd_command

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

CLOUD_ID = "demo"
#: Seconds for the server to answer, and then for the tunnel to come up.
PATIENCE = 30.0
_STEP = 0.1


class DemoError(Exception):
    """The demonstration can't start; one line."""


class _Stopped(Exception):
    """Somebody wants it to end."""


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``demo`` to the commands."""
    parser = subparsers.add_parser(
        "demo", help="run server, device end and a site on this machine"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=4443,
        metavar="N",
        help="the server's port (default: 4443; 0: any free one)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep the state there (default: a temporary directory)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C (0), or until something fails (1, one line on stderr)."""
    signals = _Signals()
    try:
        with _directory(arguments.data_dir) as directory:
            Demo(arguments.port, DemoState(directory), signals).run()
    except _Stopped:
        return 0
    except (DemoError, ChildEnded, SecretFileError, UserToolError) as error:
        print(f"cfos-cloud demo: {error}", file=sys.stderr)
    except OSError as error:
        reason = error.strerror or str(error)
        where = f"{error.filename}: " if error.filename else ""
        print(f"cfos-cloud demo: {where}{reason}", file=sys.stderr)
    finally:
        signals.restore()
    return 1


class _Signals:
    """Remembers that Ctrl-C, SIGTERM or SIGHUP came."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.came = False
        self._before = {
            number: signal.signal(number, self._note) for number in self._NUMBERS
        }

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class Demo:
    """One run."""

    def __init__(self, port: int, state: DemoState, signals: _Signals) -> None:
        self._port = port
        self._state = state
        self._signals = signals
        self._children = Children(state.logs)

    def run(self) -> None:
        """
        Start everything, say so, and stay.

        :raises _Stopped: a signal came; everything has ended in order.
        :raises ChildEnded: a process has ended by itself.
        :raises DemoError: the start failed.
        """
        self._port = _free_port(self._port)
        try:
            self._state.prepare()
            operator = self._start_server()
            self._add_system(operator)
            site = self._start_site()
            self._start_device_end(site)
            self._wait_for_tunnel(operator)
            self._say(site)
            while True:
                self._pause()
        finally:
            self._children.stop()

    def _pause(self) -> None:
        if self._signals.came:
            raise _Stopped
        self._children.check()
        time.sleep(_STEP)
        if self._signals.came:
            raise _Stopped

    def _start_server(self) -> Operator:
        state = self._state
        self._children.start(
            "server",
            twistd_command(
                *("-n", "--pidfile=", "cfos-cloud", "--allow-http"),
                *("--port", f"tcp:{self._port}:interface=127.0.0.1"),
                *("--data-dir", str(state.directory / "server")),
                *("--admin-password-file", str(state.operator_password)),
            ),
        )
        operator = Operator(self._port, read_secret(state.operator_password))
        last = "it does not listen"
        for _ in self._patiently():
            try:
                status, _answer = operator.call("GET", "systems?limit=1")
            except OSError as error:
                last = str(error)
                continue
            if status == 200:
                return operator
            last = f"it answers {status}"
        raise DemoError(f"the server is not ready after {PATIENCE:.0f} s: {last}")

    def _add_system(self, operator: Operator) -> None:
        password = read_secret(self._state.cloud_password)
        system: dict[str, object] = {
            "cloud_id": CLOUD_ID,
            "password": password,
            "name": "Demo site",
        }
        status, _ = operator.call("POST", "systems", system)
        if status == 409:  # kept from an earlier run, maybe with another password
            operator.call("DELETE", f"systems/{CLOUD_ID}")
            status, _ = operator.call("POST", "systems", system)
        if status != 201:
            raise DemoError(f"the server did not take the system: {status}")

    def _start_site(self) -> str:
        port = self._children.start_and_read(
            "site", [sys.executable, "-P", "-m", "cfos_cloud.demo"]
        )
        return f"http://127.0.0.1:{port}"

    def _start_device_end(self, site: str) -> None:
        state = self._state
        self._children.start(
            "device-end",
            twistd_command(
                *("-n", "--pidfile=", "cfos-device"),
                *("--server", f"https://127.0.0.1:{self._port}"),
                *("--cloud-id", CLOUD_ID),
                *("--password-file", str(state.cloud_password)),
                *("--target", site),
                *("--admin-password-file", str(state.admin_password)),
                *("--users-file", str(state.users)),
                *("--state-dir", str(state.directory / "device-end")),
            ),
        )

    def _wait_for_tunnel(self, operator: Operator) -> None:
        for _ in self._patiently():
            _, system = operator.call("GET", f"systems/{CLOUD_ID}")
            if system.get("online") is True:
                return
        words = self._children.last_words("device-end")[-1:] or ["nothing in its log"]
        raise DemoError(f"no tunnel after {PATIENCE:.0f} s; device end: {words[0]}")

    def _patiently(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            yield
            self._pause()

    def _say(self, site: str) -> None:
        state = self._state
        admin_password = read_secret(state.admin_password)
        print(
            f"""
A site is reached through the cloud, all on this machine.

  Open             https://localhost:{self._port}/
                   (a certificate of its own: the browser asks once;
                   http://localhost:{self._port}/ works too)
  Cloud ID         {CLOUD_ID}
  As administrator tick "log in as 'admin'", Cloud user ID {admin_password}
  As user {USER:<8} leave it clear, Cloud user ID {read_secret(state.user_id)}

  Operator         admin, password {read_secret(state.operator_password)}
  The site itself  {site}/
  State and logs   {state.directory}

Stop with Ctrl-C.""",
            flush=True,
        )


@contextmanager
def _directory(chosen: Path | None) -> Iterator[Path]:
    """The directory of the state: locked if chosen, else made and removed again."""
    if chosen is None:
        path = Path(tempfile.mkdtemp(prefix="cfos-cloud-demo-"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
        return
    path = chosen.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(f"another demo runs in {path}") from error
        yield path
    finally:
        os.close(descriptor)


def _free_port(port: int) -> int:
    """
    ``port``, or any free one for 0.

    :raises DemoError: it can't be listened on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            raise DemoError(
                f"can't listen on 127.0.0.1:{port}: {error.strerror}"
            ) from error
        number: int = probe.getsockname()[1]
        return number


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("a port is a number up to 65535")
    return int(text)
