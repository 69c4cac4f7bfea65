"""Why a tunnel is over, for whoever keeps its history."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession
from tests.tunnel.support import MemoryTunnel


def leave(tunnel: MemoryTunnel) -> None:
    tunnel.at_device.shut_down()
    tunnel.pump()


def dismissal(reason: str) -> Callable[[MemoryTunnel], None]:
    def dismiss(tunnel: MemoryTunnel) -> None:
        tunnel.session.dismiss(reason)

    return dismiss


class EndingTests(SynchronousTestCase):
    def ending(self, end: Callable[[MemoryTunnel], object]) -> str | None:
        """What who is told of the end finds."""
        exchange = Exchange()
        found: list[str | None] = []

        def lost(session: TunnelSession) -> None:
            found.append(session.ending)

        exchange.when_lost(lost)
        tunnel = MemoryTunnel(Clock(), exchange)
        tunnel.pump()
        tunnel.greet()
        self.assertIsNone(tunnel.session.ending)
        end(tunnel)
        (ending,) = found
        return ending

    def test_a_dismissed_one_knows_what_for(self) -> None:
        for reason in ("replaced", "disabled", "removed", "shutdown"):
            self.assertEqual(self.ending(dismissal(reason)), reason)

    def test_a_device_end_that_stops_says_so(self) -> None:
        self.assertEqual(self.ending(leave), "stopped")

    def test_a_lost_connection_has_its_words(self) -> None:
        self.assertEqual(
            self.ending(lambda tunnel: tunnel.cut()), "the connection broke"
        )
