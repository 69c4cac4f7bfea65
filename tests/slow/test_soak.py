"""
A soak of twenty minutes; ``SOAK_SECONDS`` in the environment says otherwise.

``python -m tests.soak.run`` does the same, and draws the picture of docs/resilience.md.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.plot import draw
from tests.soak.run import Plan, soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "1200"))


class SoakTests(SynchronousTestCase):
    # Seconds; trial's own limit is two minutes.
    timeout = 3 * SECONDS + 300

    def test_nothing_grows_and_nothing_is_left(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        report = soak(directory, Plan(SECONDS, pace=3.0))
        (directory / "soak.svg").write_text(draw(report.samples, report.cuts))
        print(f"\n{report.text()}")
        self.assertEqual(report.findings, [])
