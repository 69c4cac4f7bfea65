"""The table's ratios are those of the same round."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.load import Rate
from benchmarks.report import Round, headings, ratio, table


def one(small: float, medium: float, large: float) -> Round:
    return Round(Rate(small, 1.0, 2.0), Rate(medium, 3.0, 4.0), large)


class ReportTests(SynchronousTestCase):
    def test_a_ratio_is_the_median_over_rounds(self) -> None:
        self.assertEqual(ratio([50, 20, 60], [100, 100, 100]), 0.5)

    def test_noise_that_slows_both_in_one_round_does_not_show(self) -> None:
        self.assertEqual(ratio([50, 25], [100, 50]), 0.5)

    def test_each_subject_has_a_row_of_all_columns(self) -> None:
        text = table(
            {"nginx": [one(20000, 10000, 400)], "ours": [one(9000, 5000, 200)]}
        )
        rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
        self.assertEqual([row[0] for row in rows[2:]], ["nginx", "ours"])
        columns = {len(headings(["nginx"])) + 1}
        self.assertEqual({line.count("|") for line in text.splitlines()}, columns)
        expected = ["9,000", "1.0", "2.0", "0.45", "5,000", "3.0", "4.0", "0.50"]
        self.assertEqual(rows[3], ["ours", *expected, "200", "0.50"])

    def test_other_peers_have_columns_of_their_own(self) -> None:
        rounds = {
            "nginx": [one(20000, 10000, 400)],
            "ours": [one(10000, 5000, 200)],
            "theirs": [one(5000, 10000, 100)],
        }
        rows = [
            line.strip("| ").split(" | ")
            for line in table(rounds, "theirs").splitlines()
        ]
        self.assertEqual(rows[0][3:5], ["of nginx", "of theirs"])
        expected = ["10,000", "1.0", "2.0", "0.50", "2.00"]
        self.assertEqual(rows[3][1:6], expected)
        self.assertEqual(
            rows[3][9:11] + rows[3][-3:], ["0.50", "0.50", "200", "0.50", "2.00"]
        )
        self.assertEqual(rows[4][4:6], ["0.25", "1.00"])
