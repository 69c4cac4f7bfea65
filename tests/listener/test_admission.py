"""Device ends that come all at once, and everybody else."""

from __future__ import annotations

import contextlib
import heapq
import random
import ssl

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud import alpn
from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.outcomes import Lost
from cfos_cloud.listener.admission import (
    AT_ONCE,
    CUT_AT_ONCE,
    MOST_OF_SOURCE,
    MOST_SECONDS,
    MOST_WAITING,
    PER_SECOND,
    TICK,
    AdmissionFactory,
)
from cfos_cloud.listener.arrival import PATIENCE, Arrival, was_admitted
from cfos_cloud.listener.first_bytes import MAX_FIRST_BYTES
from cfos_cloud.metrics import HandshakeMetrics
from tests.listener.fake_socket import FakeSocket
from tests.listener.test_sniffer import Recorders


def client_hello(*names: bytes) -> bytes:
    """What a client with this ALPN sends first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([name.decode("ascii") for name in names])
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


BROWSER = client_hello(b"h2", alpn.HTTP_1_1)
DEVICE_END = client_hello(alpn.HTTP_1_1, alpn.TUNNEL)


class AdmissionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inner = Recorders()
        self.counts = HandshakeMetrics()
        self.factory = AdmissionFactory(
            self.inner, self.clock, self.counts, most_waiting=2 * MOST_OF_SOURCE
        )
        self.number = 0

    def arrive(
        self, first: bytes = DEVICE_END, address: str | None = None
    ) -> tuple[Arrival, FakeSocket]:
        """One more connection, each from another address unless told."""
        self.number += 1
        if address is None:
            address = f"198.51.{self.number // 250}.{self.number % 250}"
        arrival = self.factory.buildProtocol(None)
        transport = FakeSocket(arrival)
        transport.peerAddr = IPv4Address("TCP", address, 50_000)
        arrival.makeConnection(transport)
        arrival.dataReceived(first)
        return arrival, transport

    def fill(self, count: int, address: str | None = None) -> list[FakeSocket]:
        """So many device ends at the same moment."""
        return [self.arrive(address=address)[1] for _ in range(count)]

    def let_in(self) -> int:
        """How many were so far."""
        return len(self.inner.built)


class DeviceEndTests(AdmissionCase):
    def test_a_few_at_a_time_do_not_wait(self) -> None:
        self.fill(AT_ONCE)
        self.assertEqual([each.data for each in self.inner.built], [DEVICE_END] * 8)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_have_their_turns_at_an_even_pace(self) -> None:
        self.fill(AT_ONCE + int(PER_SECOND))
        self.assertEqual(self.counts.waiting, PER_SECOND)
        most = 0
        for _ in range(100):
            before = self.let_in()
            self.clock.advance(TICK)
            most = max(most, self.let_in() - before)
        self.assertLessEqual(most, AT_ONCE)
        self.assertGreaterEqual(self.let_in(), AT_ONCE + PER_SECOND - 3)
        self.clock.pump([TICK] * 3)
        self.assertEqual((self.counts.waiting, self.counts.cut), (0, 0))
        self.assertEqual(self.counts.admitted, AT_ONCE + PER_SECOND)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_a_long_turn_there_is_not_all_the_more_to_do(self) -> None:
        self.fill(AT_ONCE + 100)
        self.clock.advance(5.0)
        self.assertEqual(self.let_in(), 2 * AT_ONCE)

    def test_a_newcomer_does_not_overtake_those_that_wait(self) -> None:
        self.fill(AT_ONCE + 1)
        # There is a place again, and the line was not looked at yet.
        self.clock.rightNow += 1.0
        self.arrive()
        self.assertEqual(self.let_in(), AT_ONCE)
        self.clock.advance(0)
        self.clock.advance(TICK)
        self.assertEqual(self.let_in(), AT_ONCE + 2)

    def test_a_crowd_of_one_source_does_not_keep_another_one_waiting(self) -> None:
        self.fill(AT_ONCE + 500, "192.0.2.1")
        _, alone = self.arrive(address="192.0.2.2")
        self.clock.pump([TICK] * 2)
        self.assertTrue(was_admitted(alone))
        self.assertGreater(self.counts.waiting, 480)

    def test_a_source_that_has_too_many_is_cut_and_others_are_not(self) -> None:
        sockets = self.fill(AT_ONCE + MOST_OF_SOURCE + 2, "192.0.2.1")
        self.assertEqual(
            [socket.aborted for socket in sockets[-3:]], [False, True, True]
        )
        self.assertFalse(self.arrive()[1].aborted)
        self.assertEqual(self.counts.cut, 2)

    def test_who_finds_no_room_is_cut_and_it_is_said_once(self) -> None:
        with capturedLogs() as logs:
            self.fill(AT_ONCE + 2 * MOST_OF_SOURCE)
            cut = self.fill(3)
        self.assertTrue(all(socket.aborted for socket in cut))
        [line] = [formatEvent(event) for event in logs]
        self.assertIn("device ends come faster than they can be let in", line)

    def test_who_would_wait_too_long_is_cut_and_younger_ones_have_their_turn(
        self,
    ) -> None:
        old = self.fill(AT_ONCE + CUT_AT_ONCE + 5)[AT_ONCE:]
        self.clock.rightNow += MOST_SECONDS - TICK
        _, young = self.arrive()
        self.clock.rightNow += 2 * TICK
        self.clock.advance(0)
        self.assertEqual(sum(socket.aborted for socket in old), CUT_AT_ONCE)
        self.clock.advance(TICK)
        self.assertEqual(sum(socket.aborted for socket in old), CUT_AT_ONCE + 5)
        self.assertTrue(was_admitted(young))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_leaves_while_it_waits_costs_nobody_a_turn(self) -> None:
        self.fill(AT_ONCE)
        leaving, _ = self.arrive()
        _, staying = self.arrive()
        leaving.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.counts.waiting, 1)
        self.clock.advance(1 / PER_SECOND)
        self.clock.advance(TICK)
        self.assertTrue(was_admitted(staying))
        self.assertEqual(self.let_in(), AT_ONCE + 1)
        self.assertEqual(self.counts.waiting, 0)

    def test_who_talks_on_before_its_turn_is_heard_then_up_to_a_bound(self) -> None:
        self.fill(AT_ONCE)
        arrival, socket = self.arrive()
        arrival.dataReceived(b"more")
        endless, cut = self.arrive()
        endless.dataReceived(b"x" * MAX_FIRST_BYTES)
        self.assertTrue(cut.aborted)
        endless.connectionLost(Failure(ConnectionDone()))
        self.clock.pump([TICK] * 2)
        self.assertEqual(self.inner.built[-1].data, DEVICE_END + b"more")
        self.assertIs(socket.protocol, self.inner.built[-1])
        self.assertEqual(self.counts.waiting, 0)


class PiecesTests(AdmissionCase):
    """A ClientHello with a hybrid key share is longer than a segment."""

    def test_an_announcement_in_the_second_segment_is_seen(self) -> None:
        self.fill(AT_ONCE)
        at = DEVICE_END.index(alpn.TUNNEL) + 4
        arrival, _ = self.arrive(DEVICE_END[:at])
        self.assertEqual((self.counts.waiting, self.let_in()), (0, AT_ONCE))
        arrival.dataReceived(DEVICE_END[at:])
        self.assertEqual(self.counts.waiting, 1)
        self.clock.pump([TICK] * 2)
        self.assertEqual(self.inner.built[-1].data, DEVICE_END)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_browser_s_may_come_byte_by_byte(self) -> None:
        arrival, socket = self.arrive(BROWSER[:1])
        for at in range(1, len(BROWSER)):
            arrival.dataReceived(BROWSER[at : at + 1])
        socket.protocol.dataReceived(b"more")
        [inner] = self.inner.built
        self.assertEqual(inner.data, BROWSER + b"more")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_stops_half_way_is_for_tls_to_judge(self) -> None:
        self.arrive(BROWSER[:100])
        self.clock.advance(PATIENCE)
        self.assertEqual([each.data for each in self.inner.built], [BROWSER[:100]])

    def test_what_is_no_client_hello_is_for_tls_to_judge_at_once(self) -> None:
        self.arrive(b"\x16\x00\x00\x00\x00\x00")
        self.assertEqual(self.let_in(), 1)

    def test_who_leaves_half_way_leaves_nothing(self) -> None:
        arrival, _ = self.arrive(BROWSER[:100])
        arrival.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.let_in(), 0)


class OthersTests(AdmissionCase):
    def test_a_browser_goes_ahead_of_all_device_ends_that_wait(self) -> None:
        self.fill(AT_ONCE + 100)
        _, socket = self.arrive(BROWSER)
        self.assertEqual(self.let_in(), AT_ONCE + 1)
        self.assertEqual(self.inner.built[-1].data, BROWSER)
        self.assertFalse(was_admitted(socket))

    def test_browsers_take_no_turns_from_device_ends(self) -> None:
        for _ in range(50):
            self.arrive(BROWSER)
        self.fill(AT_ONCE)
        self.assertEqual(self.counts.admitted, AT_ONCE)
        self.assertEqual(self.counts.waiting, 0)

    def test_it_stays_as_a_pipe_where_the_transport_can_not_be_handed_over(
        self,
    ) -> None:
        arrival = self.factory.buildProtocol(None)
        transport = FakeSocket(Protocol())
        arrival.makeConnection(transport)
        arrival.dataReceived(BROWSER)
        arrival.dataReceived(b"more")
        arrival.connectionLost(Failure(ConnectionDone()))
        [inner] = self.inner.built
        self.assertEqual((inner.data, len(inner.lost)), (BROWSER + b"more", 1))

    def test_whom_the_factory_turns_down_is_cut(self) -> None:
        self.inner.turns_down = True
        self.assertTrue(self.arrive(BROWSER)[1].aborted)
        self.assertTrue(self.arrive()[1].aborted)

    def test_the_inner_factory_starts_and_stops_with_it(self) -> None:
        self.factory.doStart()
        self.assertEqual(self.inner.running, 1)
        self.factory.doStop()
        self.assertEqual(self.inner.running, 0)


class FleetTests(AdmissionCase):
    """A tenth of ten thousand device ends, at a tenth of the pace."""

    count = 1000
    step = 0.05

    def test_all_that_lose_the_server_at_once_are_back_within_a_minute(self) -> None:
        self.factory = AdmissionFactory(
            self.inner,
            self.clock,
            self.counts,
            per_second=PER_SECOND / 10,
            most_waiting=MOST_WAITING // 10,
        )
        chance = random.Random(7)  # noqa: S311 - the same storm each time
        lost = Lost("reset")
        waits = [Backoff(chance.random) for _ in range(self.count)]
        # Not by the clock's own timers: it sorts all of them for each.
        due = [(each.after(lost), number) for number, each in enumerate(waits)]
        heapq.heapify(due)
        there: list[tuple[int, Arrival, FakeSocket]] = []
        back = 0
        for _ in range(int(60 / self.step)):
            self.clock.advance(self.step)
            now = self.clock.seconds()
            while due and due[0][0] <= now:
                there.append((heapq.heappop(due)[1], *self.arrive()))
            waiting = []
            for number, arrival, socket in there:
                if was_admitted(socket):
                    back += 1
                elif socket.aborted:
                    arrival.connectionLost(Failure(ConnectionDone()))
                    heapq.heappush(due, (now + waits[number].after(lost), number))
                else:
                    waiting.append((number, arrival, socket))
            there = waiting
        self.assertEqual(back, self.count)
        self.assertEqual((self.counts.cut, self.counts.waiting), (0, 0))
