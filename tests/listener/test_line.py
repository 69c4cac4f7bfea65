"""Who waits, and whose turn it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.line import Line


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.line: Line[str] = Line(most=6, most_of_source=3)

    def everybody(self) -> list[str]:
        """All, in the order of their turns."""
        return [self.line.next() for _ in range(len(self.line))]

    def test_those_of_one_source_have_their_turns_in_the_order_they_came(self) -> None:
        for who in ("a1", "a2", "a3"):
            self.assertTrue(self.line.join("a", who))
        self.assertEqual(self.everybody(), ["a1", "a2", "a3"])

    def test_one_that_comes_alone_does_not_wait_for_all_of_another_source(
        self,
    ) -> None:
        for who in ("a1", "a2", "a3"):
            self.line.join("a", who)
        self.line.join("b", "b1")
        self.assertEqual(self.everybody(), ["a1", "b1", "a2", "a3"])

    def test_a_source_has_only_so_much_room(self) -> None:
        self.assertEqual(
            [self.line.join("a", f"a{number}") for number in range(4)],
            [True, True, True, False],
        )
        self.assertTrue(self.line.join("b", "b1"))

    def test_the_line_has_only_so_much_room(self) -> None:
        for number in range(6):
            self.assertTrue(self.line.join(str(number), str(number)))
        self.assertFalse(self.line.join("x", "x"))
        self.line.next()
        self.assertTrue(self.line.join("x", "x"))
        self.assertEqual(len(self.line), 6)

    def test_who_leaves_has_no_turn_and_leaves_room(self) -> None:
        for who in ("a1", "a2", "a3"):
            self.line.join("a", who)
        self.assertTrue(self.line.leave("a", "a2"))
        self.assertFalse(self.line.leave("a", "a2"))
        self.assertTrue(self.line.join("a", "a4"))
        self.assertEqual(self.everybody(), ["a1", "a3", "a4"])
        self.assertFalse(self.line.leave("a", "a1"))

    def test_nothing_is_kept_of_a_source_of_which_nobody_waits(self) -> None:
        self.line.join("a", "a1")
        self.line.leave("a", "a1")
        self.line.join("b", "b1")
        self.line.next()
        self.assertEqual((len(self.line), len(self.line._sources)), (0, 0))
        self.assertRaises(IndexError, self.line.next)
