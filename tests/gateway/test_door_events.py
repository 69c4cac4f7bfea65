"""What the event log learns of devices that are turned away."""

from __future__ import annotations

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.scram import FakeVerifiers
from tests.gateway.test_door import DoorCase
from tests.server.test_connection_recorder import Kept

NOBODY = Origin("nobody", "192.0.2.7")


class DoorEventTests(DoorCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept = Kept()
        self.door = TunnelDoor(
            lambda cloud_id: self.systems.get(cloud_id.lower()),
            FakeVerifiers(b"secret"),
            self.exchange,
            Throttle(self.clock.seconds),
            self.clock,
            self.kept,
        )

    def refused(self, cloud_id: str | None, why: str) -> object:
        return EventKind.TUNNEL_REFUSED, NOBODY, cloud_id, why

    def test_a_wrong_password_is_of_its_system(self) -> None:
        self.caller().prove(password="wrong")
        self.assertEqual(self.kept.events, [self.refused("W00-A", "no proof")])

    def test_an_id_that_nobody_has_may_be_a_password_and_is_not_kept(self) -> None:
        self.caller().prove("canary")
        self.assertEqual(self.kept.events, [self.refused(None, "no proof")])

    def test_a_disabled_system_s_is_told_apart(self) -> None:
        self.caller().prove("disabled")
        self.assertEqual(self.kept.events, [self.refused("disabled", "disabled")])

    def test_who_has_to_wait_is_an_event_of_its_own(self) -> None:
        for _ in range(20):
            if self.caller().prove(password="wrong").status != 401:
                break
            if self.caller().ask().status == 429:
                break
        self.assertEqual(
            self.kept.events[-1], (EventKind.THROTTLED, NOBODY, None, "tunnel")
        )

    def test_who_asks_or_comes_in_is_none(self) -> None:
        self.caller().ask()
        self.assertEqual(self.caller().prove().status, 101)
        self.assertEqual(self.kept.events, [])
