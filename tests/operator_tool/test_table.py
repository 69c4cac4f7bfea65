"""Tables that fit, and numbers and times as people read them."""

from __future__ import annotations

import os
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.operator_tool.human import duration, local_time, size
from cfos_cloud.operator_tool.table import Column, cut, lines_of, places

COLUMNS = (
    Column("ID"),
    Column("NAME", shrinks=True),
    Column("AGENT", shrinks=True),
    Column("IN", is_number=True),
)


class TableTests(SynchronousTestCase):
    def test_columns_are_as_wide_as_what_is_in_them(self) -> None:
        self.assertEqual(
            lines_of(COLUMNS, [["a", "Depot", "x", "7"], ["bcd", "D", "yz", "12"]], 80),
            [
                "ID   NAME   AGENT  IN",
                "a    Depot  x       7",
                "bcd  D      yz     12",
            ],
        )

    def test_the_widest_column_that_may_is_cut_first(self) -> None:
        row = ["a" * 10, "b" * 30, "c" * 12, "1"]
        (_, line) = lines_of(COLUMNS, [row], 50)
        self.assertEqual(len(line), 50)
        self.assertIn("a" * 10, line)
        self.assertIn("c" * 12, line)
        self.assertIn("b…", line)

    def test_what_may_not_be_cut_makes_the_line_longer(self) -> None:
        (_, line) = lines_of(COLUMNS, [["a" * 100, "name", "agent", "1"]], 40)
        self.assertIn("a" * 100, line)

    def test_wide_and_combined_characters_count_as_terminals_do(self) -> None:
        for text, expected in (("abc", 3), ("一二", 4), ("e\u0301", 1), ("\u200b", 0)):
            self.assertEqual(places(text), expected, text)
        self.assertEqual(cut("一二三四", 5), "一二…")

    def test_control_characters_are_shown_not_obeyed(self) -> None:
        (_, line) = lines_of(COLUMNS, [["\x1b[2J", "a\nb", "", ""]], 80)
        self.assertIn(r"\x1b[2J  a\nb", line)

    @given(
        st.lists(st.tuples(*[st.text(max_size=50)] * 4), min_size=1, max_size=5),
        st.integers(60, 200),
    )
    def test_whatever_is_in_it_a_table_is_a_line_a_row(
        self, rows: list[tuple[str, ...]], width: int
    ) -> None:
        lines = lines_of(COLUMNS, rows, width)
        self.assertEqual(len(lines), len(rows) + 1)
        for line in lines:
            self.assertLessEqual(len(line.splitlines()), 1)

    @given(st.text(max_size=80), st.integers(1, 40))
    def test_what_is_cut_fits(self, text: str, width: int) -> None:
        self.assertLessEqual(places(cut(text, width)), width)


class HumanTests(SynchronousTestCase):
    def test_sizes_have_two_or_three_digits(self) -> None:
        for count, text in (
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (5 * 10**18, "5000 PB"),
        ):
            self.assertEqual(size(count), text)

    def test_durations_are_their_two_largest_units(self) -> None:
        for seconds, words in (
            (0, "0 seconds"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3600, "1 hour"),
            (3605, "1 hour"),
            (86_400 + 3600 + 60, "1 day 1 hour"),
            (3 * 86_400 + 7200, "3 days 2 hours"),
        ):
            self.assertEqual(duration(seconds), words)

    def test_times_are_of_this_machine_s_zone(self) -> None:
        before = os.environ.get("TZ")

        def set_zone(name: str | None) -> None:
            os.environ.pop("TZ", None)
            if name is not None:
                os.environ["TZ"] = name
            time.tzset()

        self.addCleanup(set_zone, before)
        set_zone("Europe/Berlin")
        self.assertEqual(local_time("2026-11-22T12:00:00Z"), "2026-11-22 13:00")
        self.assertEqual(
            local_time("2026-11-22T12:00:05Z", seconds=True), "2026-11-22 13:00:05"
        )

    def test_what_is_no_time_comes_back_as_it_is(self) -> None:
        for text in ("", "soon", "0001-01-01T00:00:00+23:59"):
            self.assertEqual(local_time(text), text)
