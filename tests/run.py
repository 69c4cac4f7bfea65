"""
Run the tests: ``python -m tests.run [NAME...]``, all of them without a name.

The last line is ``N passed, N failed, N skipped``, counted by trial. The exit
status is 0 only if at least one test ran and none failed. A DeprecationWarning
that our own code causes fails the test in which it shows.
"""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TestLoader, TrialRunner

ROOT = Path(__file__).resolve().parent.parent
#: Trial's scratch directory; ignored by git.
SCRATCH = "_trial_temp"


@dataclass(frozen=True)
class Counts:
    """How many tests ended how."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

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


def main(names: list[str]) -> int:
    """:returns: the exit status."""
    sys.path.insert(0, str(ROOT))
    refuse_deprecated()
    suite = TestLoader().loadByNames(names or ["tests"], recurse=True)
    runner = TrialRunner(CountingReporter, workingDirectory=SCRATCH)
    result = runner.run(suite)
    assert isinstance(result, CountingReporter)
    counts = result.counts()
    if counts.passed + counts.failed == 0:
        print("no test was executed", file=sys.stderr)
    print(counts, flush=True)
    return 0 if counts.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
