"""The processes of a run: started in one directory, all gone at its end."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
#: Seconds for a process to start, and to stop after SIGTERM.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_LINES = 20


class RunFailed(Exception):
    """The run can't go on; the message says why."""


class Processes:
    """
    Starts programs that log into files in ``directory``; leaving the ``with`` block
    ends those that still run.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *command: str | Path) -> None:
        """
        Start ``command`` in a directory of its own; its log is ``NAME.log``. Its
        standard input ends with this process.
        """
        home = self.directory / name
        home.mkdir(exist_ok=True)
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=home,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the process."""
        self._running[name].send_signal(number)

    def wait(self, name: str, seconds: float) -> None:
        """
        Wait until it has ended, of itself or by a signal.

        :raises RunFailed: it takes longer than ``seconds``.
        """
        try:
            self._running[name].wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise RunFailed(f"{name} does not end:\n{self._tail(name)}") from error

    def processor_time(self, name: str) -> float:
        """Seconds of CPU that the process has used so far, all its threads."""
        stat = Path(f"/proc/{self._running[name].pid}/stat").read_text()
        # Behind the name, which may have spaces and brackets of its own.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wait_for(
        self,
        name: str,
        condition: Callable[[], bool],
        seconds: float = START_SECONDS,
    ) -> None:
        """
        Wait until ``condition`` holds.

        :raises RunFailed: the process ended, or it takes longer than ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check(name)
            if time.monotonic() > deadline:
                raise RunFailed(f"{name} is not ready:\n{self._tail(name)}")
            time.sleep(0.1)

    def check(self, name: str) -> None:
        """
        :raises RunFailed: the process has ended.
        """
        if self._running[name].poll() is not None:
            raise RunFailed(f"{name} ended:\n{self._tail(name)}")

    def log(self, name: str) -> str:
        """What the process has said so far."""
        return self._log(name).read_text(errors="replace")

    def memory(self, name: str) -> float:
        """The resident memory of the process, in MB."""
        return self._status(name, "VmRSS")

    def peak_memory(self, name: str) -> float:
        """The most resident memory that the process had so far, in MB."""
        return self._status(name, "VmHWM")

    def _status(self, name: str, field: str) -> float:
        status = Path(f"/proc/{self._running[name].pid}/status").read_text()
        for line in status.splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RunFailed(f"no memory figure of {name}")

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self.log(name).splitlines()[-LOG_LINES:])


def environment() -> dict[str, str]:
    """The environment in which the programs of this checkout run."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def python(program: str, *arguments: str | Path) -> list[str]:
    """The command for a Python program given as text."""
    return [sys.executable, "-c", program, *map(str, arguments)]


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_ports(number: int) -> Iterator[int]:
    """Ports that nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        yield from [found.getsockname()[1] for found in sockets]
    finally:
        for found in sockets:
            found.close()
