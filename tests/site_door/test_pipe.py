"""Two protocols joined in memory behave as on a stream of a tunnel."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cfos_cloud.site_door.pipe import HIGH_WATER, MAX_PIECES, PipeEnd, join


@implementer(IPushProducer)
class Recorder(Protocol):
    def __init__(self) -> None:
        self.got: list[Any] = []
        self.pauses: list[str] = []
        self.end: Any = None

    def connectionMade(self) -> None:
        self.end = self.transport

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.got.append(reason.type)

    def pauseProducing(self) -> None:
        self.pauses.append("pause")

    def resumeProducing(self) -> None:
        self.pauses.append("resume")

    def stopProducing(self) -> None:
        self.pauses.append("stop")


@implementer(IHalfCloseableProtocol)
class HalfCloser(Recorder):
    def readConnectionLost(self) -> None:
        self.got.append("half")

    def writeConnectionLost(self) -> None:
        """Our own doing."""


class Faulty(Recorder):
    def dataReceived(self, data: bytes) -> None:
        raise RuntimeError("broken")


class PipeCase(SynchronousTestCase):
    def join(self, one: Recorder, two: Recorder) -> None:
        self.clock = Clock()
        self.one, self.two = one, two
        join(self.clock, one, two)

    def settle(self) -> None:
        while self.clock.getDelayedCalls():
            self.clock.advance(0)


class DataTests(PipeCase):
    def setUp(self) -> None:
        self.join(Recorder(), Recorder())

    def test_what_one_writes_the_other_gets_a_turn_later_in_order(self) -> None:
        self.one.end.write(b"a")
        self.one.end.writeSequence([b"b", b"c"])
        self.assertEqual(self.two.got, [])
        self.settle()
        self.assertEqual(self.two.got, [b"abc"])
        self.two.end.write(b"d")
        self.settle()
        self.assertEqual(self.one.got, [b"d"])

    def test_many_small_pieces_are_kept_as_few(self) -> None:
        end: PipeEnd = self.one.end
        for number in range(3 * MAX_PIECES):
            end.write(b"%03d" % number)
            self.assertLessEqual(len(end._out), MAX_PIECES)
        self.settle()
        [got] = self.two.got
        self.assertEqual(got[:6] + got[-3:], b"000001%03d" % (3 * MAX_PIECES - 1))
        self.assertEqual(len(got), 9 * MAX_PIECES)

    def test_who_pauses_gets_nothing_until_they_resume(self) -> None:
        self.two.end.pauseProducing()
        self.one.end.write(b"a")
        self.settle()
        self.assertEqual(self.two.got, [])
        self.two.end.resumeProducing()
        self.settle()
        self.assertEqual(self.two.got, [b"a"])

    def test_a_producer_is_paused_while_too_much_waits(self) -> None:
        self.one.end.registerProducer(self.one, True)
        self.two.end.pauseProducing()
        self.one.end.write(b"x" * HIGH_WATER)
        self.assertEqual(self.one.pauses, [])
        self.one.end.write(b"x")
        self.assertEqual(self.one.pauses, ["pause"])
        self.settle()
        self.assertEqual(self.one.pauses, ["pause"])
        self.two.end.resumeProducing()
        self.settle()
        self.assertEqual(self.one.pauses, ["pause", "resume"])

    def test_one_that_comes_late_is_paused_as_well(self) -> None:
        self.two.end.pauseProducing()
        self.one.end.write(b"x" * (HIGH_WATER + 1))
        self.one.end.registerProducer(self.one, True)
        self.assertEqual(self.one.pauses, ["pause"])
        self.assertRaises(RuntimeError, self.one.end.registerProducer, self.two, True)


class EndTests(PipeCase):
    def setUp(self) -> None:
        self.join(Recorder(), Recorder())

    def test_the_end_comes_behind_what_was_written(self) -> None:
        self.one.end.write(b"last")
        self.one.end.loseConnection()
        self.one.end.write(b"too late")
        self.settle()
        self.assertEqual(self.two.got, [b"last", ConnectionDone])
        self.assertEqual(self.one.got, [ConnectionDone])

    def test_the_end_waits_for_who_pauses(self) -> None:
        self.two.end.pauseProducing()
        self.one.end.write(b"last")
        self.one.end.loseConnection()
        self.settle()
        self.assertEqual(self.two.got, [])
        self.two.end.resumeProducing()
        self.settle()
        self.assertEqual(self.two.got, [b"last", ConnectionDone])

    def test_what_still_comes_after_our_end_is_thrown_away(self) -> None:
        self.two.end.write(b"unwanted")
        self.one.end.loseConnection()
        self.settle()
        self.assertEqual(self.one.got, [ConnectionDone])

    def test_an_abort_drops_what_waits_and_both_hear_of_it(self) -> None:
        self.one.end.write(b"lost")
        self.one.end.abortConnection()
        self.assertEqual(self.one.got, [ConnectionAborted])
        self.settle()
        self.assertEqual(self.two.got, [ConnectionLost])
        self.two.end.write(b"x")
        self.two.end.loseConnection()
        self.settle()
        self.assertEqual(len(self.one.got), 1)

    def test_a_producer_of_what_is_over_is_stopped(self) -> None:
        self.one.end.abortConnection()
        self.one.end.registerProducer(self.one, True)
        self.assertEqual(self.one.pauses, ["stop"])


class HalfTests(PipeCase):
    def test_each_direction_ends_by_itself(self) -> None:
        self.join(HalfCloser(), HalfCloser())
        self.one.end.loseWriteConnection()
        self.settle()
        self.assertEqual(self.two.got, ["half"])
        self.two.end.write(b"more")
        self.settle()
        self.assertEqual(self.one.got, [b"more"])
        self.two.end.loseWriteConnection()
        self.settle()
        self.assertEqual(self.one.got[-1], ConnectionDone)
        self.assertEqual(self.two.got[-1], ConnectionDone)

    def test_who_does_not_know_that_ends_both(self) -> None:
        self.join(HalfCloser(), Recorder())
        self.one.end.loseWriteConnection()
        self.settle()
        self.assertEqual(self.one.got, [ConnectionDone])
        self.assertEqual(self.two.got, [ConnectionDone])


class FaultTests(PipeCase):
    def test_a_protocol_s_fault_ends_its_pipe_alone(self) -> None:
        self.join(Recorder(), Faulty())
        self.one.end.write(b"x")
        self.settle()
        self.assertEqual(self.one.got, [ConnectionLost])
        self.assertEqual(self.two.got, [ConnectionAborted])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
