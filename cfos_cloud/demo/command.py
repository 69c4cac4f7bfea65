"""``cfos-cloud demo``: a server and a simulated site, on this machine only."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from cfos_cloud.demo.directory import directory_for
from cfos_cloud.demo.errors import EXPECTED, line_of
from cfos_cloud.demo.operator import Operator
from cfos_cloud.demo.ports import LOOPBACK, free_port, port_number
from cfos_cloud.demo.processes import ChildEnded, Children
from cfos_cloud.demo.site.settings import CloudSettings, SiteSettings
from cfos_cloud.demo.state import DemoState
from cfos_cloud.demo.words import CLOUD_ID, what_to_do
from cfos_cloud.device.origin import InvalidOrigin, parse_origin
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret
from cfos_cloud.twistd_command import twistd_command

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

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
        "demo", help="run a server and a simulated site on this machine"
    )
    parser.add_argument(
        "--port",
        type=port_number,
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
        with directory_for(arguments.data_dir, "demo") as directory:
            Demo(arguments.port, DemoState(directory), signals).run()
    except _Stopped:
        return 0
    except (DemoError, ChildEnded, *EXPECTED) as error:
        print(f"cfos-cloud demo: {error}", file=sys.stderr)
    except OSError as error:
        print(f"cfos-cloud demo: {line_of(error)}", file=sys.stderr)
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
        try:
            self._port = free_port(self._port)
        except OSError as error:
            raise DemoError(
                f"can't listen on {LOOPBACK}:{self._port}: {error.strerror}"
            ) from error
        try:
            is_new = not self._state.site.directory.exists()
            self._state.prepare()
            operator = self._start_server()
            self._add_system(operator)
            cloud = self._connect_site(is_new)
            address = self._start_site()
            if cloud.enabled and is_ours(cloud):
                self._wait_for_tunnel(operator)
            print(what_to_do(self._state, self._port, address, cloud), flush=True)
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
                # Each system has a host of its own, which needs no DNS.
                *("--domain", "localhost"),
                *("--port", f"tcp:{self._port}:interface={LOOPBACK}"),
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

    def _connect_site(self, is_new: bool) -> CloudSettings:
        """
        Have the site's cloud service lead to our server, unless somebody has set it
        otherwise; whether it is switched on is theirs, too.
        """
        site = self._state.site
        settings: SiteSettings = site.prepare()
        cloud = settings.cloud
        if is_new or is_ours(cloud):
            cloud = CloudSettings(
                is_new or cloud.enabled,
                f"https://localhost:{self._port}",
                CLOUD_ID,
                read_secret(self._state.cloud_password),
            )
            site.save(replace(settings, cloud=cloud))
        return cloud

    def _start_site(self) -> str:
        state, port = self._state, self._last_site_port()
        address = self._children.start_and_read(
            "site",
            [
                *(sys.executable, "-P", "-m", "cfos_cloud.demo"),
                *("--port", str(port), str(state.site.directory)),
            ],
        )
        write_secret(state.site_port, address.rpartition(":")[2])
        return address

    def _last_site_port(self) -> int:
        """The port that it had last, if that is free."""
        try:
            return free_port(port_number(read_secret(self._state.site_port)))
        except (SecretFileError, argparse.ArgumentTypeError, OSError):
            return 0

    def _wait_for_tunnel(self, operator: Operator) -> None:
        for _ in self._patiently():
            _, system = operator.call("GET", f"systems/{CLOUD_ID}")
            if system.get("online") is True:
                return
        words = self._children.last_words("site")[-1:] or ["nothing in its log"]
        raise DemoError(f"no tunnel after {PATIENCE:.0f} s; the site: {words[0]}")

    def _patiently(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            yield
            self._pause()


def is_ours(cloud: CloudSettings) -> bool:
    """Whether these lead to a demonstration's own server."""
    if cloud.cloud_id != CLOUD_ID:
        return False
    try:
        return parse_origin(cloud.server).host in ("localhost", LOOPBACK)
    except InvalidOrigin:
        return False
