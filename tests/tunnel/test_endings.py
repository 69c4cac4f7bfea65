"""The server's log says why a tunnel ended, and whose it was."""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.reasons import TunnelBroken, reason_of
from tests.tunnel.support import MemoryTunnel


def end_in_order(tunnel: MemoryTunnel) -> None:
    tunnel.at_device.shut_down()
    tunnel.pump()


def answer_no_ping(tunnel: MemoryTunnel) -> None:
    for _ in range(3):
        tunnel.clock.advance(25)
    tunnel.cut()


def say(words: bytes) -> Callable[[MemoryTunnel], None]:
    def do(tunnel: MemoryTunnel) -> None:
        transport = tunnel.device.control.transport
        assert transport is not None
        transport.write(words)
        tunnel.pump()

    return do


def end_control(tunnel: MemoryTunnel) -> None:
    transport = tunnel.device.control.transport
    assert transport is not None
    transport.loseConnection()
    tunnel.pump()


def break_frames(tunnel: MemoryTunnel) -> None:
    tunnel.at_server.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
    tunnel.cut()


def fail_tls(tunnel: MemoryTunnel) -> None:
    error = SSL.Error([("SSL routines", "", "bad record mac")])
    tunnel.over = True
    tunnel.at_server.connectionLost(Failure(error))
    tunnel.at_device.connectionLost(Failure(ConnectionLost()))


class EndingTests(SynchronousTestCase):
    def logged(self, end: Callable[[MemoryTunnel], None], *, up: bool = True) -> str:
        """The one line that the end of a tunnel leaves."""
        clock = Clock()
        tunnel = MemoryTunnel(clock, Exchange())
        tunnel.pump()
        if up:
            tunnel.greet()
        with capturedLogs() as events:
            end(tunnel)
        self.assertTrue(tunnel.over)
        clock.advance(60)
        self.assertEqual(clock.getDelayedCalls(), [])
        [line] = [
            f"{event['log_level'].name}: {formatEvent(event)}"
            for event in events
            if event["log_level"].name != "debug"
        ]
        return line

    def test_the_reason_is_the_real_one(self) -> None:
        cases: tuple[tuple[Callable[[MemoryTunnel], None], str], ...] = (
            (end_in_order, "info: tunnel ended W00-A: its device end has stopped"),
            (
                lambda tunnel: tunnel.cut(clean=True),
                "info: tunnel lost W00-A: the other side closed the connection",
            ),
            (
                lambda tunnel: tunnel.cut(),
                "info: tunnel lost W00-A: the connection broke",
            ),
            (
                answer_no_ping,
                "info: tunnel lost W00-A: 2 pings without an answer: "
                "the connection is dead",
            ),
            (
                fail_tls,
                "info: tunnel lost W00-A: TLS failed: bad record mac",
            ),
            (
                say(b"garbage\n"),
                "warn: tunnel lost W00-A: protocol broken: a line is not JSON",
            ),
            (
                end_control,
                "info: tunnel lost W00-A: the control stream was ended",
            ),
            (
                break_frames,
                "warn: tunnel lost W00-A: protocol broken: unknown version 72",
            ),
        )
        for end, line in cases:
            self.assertEqual(self.logged(end), line)

    def test_before_hello_too(self) -> None:
        for end, line in (
            (end_in_order, "info: W00-A has left before its hello"),
            (
                lambda tunnel: tunnel.cut(clean=True),
                "info: W00-A has left before its hello",
            ),
            (
                lambda tunnel: tunnel.cut(),
                "info: tunnel of W00-A lost before its hello: the connection broke",
            ),
        ):
            self.assertEqual(self.logged(end, up=False), line)

    def test_what_the_server_ends_is_told_as_that(self) -> None:
        def dismiss(tunnel: MemoryTunnel) -> None:
            tunnel.session.dismiss("disabled")
            tunnel.pump()

        self.assertEqual(
            self.logged(dismiss), "info: tunnel of W00-A dismissed: disabled"
        )

    def test_a_reason_of_ours_is_a_lost_connection_for_the_streams(self) -> None:
        error = TunnelBroken("2 pings without an answer")
        self.assertIsInstance(error, ConnectionLost)
        self.assertEqual(reason_of(error), "2 pings without an answer")
        self.assertEqual(str(error), "2 pings without an answer")
