"""
A short run of the whole comparison, with real daemons: it fills every core, so nothing
else should run beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks.run import missing_programs
from tests.tree import ROOT


class RunTests(SynchronousTestCase):
    def setUp(self) -> None:
        if lost := missing_programs():
            raise SkipTest(f"not installed: {', '.join(lost)}")
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)

    def test_ours_stands_beside_the_limit(self) -> None:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.run", "--parts", "throughput"),
                *("--rounds=1", "--seconds=1"),
            ],
            cwd=self.directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split(" | ")[0] for line in done.stdout.splitlines()]
        for name in (
            "| nginx",
            "| cfos-cloud",
            "| cfos-cloud, 4 to the target",
            "| cfos-cloud, tunnel as a WebSocket",
        ):
            self.assertIn(name, rows)
