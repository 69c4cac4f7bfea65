"""The runner's last line and exit status, from real runs in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from tests.run import jobs
from tests.tree import ROOT

HEAD = """
import warnings
from twisted.trial.unittest import SkipTest, SynchronousTestCase
class Some(SynchronousTestCase):
"""


GOOD = " def test_good(self): pass\n"


class RunTests(SynchronousTestCase):
    def run_tests(self, body: str) -> tuple[str, int]:
        """:returns: the last line, and the exit status."""
        directory = Path(self.mktemp())
        directory.mkdir(parents=True)
        (directory / "test_some.py").write_text(HEAD + body)
        done = subprocess.run(
            [sys.executable, "-m", "tests.run", "./test_some.py"],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout.splitlines()[-1], done.returncode

    def test_passes_and_skips_are_counted(self) -> None:
        body = " def test_a(self): pass\n def test_b(self): raise SkipTest('no')\n"
        self.assertEqual(self.run_tests(body), ("1 passed, 0 failed, 1 skipped", 0))

    def test_failures_and_errors_are_both_failed(self) -> None:
        body = " def test_a(self): self.fail('x')\n def test_b(self): 1 / 0\n"
        self.assertEqual(self.run_tests(body), ("0 passed, 2 failed, 0 skipped", 1))

    def test_a_module_that_cannot_be_imported_is_failed(self) -> None:
        body = " pass\nimport no_such_module\n"
        self.assertEqual(self.run_tests(body), ("0 passed, 1 failed, 0 skipped", 1))

    def test_an_expected_failure_passes_and_an_unexpected_success_fails(self) -> None:
        body = (
            " def test_a(self): self.fail('x')\n test_a.todo = 'later'\n"
            " def test_b(self): self.assertTrue(True)\n test_b.todo = 'later'\n"
        )
        self.assertEqual(self.run_tests(body), ("1 passed, 1 failed, 0 skipped", 1))

    def test_a_run_without_a_test_fails(self) -> None:
        self.assertEqual(
            self.run_tests(" pass\n"), ("0 passed, 0 failed, 0 skipped", 1)
        )

    def test_a_run_that_skips_everything_fails(self) -> None:
        body = " def test_a(self): raise SkipTest('no')\n"
        self.assertEqual(self.run_tests(body), ("0 passed, 0 failed, 1 skipped", 1))

    def test_a_deprecation_that_our_code_causes_fails(self) -> None:
        ours = ROOT / "cfos_cloud" / "some.py"
        theirs = "/usr/lib/python3/some.py"
        body = (
            " def test_a(self):\n"
            f"  warnings.warn_explicit('old', DeprecationWarning, {str(ours)!r}, 1)\n"
            " def test_b(self):\n"
            f"  warnings.warn_explicit('old', DeprecationWarning, {theirs!r}, 1)\n"
        )
        self.assertEqual(self.run_tests(body), ("1 passed, 1 failed, 0 skipped", 1))


class SideBySideTests(SynchronousTestCase):
    def run_all(self, *bodies: str, workers: int = 2) -> tuple[str, str, int]:
        """:returns: all that was printed, its last line, and the exit status."""
        directory = Path(self.mktemp())
        directory.mkdir(parents=True)
        names = [f"./test_{number}.py" for number in range(len(bodies))]
        for name, body in zip(names, bodies, strict=True):
            (directory / name).write_text(HEAD + body)
        code = (
            "import sys; from tests.side_by_side import side_by_side; "
            f"sys.exit(side_by_side({names}, {workers}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout, done.stdout.splitlines()[-1], done.returncode

    def test_all_are_counted_and_printed(self) -> None:
        bad = " def test_bad(self): self.fail('the reason')\n"
        said, last, status = self.run_all(GOOD, bad, GOOD)
        self.assertEqual((last, status), ("2 passed, 1 failed, 0 skipped", 1))
        self.assertIn("the reason", said)
        self.assertEqual(said.count("test_good ..."), 2)
        self.assertEqual(self.run_all(GOOD)[1:], ("1 passed, 0 failed, 0 skipped", 0))

    def test_a_name_without_a_test_is_a_failure_that_is_named(self) -> None:
        said, last, status = self.run_all(GOOD, " pass\n", workers=1)
        self.assertEqual((last, status), ("1 passed, 1 failed, 0 skipped", 1))
        self.assertIn("no test was executed: ./test_1.py", said)

    def test_a_worker_that_dies_is_a_failure_and_another_goes_on(self) -> None:
        dies = " def test_b(self):\n  import os\n  os._exit(0)\n"
        _, last, status = self.run_all(dies, GOOD, GOOD)
        self.assertEqual((last, status), ("2 passed, 1 failed, 0 skipped", 1))

    def test_what_no_worker_was_left_for_is_a_failure(self) -> None:
        dies = " def test_b(self):\n  import os\n  os._exit(0)\n"
        said, last, status = self.run_all(dies, GOOD, GOOD, workers=1)
        self.assertEqual((last, status), ("0 passed, 3 failed, 0 skipped", 1))
        self.assertIn("not run, as no worker was left: ./test_2.py", said)

    def test_what_tests_start_reads_none_of_the_names(self) -> None:
        reads = (
            " def test_c(self):\n  import subprocess\n"
            "  done = subprocess.run('cat', capture_output=True)\n"
            "  self.assertEqual(done.stdout, b'')\n"
        )
        self.assertEqual(
            self.run_all(reads, GOOD, workers=1)[1:],
            ("2 passed, 0 failed, 0 skipped", 0),
        )

    def test_no_test_is_left_out_but_the_slow_ones_nor_run_twice(self) -> None:
        loader = TestLoader()
        whole = [test.id() for test in tests_of(loader.loadByName("tests", True))]
        parts = [test.id() for test in tests_of(loader.loadByNames(jobs(), True))]
        fast = [name for name in whole if not name.startswith("tests.slow.")]
        self.assertEqual(sorted(fast), sorted(parts))
        self.assertEqual(len(parts), len(set(parts)))


def tests_of(suite: Any) -> Iterator[Any]:
    """The tests in a suite of suites."""
    for each in suite:
        if hasattr(each, "__iter__"):
            yield from tests_of(each)
        else:
            yield each
