"""What the registry learns of tunnels that come, last and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.connection_recorder import INTERVAL, ConnectionRecorder
from cfos_cloud.registry import DatabaseError, Systems
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.session import TunnelSession


@dataclass
class FakeSession:
    cloud_id: str
    agent: str | None = "acme/1"
    client: str = "192.0.2.7"
    bytes_in: int = 0
    bytes_out: int = 0
    dismissed: list[str] = field(default_factory=list)

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        self.dismissed.append(reason)


class FakeSystems:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.broken = False

    def record_connection(self, cloud_id: str, **record: Any) -> Deferred[None]:
        self.records.append({"cloud_id": cloud_id, **record})
        if self.broken:
            return fail(DatabaseError("the disk is full"))
        return succeed(None)


class ConnectionRecorderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange()
        self.systems = FakeSystems()
        self.recorder = ConnectionRecorder(
            self.exchange, cast(Systems, self.systems), self.clock
        )

    def session(self, cloud_id: str = "W00-A", **more: Any) -> TunnelSession:
        return cast(TunnelSession, FakeSession(cloud_id, **more))

    def records(self) -> list[dict[str, Any]]:
        """What was recorded since the last call, times aside."""
        records, self.systems.records = self.systems.records, []
        for record in records:
            age = datetime.now(UTC) - record.pop("last_seen")
            self.assertLess(age, timedelta(minutes=1))
        return records

    def test_a_tunnel_is_recorded_as_it_comes_up(self) -> None:
        self.exchange.session_up(self.session(bytes_in=500, bytes_out=900))
        self.assertEqual(
            self.records(),
            [
                {
                    "cloud_id": "W00-A",
                    "agent": "acme/1",
                    "client": "192.0.2.7",
                    "bytes_in": 0,
                    "bytes_out": 0,
                }
            ],
        )

    def test_its_bytes_are_recorded_once_at_its_end(self) -> None:
        session = cast(Any, self.session())
        self.recorder.startService()
        self.exchange.session_up(session)
        session.bytes_in, session.bytes_out = 500, 900
        self.clock.advance(INTERVAL)
        session.bytes_in, session.bytes_out = 700, 1000
        self.exchange.session_over(session)
        moved = [(each["bytes_in"], each["bytes_out"]) for each in self.records()]
        self.assertEqual(moved, [(0, 0), (0, 0), (700, 1000)])

    def test_while_it_lasts_it_is_seen_every_interval(self) -> None:
        self.recorder.startService()
        self.exchange.session_up(self.session())
        self.exchange.session_up(self.session("W00-B"))
        self.records()
        self.clock.advance(INTERVAL - 1)
        self.assertEqual(self.records(), [])
        self.clock.advance(1)
        names = [record["cloud_id"] for record in self.records()]
        self.assertEqual(names, ["W00-A", "W00-B"])

    def test_the_newcomer_is_what_is_known_last(self) -> None:
        old, new = self.session(client="old"), self.session(client="new")
        cast(Any, old).dismiss = lambda reason: self.exchange.session_over(old)
        self.exchange.session_up(old)
        self.exchange.session_up(new)
        clients = [record["client"] for record in self.records()]
        self.assertEqual(clients, ["old", "old", "new"])

    def test_stopped_it_leaves_no_timer(self) -> None:
        self.recorder.startService()
        self.recorder.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.recorder.stopService()

    def test_a_record_that_is_lost_is_a_line_in_the_log_and_no_more(self) -> None:
        self.systems.broken = True
        self.recorder.startService()
        with capturedLogs() as events:
            self.exchange.session_up(self.session())
        errors = [each for each in events if each["log_level"] is LogLevel.error]
        self.assertEqual(
            [(each["cloud_id"], each["why"]) for each in errors],
            [("W00-A", "the disk is full")],
        )
        self.systems.broken = False
        self.records()
        self.clock.advance(INTERVAL)
        self.assertEqual(len(self.records()), 1)
