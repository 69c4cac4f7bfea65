"""The table of what an access key costs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.keys import table
from benchmarks.load import Rate, Subject


class KeyTests(SynchronousTestCase):
    def test_ratios_are_to_the_session(self) -> None:
        rates = {
            "session": [Rate(900, 2, 4), Rate(1100, 2, 4), Rate(1000, 3, 5)],
            "access key": [Rate(800, 3, 6)],
        }
        lines = table(rates).splitlines()
        self.assertEqual(lines[2], "| session | 1000 | 1.00 | 2.0 | 4.0 |")
        self.assertEqual(lines[3], "| access key | 800 | 0.80 | 3.0 | 6.0 |")

    def test_a_key_goes_into_its_field(self) -> None:
        subject = Subject("access key", 1, key="a.b.c")
        self.assertEqual(subject.header(), ["-H", "Authorization: Bearer a.b.c"])
        self.assertEqual(Subject("nginx", 1).header(), [])
