"""Programs of ours in processes of their own, each with a log file."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cfos_cloud.twistd_command import child_environment

#: Seconds after which something that should have happened has failed; no test
#: depends on how much sooner it does happen.
PATIENCE = 30.0
#: Seconds between two looks.
INTERVAL = 0.02
LOG_LINES = 40
#: prctl(2)'s PR_SET_PDEATHSIG.
_SIGNAL_AT_PARENTS_DEATH = 1
_libc = ctypes.CDLL(None)


def _end_with_the_tests() -> None:
    """In the child: nothing stays behind when the tests are killed."""
    _libc.prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = PATIENCE
) -> None:
    """
    :raises AssertionError: ``condition`` is still false after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(INTERVAL)


class ReservedPort:
    """
    A free port of a loopback address that nobody else gets as long as this object
    is open, and on which a process of ours may listen again and again.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound and not listening: another socket with SO_REUSEADDR may listen here.
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()


class Process:
    """A running program; its output is in ``NAME.log`` in ``directory``."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name = name
        self.log_file = directory / f"{name}.log"
        # Its part of a log that earlier processes of this name have begun.
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(),
                preexec_fn=_end_with_the_tests,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    @property
    def status(self) -> int | None:
        """The exit status, ``None`` while it runs; of a signal its number, negated."""
        return self._process.poll()

    def wait_for_log(
        self, text: str, count: int = 1, seconds: float = PATIENCE
    ) -> None:
        """Wait until ``text`` is in the log ``count`` times."""

        def written() -> bool:
            if self.log.count(text) >= count:
                return True
            if self.status is not None:
                raise AssertionError(f"{self.name} has ended")
            return False

        wait_until(written, f"{text!r} in the log of {self.name}", seconds)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """
        The exit status.

        :raises AssertionError: it still runs after ``seconds``.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(
                f"{self.name} still runs after {seconds:.0f} s"
            ) from error

    def stop(self, seconds: float = PATIENCE) -> int:
        """End it in order; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """End it without a word; nothing happens if it has ended."""
        self._process.kill()
        self._process.wait()

    def memory(self, line: str = "VmHWM") -> int:
        """
        Bytes of resident memory: the most so far, ``VmRSS`` for now. 0: it has ended.
        """
        status = Path(f"/proc/{self.pid}/status").read_text()
        for each in status.splitlines():
            name, _, value = each.partition(":")
            if name == line:
                return int(value.split()[0]) * 1024
        return 0

    def last_words(self) -> str:
        """The end of its log, with a headline."""
        lines = self.log.splitlines()[-LOG_LINES:]
        return "\n".join([f"--- {self.name}, {self.log_file}", *lines])
