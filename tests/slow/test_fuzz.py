"""
Each reader of strangers' bytes under inputs that atheris leads by coverage, for
``FUZZ_SECONDS`` (60) each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.harnesses import HARNESSES
from tests.tree import ROOT

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


class FuzzTests(SynchronousTestCase):
    #: Twisted's own limit for a test.
    timeout = len(HARNESSES) * (SECONDS + 300)

    def test_nothing_is_found(self) -> None:
        for name in HARNESSES:
            runs = self.run_harness(name)
            print(f"\n{name}: {runs} inputs in {SECONDS} s, nothing found")

    def run_harness(self, name: str) -> int:
        found = Path(self.mktemp()).absolute()
        command = [sys.executable, "-m", "tests.fuzz", name, "--found", str(found)]
        run = subprocess.run(
            [*command, "--seconds", str(SECONDS)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS + 300,
        )
        said = run.stdout + run.stderr
        kinds = ("crash-*", "timeout-*", "oom-*", "leak-*")
        findings = [path.name for kind in kinds for path in found.glob(kind)]
        self.assertEqual((run.returncode, findings), (0, []), said[-4000:])
        done = re.search(r"Done ([0-9]+) runs", said)
        assert done is not None, said[-4000:]
        self.assertGreater(int(done[1]), 0)
        return int(done[1])
