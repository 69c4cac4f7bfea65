"""
Run the tests: ``python -m tests.run [NAME...]``, all of them without a name: those in
the browser, and the soak, which mostly wait, beside all others, in processes of their
own.

The last line is ``N passed, N failed, N skipped``, counted by trial. The exit
status is 0 only if at least one test ran and none failed. A DeprecationWarning
that our own code causes fails the test in which it shows.
"""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TestLoader, TrialRunner

ROOT = Path(__file__).resolve().parent.parent
#: Trial's scratch directory; ignored by git.
SCRATCH = "_trial_temp"
_BROWSER = "tests.browser"
_SOAK = "tests.soak"
#: What takes minutes, or the machine for itself: ``make slow``.
_SLOW = "tests.slow"
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


class CountingReporter(TreeReporter):
    """Trial's tree of results; it knows its tests, not only how many succeeded."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.succeeded: set[str] = set()

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self.succeeded.add(test.id())

    def counts(self) -> Counts:
        """
        Each test once: an error, also one that shows after a success, is a failure,
        and so is a success that was not expected; an expected failure is a pass.
        """
        bad = (*self.failures, *self.errors, *self.unexpectedSuccesses)
        failed = {test.id() for test, *_ in bad}
        expected = {test.id() for test, *_ in self.expectedFailures}
        skipped = {test.id() for test, *_ in self.skips}
        passed = (self.succeeded | expected) - failed
        return Counts(len(passed), len(failed), len(skipped - failed))


def refuse_deprecated() -> None:
    """Turn DeprecationWarnings that our own files cause into errors."""
    for directory in ("cfos_cloud", "tests", "benchmarks"):
        # By module name where it is known; trial shows what it collected during
        # a test again by file name only.
        for pattern in (rf"{directory}(\.|\Z)", re.escape(str(ROOT / directory)) + "/"):
            warnings.filterwarnings(
                "error", category=DeprecationWarning, module=pattern
            )


def run(names: list[str]) -> int:
    """
    Run the tests of these names in this process.

    :returns: the exit status.
    """
    sys.path.insert(0, str(ROOT))
    refuse_deprecated()
    suite = TestLoader().loadByNames(names, recurse=True)
    runner = TrialRunner(CountingReporter, workingDirectory=SCRATCH)
    result = runner.run(suite)
    assert isinstance(result, CountingReporter)
    counts = result.counts()
    if counts.passed + counts.failed == 0:
        print("no test was executed", file=sys.stderr)
    print(counts, flush=True)
    return 0 if counts.good else 1


def all_that_work_hard() -> list[str]:
    """The names of all rooms and modules of tests that neither wait nor are slow."""
    rooms = [path.parent.name for path in ROOT.glob("tests/*/__init__.py")]
    modules = [path.stem for path in ROOT.glob("tests/test_*.py")]
    names = sorted(f"tests.{name}" for name in (*rooms, *modules))
    return [name for name in names if name not in (_BROWSER, _SOAK, _SLOW)]


def side_by_side(mine: list[str], *others: list[str]) -> int:
    """
    Run all shares in processes of their own, and say their counts as one. The
    output of ``mine`` comes as it is written, that of ``others`` at the end.

    :returns: the exit status; a share that has no good counts is a failure.
    """
    command = [sys.executable, "-m", "tests.run"]
    with ExitStack() as files:
        beside = []
        for other in others:
            log = files.enter_context(TemporaryFile("w+"))
            process = subprocess.Popen([*command, *other], stdout=log, stderr=log)
            beside.append((process, log))
        with subprocess.Popen(
            [*command, *mine], stdout=subprocess.PIPE, text=True
        ) as here:
            line = ""
            for line in here.stdout or ():
                print(line, end="", flush=True)
        last_lines = [line]
        for process, log in beside:
            process.wait()
            log.seek(0)
            said = log.read()
            print(said, end="", flush=True)
            last_lines.append(said.rstrip().rpartition("\n")[2])
    total = Counts(0, 0, 0)
    for last in last_lines:
        found = _COUNTS.fullmatch(last.strip())
        # Whoever ended without counts has failed as a whole.
        total += Counts(*map(int, found.groups())) if found else Counts(0, 1, 0)
    # A line of its own, also after one that was left unfinished.
    print(f"\n{total}", flush=True)
    statuses = [here.returncode, *(process.returncode for process, _ in beside)]
    return 0 if not any(statuses) and total.good else 1


def main(names: list[str]) -> int:
    """:returns: the exit status."""
    if names:
        return run(names)
    return side_by_side(all_that_work_hard(), [_BROWSER], [_SOAK])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
