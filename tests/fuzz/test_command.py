"""The command that looks for longer, and what it does when it finds something."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.__main__ import by_chance
from tests.fuzz.harness import Harness
from tests.tree import ROOT


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.found = Path(self.mktemp()).absolute()
        self.found.mkdir()

    def test_it_runs_for_as_long_as_it_is_told(self) -> None:
        command = [sys.executable, "-m", "tests.fuzz", "websocket", "--seconds", "1"]
        run = subprocess.run(
            [*command, "--found", str(self.found)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        done = re.search(r"Done ([0-9]+) runs", run.stdout + run.stderr)
        assert done is not None, run.stderr
        self.assertGreater(int(done[1]), 0)
        self.assertEqual(list(self.found.glob("crash-*")), [])

    def test_what_breaks_something_is_kept(self) -> None:
        def check(data: bytes) -> None:
            if b"!" in data:
                raise ZeroDivisionError

        harness = Harness("planted", check, lambda: [b"some", b"bytes"], (b"!",))
        with self.assertRaises(ZeroDivisionError):
            by_chance(harness, 60, self.found)
        [kept] = self.found.iterdir()
        self.assertIn(b"!", kept.read_bytes())

    def test_without_a_finding_it_says_how_many_there_were(self) -> None:
        said = io.StringIO()
        harness = Harness("sound", lambda data: None, lambda: [b"some"])
        with redirect_stdout(said):
            self.assertEqual(by_chance(harness, 0.05, self.found), 0)
        self.assertRegex(said.getvalue(), r"^Done [1-9][0-9]* runs in 0 second")
