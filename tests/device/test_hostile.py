"""A server that means harm costs the device end its tunnel, and a bounded amount."""

from __future__ import annotations

from struct import pack

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.first_line import PREAMBLE_SECONDS
from cfos_cloud.device.outcomes import Lost, Outcome, SentAway
from cfos_cloud.device.target_pool import IDLE_SECONDS, MAX_CONNECTIONS, MAX_WAITING
from cfos_cloud.device.tunnel import CLOSING_SECONDS, DeviceTunnel, Greeting, Welcome
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.rpc import MAX_CALLS
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import Limits, Role
from tests.device.forwarder_support import GET, ForwarderCase, post
from tests.memory import MemoryTransport

DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, RST = 1, 8
MAX_STREAMS = Limits().max_streams


def frame(
    kind: int, flags: int, stream_id: int, length: int, body: bytes = b""
) -> bytes:
    return pack(">BBHLL", 0, kind, flags, stream_id, length) + body


def control(text: bytes) -> bytes:
    return frame(DATA, 0, 1, len(text), text)


class FloodTests(ForwarderCase):
    def test_thousands_of_streams_that_say_nothing_end_by_themselves(self) -> None:
        frames = b"".join(
            frame(WINDOW_UPDATE, SYN, stream_id, 0)
            for stream_id in range(2, 2 * (MAX_STREAMS + 500) + 2, 2)
        )
        self.device.dataReceived(frames)
        self.assertEqual(self.device.stream_count, MAX_STREAMS)
        self.clock.advance(PREAMBLE_SECONDS)
        self.assertEqual(self.device.stream_count, 0)
        self.clock.advance(0)
        self.assertEqual(self.timers(), [])

    def test_so_many_requests_wait_and_the_others_are_told(self) -> None:
        streams = [self.open(GET) for _ in range(MAX_CONNECTIONS + MAX_WAITING + 50)]
        self.assertEqual(len(self.target.attempts), MAX_CONNECTIONS)
        for stream in streams[:-50]:
            self.assertEqual(stream.data, b"")
        for stream in streams[-50:]:
            self.assert_trouble(stream, 503, b"busy")

    def test_requests_in_a_row_are_taken_one_by_one(self) -> None:
        stream = self.open(GET * 500)
        first = self.accept()
        self.assertEqual(len(first.requests()), 1)
        for _ in range(499):
            self.answer(first)
        self.assertEqual(len(first.requests()), 500)
        self.assertEqual(len(self.target.connections), 1)
        self.assertEqual(len(stream.responses()), 499)

    def test_what_is_no_first_line_is_reset(self) -> None:
        for line in (
            b"x" * 5000,
            b"[" * 4000 + b"\n",
            b"{}\n",
            b"\x00\n",
            b'{"kind":"http","grant":1}\n',
            self.preamble(kind="tls"),
            self.preamble(scheme="javascript"),
            self.preamble(host="a b"),
            self.preamble(host="x" * 300),
            self.preamble(host="h\r\nX: y"),
        ):
            self.assert_reset(self.open(preamble=line))
        self.assertEqual(self.target.attempts, [])

    def test_what_is_no_request_is_reset_and_never_reaches_the_target(self) -> None:
        for data in (
            b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
            b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            post(1).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
            b"\x16\x03\x01" + bytes(100),
        ):
            self.assert_reset(self.open(data))
        self.assertEqual(self.target.attempts, [])

    def test_a_reset_in_every_state_frees_what_was_taken(self) -> None:
        def waiting_for_a_line() -> None:
            self.open(preamble=b"{").reset()

        def between_requests() -> None:
            stream = self.open(GET)
            self.answer(self.accept())
            stream.reset()

        def connecting() -> None:
            self.open(GET).reset()
            self.pump()
            self.accept()

        def waiting_for_the_target() -> None:
            stream = self.open(GET)
            self.accept()
            stream.reset()

        def uploading() -> None:
            stream = self.open(post(100) + b"x")
            self.accept()
            stream.reset()

        def downloading() -> None:
            stream = self.open(GET)
            self.accept().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            stream.reset()

        for state in (
            waiting_for_a_line,
            between_requests,
            connecting,
            waiting_for_the_target,
            uploading,
            downloading,
        ):
            for _ in range(2 * MAX_CONNECTIONS):
                state()
                self.pump()
                self.pass_time(IDLE_SECONDS)
                for connection in self.target.connections:
                    self.assertTrue(connection.wire.ended, state)
                    if not connection.upstream.lost:
                        connection.end(clean=False)
            self.assertEqual(self.device.stream_count, 0, state)
            self.assertEqual(self.grant.streams, set())
            self.assertEqual(self.pool.held_by, set())
        self.pass_time(60)
        self.assertEqual(self.timers(), [])


class Listener:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.welcomes: list[Welcome] = []

    def welcomed(self, tunnel: DeviceTunnel, welcome: Welcome) -> None:
        self.welcomes.append(welcome)

    def lost(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class SlowDevice:
    """Takes as long for a log-in as one likes."""

    def __init__(self) -> None:
        self.logins: list[Deferred[JSONObject]] = []

    def login(self, params: object) -> Deferred[JSONObject]:
        self.logins.append(Deferred())
        return self.logins[-1]

    def logout(self, params: object) -> None: ...

    def authorize(self, params: object) -> Deferred[JSONObject]:
        return self.login(params)

    def forget(self, params: object) -> None: ...


WELCOME = control(
    b'{"jsonrpc":"2.0","id":1,"result":'
    b'{"session":"s","heartbeat":25,"url":"https://cloud.example/"}}\n'
)
LOGIN = control(b'{"jsonrpc":"2.0","id":7,"method":"login","params":{}}\n')


class TunnelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.clock = Clock()
        self.wire = MemoryTransport()
        self.listener = Listener()
        self.device = SlowDevice()
        self.streams: list[Protocol] = []
        self.tunnel = DeviceTunnel(
            Greeting("cfos-device/1"),
            self.listener,
            self.stream_opened,
            self.device,
            self.clock,
        )
        self.multiplexed = Multiplexed(Role.CLIENT, self.clock, self.tunnel)
        self.multiplexed.makeConnection(self.wire)

    def stream_opened(self, stream_id: int) -> IProtocol:
        self.streams.append(Protocol())
        return self.streams[-1]

    def receive(self, data: bytes) -> None:
        if not self.wire.ended:
            self.multiplexed.dataReceived(data)
            self.clock.advance(0)
            self.wire.take()

    def end(self) -> Outcome:
        """The connection's, and why it ended."""
        self.multiplexed.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(0)
        self.clock.advance(CLOSING_SECONDS + 30)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        [outcome] = self.listener.outcomes
        return outcome


class RevocationTests(TunnelCase):
    def test_the_server_hears_why_before_the_stream_is_reset(self) -> None:
        self.receive(WELCOME)
        self.receive(frame(WINDOW_UPDATE, SYN, 2, 0))
        self.tunnel.revoke("unknown")
        [stream] = self.streams
        assert isinstance(stream.transport, TunnelStream)
        stream.transport.abortConnection()
        self.clock.advance(0)
        sent = self.wire.take()
        revoked = sent.index(b'"revoke"')
        reset = sent.index(frame(WINDOW_UPDATE, RST, 2, 0))
        self.assertLess(revoked, reset)


class ControlTests(TunnelCase):
    def test_too_many_log_ins_at_once_end_the_tunnel(self) -> None:
        self.receive(WELCOME)
        self.receive(LOGIN * MAX_CALLS)
        self.assertFalse(self.wire.ended)
        self.receive(LOGIN)
        self.assertTrue(self.wire.aborted)
        outcome = self.end()
        assert isinstance(outcome, Lost)
        self.assertIn(f"more than {MAX_CALLS} requests at once", outcome.reason)
        for login in self.device.logins:
            login.callback({})

    def test_a_line_without_an_end_ends_it(self) -> None:
        self.receive(WELCOME)
        for _ in range(64):
            self.receive(control(b"x" * 1024))
        self.assertTrue(self.wire.aborted)

    def test_revocations_that_nobody_reads_end_it(self) -> None:
        self.receive(WELCOME)
        for number in range(20_000):
            self.tunnel.revoke(f"{number:0128}")
            self.clock.advance(0)
            if self.wire.aborted:
                break
        self.assertTrue(self.wire.aborted)
        outcome = self.end()
        assert isinstance(outcome, Lost)
        self.assertEqual(outcome.reason, "the control stream is not read")

    def test_goodbyes_are_one_goodbye(self) -> None:
        self.receive(WELCOME)
        for reason in (b"shutdown", b"replaced", b"disabled", b"party"):
            self.receive(
                control(
                    b'{"jsonrpc":"2.0","method":"goaway","params":{"reason":"%b"}}\n'
                    % reason
                )
            )
        outcome = self.end()
        assert isinstance(outcome, SentAway)
        self.assertEqual(outcome.reason, "replaced")


IDS = st.sampled_from([0, 1, 2, 3, 4, 6, 0xFFFFFFFE])
FRAMES = st.one_of(
    st.tuples(st.just(DATA), st.integers(0, 15), IDS, st.binary(max_size=30)).map(
        lambda f: frame(f[0], f[1], f[2], len(f[3]), f[3])
    ),
    st.tuples(
        st.sampled_from([WINDOW_UPDATE, PING, GO_AWAY]),
        st.integers(0, 15),
        IDS,
        st.sampled_from([0, 1, 262_144, 0xFFFFFFFF]),
    ).map(lambda f: frame(*f)),
    st.sampled_from(
        [
            WELCOME,
            LOGIN,
            control(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}\n'),
            control(b'{"jsonrpc":"2.0","id":1,"result":{}}\n'),
            control(b'{"jsonrpc":"2.0","method":"logout","params":{"grant":"g"}}\n'),
            control(b'{"jsonrpc":"2.0","method":"goaway","params":{"reason":"x"}}\n'),
            control(
                b'{"jsonrpc":"2.0","method":"goaway","params":{"reason":"removed"}}\n'
            ),
            control(b'{"jsonrpc":"2.0","method":"goaway","params":{"reason":[]}}\n'),
        ]
    ),
)


class AnyFrameTests(TunnelCase):
    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.lists(FRAMES, max_size=12), st.integers(0, 14))
    def test_whatever_comes_there_is_one_end_and_nothing_is_left(
        self, welcome: bool, frames: list[bytes], closes_at: int
    ) -> None:
        self.begin()
        if welcome:
            self.receive(WELCOME)
        for number, data in enumerate(frames):
            if number == closes_at:
                self.tunnel.close()
            self.receive(data)
            self.tunnel.revoke("g")
            self.tunnel.report({"target": "up"})
        for login in self.device.logins:
            login.callback({"grant": "g", "role": "admin", "user": "admin"})
        self.end()
        self.assertLessEqual(len(self.listener.welcomes), 1)
        self.assertEqual(self.multiplexed.stream_count, 0)
        self.assertEqual(self.flushLoggedErrors(), [])
