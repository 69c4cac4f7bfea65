"""Child processes that start together and end together."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cfos_cloud.twistd_command import child_environment

#: Seconds that children have to end in order before they are killed.
PATIENCE = 5.0
#: Lines and bytes at the end of a log that tell why its process ended.
TAIL_LINES = 8
TAIL_BYTES = 16 * 1024


class ChildEnded(Exception):
    """A child is gone unasked: which one, how, and the last lines of its log."""

    def __init__(self, name: str, status: int, last_words: list[str]) -> None:
        how = f"status {status}" if status >= 0 else f"signal {-status}"
        lines = [f"{name} has ended with {how}", *(f"  {line}" for line in last_words)]
        super().__init__("\n".join(lines))


class Children:
    """
    The children, each with a log file ``NAME.log`` in ``logs``. They stay in this
    process group, so that a terminal's Ctrl-C reaches them as well.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """
        :raises OSError: it can't be started.
        """
        with self._log(name).open("a") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(),
                text=True,
            )

    def start_and_read(self, name: str, command: Sequence[str]) -> str:
        """
        Start it and return the first line that it prints. Its standard input closes
        when this process ends, however that happens.

        :raises OSError: it can't be started.
        :raises ChildEnded: it ended without a line.
        """
        with self._log(name).open("a") as log:
            process = self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(),
                text=True,
            )
        line = "" if process.stdout is None else process.stdout.readline()
        if not line.endswith("\n"):
            status = process.wait(PATIENCE)
            raise ChildEnded(name, status, self.last_words(name))
        return line.rstrip("\n")

    def check(self) -> None:
        """
        :raises ChildEnded: one is gone.
        """
        for name, process in self._processes.items():
            status = process.poll()
            if status is not None:
                raise ChildEnded(name, status, self.last_words(name))

    def stop(self) -> None:
        """End all, in order if they do so within 5 s."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def last_words(self, name: str) -> list[str]:
        """The last lines of its log."""
        with self._log(name).open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
        return text.splitlines()[-TAIL_LINES:]

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"
