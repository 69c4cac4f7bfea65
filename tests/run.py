"""
Run the tests: ``python -m tests.run [NAME...]``. Without a name all of them, side by
side in ``WORKERS`` processes (one more than there are cores, as many tests wait), but
those of ``tests.slow``.

The last line is ``N passed, N failed, N skipped``, counted by trial. The exit
status is 0 only if at least one test ran and none failed. A DeprecationWarning
that our own code causes fails the test in which it shows.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import TestSuite

from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TestLoader, TrialRunner

from tests.side_by_side import ENDED, WORK, Counts, side_by_side

ROOT = Path(__file__).resolve().parent.parent
#: Trial's scratch directory; ignored by git.
SCRATCH = "_trial_temp"
#: The rooms whose tests start processes, those that take longest first.
_LARGE = ("soak", "end_to_end", "browser", "registry", "interop", "demo", "benchmarks")
#: What takes minutes, or the machine for itself: ``make slow``.
_SLOW = "slow"


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


def prepare() -> None:
    """Tests find what they import, and our own deprecations fail them."""
    sys.path.insert(0, str(ROOT))
    refuse_deprecated()


def counts_of(suite: TestSuite) -> Counts:
    """Run these tests in this process, and count."""
    result = TrialRunner(CountingReporter, workingDirectory=SCRATCH).run(suite)
    assert isinstance(result, CountingReporter)
    return result.counts()


def run(names: list[str]) -> int:
    """
    Run the tests of these names in this process.

    :returns: the exit status.
    """
    prepare()
    counts = counts_of(TestLoader().loadByNames(names, recurse=True))
    if counts.passed + counts.failed == 0:
        print("no test was executed", file=sys.stderr)
    print(counts, flush=True)
    return 0 if counts.good else 1


class Queue(TestSuite):
    """
    The tests of names that come one by one, each when those before it have ended.

    :param names: where they come from.
    :param ended: called after each.
    """

    def __init__(self, names: Iterable[str], ended: Callable[[], None]) -> None:
        super().__init__()
        self._names = names
        self._ended = ended
        #: Those in which there was nothing to run.
        self.empty: list[str] = []

    def run(self, result: Any, debug: bool = False) -> Any:
        for name in self._names:
            before = result.testsRun
            TestLoader().loadByName(name, recurse=True).run(result)
            if result.testsRun == before:
                self.empty.append(name)
            self._ended()
        return result


def work() -> int:
    """
    Run the tests whose names come as lines on standard input, which their processes
    don't inherit; after each a :data:`~tests.side_by_side.ENDED` goes out.

    :returns: the exit status.
    """
    names = os.fdopen(os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    prepare()
    queue = Queue(map(str.strip, names), lambda: print(ENDED, flush=True))
    counts = counts_of(queue)
    for name in queue.empty:
        print(f"no test was executed: {name}")
    counts += Counts(0, len(queue.empty), 0)
    print(counts, flush=True)
    return 0 if counts.failed == 0 else 1


def _in_rooms(pattern: str) -> list[Path]:
    """What there is in the rooms of tests, relative to the tree."""
    return [path.relative_to(ROOT) for path in (ROOT / "tests").glob(pattern)]


def jobs() -> list[str]:
    """
    All names but the slow ones: the rooms that start processes module by module and
    first, so that no long one is left for the end.
    """
    rooms = sorted({path.parts[1] for path in _in_rooms("*/**/test_*.py")})
    large = [
        f"tests.{room}.{path.stem}"
        for room in _LARGE
        for path in sorted((ROOT / "tests" / room).iterdir())
        if path.match("test_*.py") or (path / "__init__.py").exists()
    ]
    modules = sorted(path.stem for path in ROOT.glob("tests/test_*.py"))
    small = [name for name in rooms if name not in (*_LARGE, _SLOW)]
    return [*large, *(f"tests.{name}" for name in (*modules, *small))]


def main(names: list[str]) -> int:
    """:returns: the exit status."""
    if names == [WORK]:
        return work()
    if names:
        return run(names)
    return side_by_side(
        jobs(), int(os.environ.get("WORKERS", (os.cpu_count() or 1) + 1))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
