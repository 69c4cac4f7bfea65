"""A body that is made piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.web.download import PIECES, Download


class Response:
    """What a request is to a body."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: IPushProducer | None = None
        self.lost = False
        self.pause_at: int | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if len(self.written) == self.pause_at:
            assert self.producer is not None
            self.producer.pauseProducing()

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        # twisted.web's fails then, for it has no channel any more.
        assert not self.lost
        self.producer = None

    def loseConnection(self) -> None:
        self.lost = True


class Turns(Clock):
    """A reactor's turns, one at a time."""

    def next(self) -> None:
        """What is due in this turn, and nothing that it puts off."""
        due, self.calls = self.calls, []
        for call in due:
            call.called = 1
            call.func(*call.args, **call.kw)


class DownloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Turns()
        self.response = Response()

    def run_all(self) -> None:
        for _ in range(100):
            self.clock.next()

    def pieces(self, count: int) -> Iterator[bytes]:
        self.made = 0
        for number in range(count):
            self.made += 1
            yield b"%d" % number

    def test_all_pieces_are_written_in_their_order(self) -> None:
        done = Download(self.response, self.pieces(50), self.clock).start()
        self.run_all()
        self.successResultOf(done)
        self.assertEqual(b"".join(self.response.written), b"".join(self.pieces(50)))
        self.assertIsNone(self.response.producer)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_others_have_their_turns_between(self) -> None:
        Download(self.response, self.pieces(50), self.clock).start()
        self.clock.next()
        self.assertEqual(len(self.response.written), PIECES)

    def test_it_waits_for_who_reads_slowly_and_makes_nothing_meanwhile(self) -> None:
        self.response.pause_at = 6
        done = Download(self.response, self.pieces(50), self.clock).start()
        self.run_all()
        self.assertEqual((len(self.response.written), self.made), (6, 6))
        assert self.response.producer is not None
        self.response.producer.resumeProducing()
        self.run_all()
        self.successResultOf(done)
        self.assertEqual(len(self.response.written), 50)

    def test_it_ends_when_nobody_is_there_any_more(self) -> None:
        done = Download(self.response, self.pieces(50), self.clock).start()
        self.clock.next()
        self.response.lost = True
        done.cancel()
        self.failureResultOf(done)
        self.run_all()
        self.assertEqual(len(self.response.written), PIECES)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_part_is_not_taken_for_the_whole(self) -> None:
        def broken() -> Iterator[bytes]:
            yield b"a part"
            raise OSError("the disk is gone")

        done = Download(self.response, broken(), self.clock).start()
        self.run_all()
        self.assertNoResult(done)
        self.assertTrue(self.response.lost)
        self.assertIsNone(self.response.producer)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_who_may_see_it_no_more_is_cut_off(self) -> None:
        download = Download(self.response, self.pieces(50), self.clock)
        done = download.start()
        self.clock.next()
        download.abort()
        self.assertTrue(self.response.lost)
        done.cancel()
        self.failureResultOf(done)
        self.run_all()
        self.assertEqual(len(self.response.written), PIECES)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_over_is_not_cut_off(self) -> None:
        download = Download(self.response, self.pieces(1), self.clock)
        download.start()
        self.run_all()
        download.abort()
        self.assertFalse(self.response.lost)
