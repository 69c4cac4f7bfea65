"""Tests in several processes, each of which takes one name after another."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

#: The argument of ``tests.run`` that makes it a worker.
WORK = "--work"
#: ASCII's record separator: a worker has run what it was given.
ENDED = "\x1e"
_COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


@dataclass(frozen=True)
class Counts:
    """How many tests ended how."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    @property
    def good(self) -> bool:
        """Whether something was executed and nothing failed."""
        return self.failed == 0 and self.passed > 0


class Names:
    """Names that several threads take, and write about."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = iter(names)
        self._lock = Lock()

    def take(self) -> str | None:
        """The next one, if there is one."""
        with self._lock:
            return next(self._names, None)

    def left(self) -> Iterator[str]:
        """Those that nobody took."""
        return self._names

    def tell(self, lines: list[str]) -> None:
        """Print what belongs together."""
        with self._lock:
            print("".join(lines), end="", flush=True)


def attend(names: Names) -> Counts:
    """
    A worker's counts, who gets names as long as there are any. What it writes about one
    of them is printed when it has ended.
    """
    command = [sys.executable, "-m", "tests.run", WORK]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        lines: list[str] = []
        _give(worker, names)
        for line in worker.stdout:
            text, ended, _ = line.partition(ENDED)
            lines.append(text)
            if ended:
                names.tell(lines)
                lines.clear()
                _give(worker, names)
    names.tell(lines)
    found = _COUNTS.fullmatch(lines[-1].strip()) if lines else None
    # Who ends without counts has failed as a whole.
    return Counts(*map(int, found.groups())) if found else Counts(0, 1, 0)


def _give(worker: subprocess.Popen[str], names: Names) -> None:
    """Tell it the next name, or that there is none."""
    assert worker.stdin is not None
    name = names.take()
    try:
        if name is None:
            worker.stdin.close()
        else:
            worker.stdin.write(f"{name}\n")
            worker.stdin.flush()
    except BrokenPipeError:
        pass  # it has died, and its counts will be missed


def side_by_side(names: Iterable[str], workers: int) -> int:
    """
    Run the tests of these names in so many processes, and say their counts as one.

    :returns: the exit status. A name without a test is a failure, and so is a worker
        that dies.
    """
    shared = Names(names)
    with ThreadPoolExecutor(workers) as threads:
        every = list(threads.map(attend, [shared] * workers))
    total = sum(every, Counts(0, 0, 0))
    for name in shared.left():
        print(f"not run, as no worker was left: {name}")
        total += Counts(0, 1, 0)
    # A line of its own, also after one that was left unfinished.
    print(f"\n{total}", flush=True)
    return 0 if total.good else 1
