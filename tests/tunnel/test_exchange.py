"""Who is online: one session a Cloud ID, and who is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.exchange import OFFLINE, Exchange, Presence
from cfos_cloud.tunnel.session import TunnelSession

SINCE = datetime(2026, 11, 4, tzinfo=UTC)


@dataclass(eq=False)
class FakeSession:
    cloud_id: str
    since: datetime = SINCE
    agent: str | None = "acme/1"
    client: str = "192.0.2.7"
    bytes_in: int = 3
    bytes_out: int = 4
    dismissed: list[tuple[str, int | None]] = field(default_factory=list)

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        self.dismissed.append((reason, retry_after))


class ExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.exchange = Exchange()

    def up(self, cloud_id: str = "W00-A") -> FakeSession:
        session = FakeSession(cloud_id)
        self.exchange.session_up(cast(TunnelSession, session))
        return session

    def over(self, session: FakeSession) -> None:
        self.exchange.session_over(cast(TunnelSession, session))

    def test_a_session_is_found_in_any_case(self) -> None:
        session = self.up("W00-A")
        for cloud_id in ("W00-A", "w00-a", "W00-a"):
            self.assertIs(self.exchange.session(cloud_id), session)
        self.assertIsNone(self.exchange.session("W00-B"))

    def test_one_that_is_over_is_not_found(self) -> None:
        session = self.up()
        self.over(session)
        self.assertIsNone(self.exchange.session("W00-A"))
        self.assertEqual(len(self.exchange), 0)

    def test_a_newcomer_replaces_the_old_at_once(self) -> None:
        old = self.up("W00-A")
        new = self.up("w00-a")
        self.assertEqual(old.dismissed, [("replaced", None)])
        self.assertEqual(new.dismissed, [])
        self.assertIs(self.exchange.session("W00-A"), new)
        self.assertEqual(len(self.exchange), 1)

    def test_the_end_of_the_replaced_one_leaves_the_newcomer(self) -> None:
        old, new = self.up(), self.up()
        self.over(old)
        self.assertIs(self.exchange.session("W00-A"), new)

    def test_other_systems_are_left_alone(self) -> None:
        other = self.up("W00-B")
        self.up("W00-A")
        self.assertEqual(other.dismissed, [])
        self.assertEqual(len(self.exchange), 2)

    def test_presence_is_that_of_the_session(self) -> None:
        self.up()
        self.assertEqual(
            self.exchange.presence("w00-a"),
            Presence(True, SINCE, "acme/1", "192.0.2.7", 3, 4),
        )
        self.assertEqual(self.exchange.presence("W00-B"), OFFLINE)
        self.assertFalse(OFFLINE.online)

    def test_to_disconnect_is_to_dismiss(self) -> None:
        session = self.up()
        self.assertTrue(self.exchange.disconnect("w00-a", "disabled", 60))
        self.assertEqual(session.dismissed, [("disabled", 60)])
        self.assertFalse(self.exchange.disconnect("W00-B", "disabled"))

    def test_sessions_may_end_while_they_are_gone_through(self) -> None:
        sessions = [self.up(name) for name in ("a", "b", "c")]
        for session in self.exchange:
            self.over(cast(FakeSession, session))
        self.assertEqual((len(sessions), len(self.exchange)), (3, 0))

    def test_listeners_hear_of_each_end_and_each_beginning(self) -> None:
        heard: list[tuple[str, TunnelSession]] = []
        self.exchange.when_up(lambda session: heard.append(("up", session)))
        self.exchange.when_lost(lambda session: heard.append(("lost", session)))
        old, new = self.up(), self.up()
        self.over(old)
        self.over(new)
        self.assertEqual(
            heard, [("up", old), ("up", new), ("lost", old), ("lost", new)]
        )

    def test_who_hears_of_a_newcomer_finds_it(self) -> None:
        found: list[object] = []
        self.exchange.when_up(
            lambda session: found.append(self.exchange.session(session.cloud_id))
        )
        old, new = self.up(), self.up()
        self.assertEqual(found, [old, new])

    def test_a_revoked_grant_is_told_with_the_session_s_cloud_id(self) -> None:
        heard: list[tuple[str, str]] = []
        self.exchange.when_revoked(lambda *what: heard.append(what))
        session = self.up()
        self.exchange.grant_revoked(cast(TunnelSession, session), "g")
        self.assertEqual(heard, [("W00-A", "g")])
