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

from tests.run import all_that_work_hard
from tests.tree import ROOT

HEAD = """
import warnings
from twisted.trial.unittest import SkipTest, SynchronousTestCase
class Some(SynchronousTestCase):
"""


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


class SharesTests(SynchronousTestCase):
    def run_shares(self, one: str, other: str) -> tuple[str, int]:
        """:returns: the last line, and the exit status."""
        directory = Path(self.mktemp())
        directory.mkdir(parents=True)
        (directory / "test_one.py").write_text(HEAD + one)
        (directory / "test_other.py").write_text(HEAD + other)
        code = (
            "import sys; from tests.run import side_by_side; "
            "sys.exit(side_by_side(['./test_one.py'], ['./test_other.py']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout.splitlines()[-1], done.returncode

    def test_both_are_counted(self) -> None:
        good = " def test_a(self): pass\n"
        bad = " def test_b(self): self.fail('x')\n"
        self.assertEqual(
            self.run_shares(good, good), ("2 passed, 0 failed, 0 skipped", 0)
        )
        for shares in ((good, bad), (bad, good)):
            self.assertEqual(
                self.run_shares(*shares), ("1 passed, 1 failed, 0 skipped", 1)
            )

    def test_one_that_executes_nothing_fails_the_run(self) -> None:
        good = " def test_a(self): pass\n"
        for shares in ((good, " pass\n"), (" pass\n", good)):
            self.assertEqual(
                self.run_shares(*shares), ("1 passed, 0 failed, 0 skipped", 1)
            )

    def test_one_that_dies_is_failed(self) -> None:
        good = " def test_a(self): pass\n"
        dies = " def test_b(self):\n  import os\n  os._exit(0)\n"
        for shares in ((good, dies), (dies, good)):
            self.assertEqual(
                self.run_shares(*shares), ("1 passed, 1 failed, 0 skipped", 1)
            )

    def test_no_room_is_left_out(self) -> None:
        loader = TestLoader()
        shares = [*all_that_work_hard(), "tests.browser", "tests.soak", "tests.slow"]
        whole = {test.id() for test in tests_of(loader.loadByName("tests", True))}
        parts = {test.id() for test in tests_of(loader.loadByNames(shares, True))}
        self.assertEqual(whole, parts)


def tests_of(suite: Any) -> Iterator[Any]:
    """The tests in a suite of suites."""
    for each in suite:
        if hasattr(each, "__iter__"):
            yield from tests_of(each)
        else:
            yield each
