"""What waits is kept as it came; only a piece of it is parsed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import END, BadMessage, RequestHead
from cfos_cloud.relay.intake import PIECE_BYTES, Intake

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
MANY = 3 * PIECE_BYTES // len(GET)


class IntakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.intake = Intake()

    def take(self) -> list[object]:
        """All that is there, piece by piece."""
        taken: list[object] = []
        while self.intake.events or self.intake.more():
            taken.append(self.intake.events.popleft())
        return taken

    def heads(self) -> int:
        return sum(isinstance(each, RequestHead) for each in self.take())

    def test_a_part_of_a_head_is_nothing_to_take(self) -> None:
        self.assertFalse(self.intake.feed(GET[:10]))
        self.assertTrue(self.intake.feed(GET[10:]))
        self.assertEqual([type(each) for each in self.take()], [RequestHead, type(END)])

    def test_no_more_than_a_request_is_parsed_at_a_time(self) -> None:
        self.assertTrue(self.intake.feed(GET * MANY))
        self.assertEqual(len(self.intake.events), 2)
        self.assertEqual(self.heads(), MANY)
        self.assertFalse(self.intake.more())

    def test_what_comes_while_something_waits_comes_behind_it(self) -> None:
        self.intake.feed(GET * MANY)
        self.assertTrue(self.intake.feed(GET.replace(b" / ", b" /last ")))
        last = [each for each in self.take() if isinstance(each, RequestHead)][-1]
        self.assertEqual(last.target, b"/last")

    def test_a_large_body_is_whole(self) -> None:
        size = 5 * PIECE_BYTES + 1
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        self.intake.feed(head + b"b" * size)
        body = b"".join(each for each in self.take() if isinstance(each, bytes))
        self.assertEqual(body, b"b" * size)

    def test_behind_an_upgrade_nothing_is_parsed_until_it_is_decided(self) -> None:
        for go_on in (True, False):
            self.setUp()
            self.intake.feed(UPGRADE + GET * MANY)
            self.assertEqual(self.heads(), 1)
            self.assertTrue(self.intake.awaits_upgrade and self.intake.has_rest)
            if go_on:
                self.intake.go_on()
                self.assertEqual(self.intake.unread, GET * MANY)
                self.assertEqual(self.heads(), MANY)
            else:
                self.assertEqual(self.intake.take_rest(), GET * MANY)
                self.assertEqual(self.intake.take_rest(), b"")

    def test_nonsense_is_the_last_that_comes(self) -> None:
        self.intake.feed(GET * MANY + b"nonsense\r\n\r\n" + GET)
        taken = self.take()
        self.assertIsInstance(taken[-1], BadMessage)
        self.assertFalse(self.intake.feed(GET))

    def test_what_is_forgotten_does_not_come(self) -> None:
        self.intake.feed(GET * MANY)
        self.intake.forget()
        self.assertEqual(self.take(), [])
        self.intake.close()
        self.assertFalse(self.intake.feed(GET))
