"""What the registry learns of tunnels that come, last and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import SERVER, EventKind, Origin
from cfos_cloud.registry import TunnelRecord
from cfos_cloud.server.connection_recorder import INTERVAL, ConnectionRecorder
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class FakeSession:
    cloud_id: str
    session_id: str = "first"
    agent: str | None = "acme/1"
    client: str = "192.0.2.7"
    since: datetime = NOON
    bytes_in: int = 0
    bytes_out: int = 0
    ending: str | None = None
    dismissed: list[str] = field(default_factory=list)

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        self.dismissed.append(reason)


class Kept:
    """Connections and events as they are told."""

    def __init__(self) -> None:
        self.tunnels: list[TunnelRecord] = []
        self.events: list[tuple[EventKind, Origin, str | None, str]] = []

    def record(self, tunnel: TunnelRecord) -> None:
        self.tunnels.append(tunnel)

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        self.events.append((kind, by, cloud_id, detail))


class ConnectionRecorderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOON.timestamp())
        self.exchange = Exchange()
        self.kept = Kept()
        self.recorder = ConnectionRecorder(
            self.exchange, self.kept, self.kept, self.clock
        )

    def session(self, cloud_id: str = "W00-A", **more: Any) -> Any:
        return FakeSession(cloud_id, **more)

    def up(self, session: Any) -> None:
        self.exchange.session_up(cast(TunnelSession, session))

    def over(self, session: Any, why: str) -> None:
        session.ending = why
        self.exchange.session_over(cast(TunnelSession, session))

    def test_a_tunnel_is_recorded_as_it_comes_up(self) -> None:
        self.up(self.session(bytes_in=500, bytes_out=900))
        self.assertEqual(
            self.kept.tunnels,
            [
                TunnelRecord(
                    session="first",
                    cloud_id="W00-A",
                    started=NOON,
                    seen=NOON,
                    agent="acme/1",
                    client="192.0.2.7",
                    bytes_in=500,
                    bytes_out=900,
                )
            ],
        )

    def test_and_as_it_ends_with_why_and_how_much_it_moved(self) -> None:
        session = self.session()
        self.up(session)
        session.bytes_in = 700
        self.clock.advance(10)
        self.over(session, "lost")
        last = self.kept.tunnels[-1]
        self.assertEqual((last.session, last.bytes_in), ("first", 700))
        ended = NOON + timedelta(seconds=10)
        self.assertEqual((last.seen, last.ended, last.reason), (ended, ended, "lost"))

    def test_both_are_events(self) -> None:
        session = self.session()
        self.up(session)
        self.over(session, "replaced")
        device = Origin("device", "192.0.2.7")
        self.assertEqual(
            self.kept.events,
            [
                (EventKind.CONNECTED, device, "W00-A", "acme/1"),
                (EventKind.DISCONNECTED, device, "W00-A", "replaced"),
            ],
        )

    def test_one_that_says_nothing_of_itself_is_an_event_too(self) -> None:
        self.up(self.session(agent=None))
        self.assertEqual(self.kept.events[0][3], "")

    def test_while_it_lasts_it_is_recorded_every_interval(self) -> None:
        self.recorder.startService()
        for name in ("W00-A", "W00-B"):
            self.up(self.session(name, session_id=name))
        del self.kept.tunnels[:]
        self.clock.advance(INTERVAL - 1)
        self.assertEqual(self.kept.tunnels, [])
        self.clock.advance(1)
        recorded = [(one.cloud_id, one.ended) for one in self.kept.tunnels]
        self.assertEqual(recorded, [("W00-A", None), ("W00-B", None)])
        self.assertEqual(len(self.kept.events), 2)

    def test_the_newcomer_is_what_is_known_last(self) -> None:
        old, new = self.session(client="old"), self.session(client="new")
        old.dismiss = lambda reason: self.over(old, reason)
        self.up(old)
        self.up(new)
        told = [(one.client, one.reason) for one in self.kept.tunnels]
        self.assertEqual(told, [("old", None), ("old", "replaced"), ("new", None)])

    def test_stopped_it_leaves_no_timer(self) -> None:
        self.recorder.startService()
        self.recorder.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.recorder.stopService()
