"""Access keys at the server as a whole, over a real registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.logger import capturedLogs

from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.keys.consent import consent_of
from cfos_cloud.keys.key import KeyState
from cfos_cloud.registry import Keys
from cfos_cloud.server.key_side import KeyParts, KeySide
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.tunnel.exchange import Exchange
from tests.registry.support import (
    NOON,
    ManualWorker,
    RegistryCase,
    access_key,
    verifier,
)

GRANT = "the grant of a key"


class KeySideCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.successResultOf(self.systems.add("Garage", verifier()))
        key = access_key("one", consent=consent_of(GRANT))
        self.successResultOf(self.keys.add(key))
        self.worker = ManualWorker()
        self.restart(self.worker)
        parts = KeyParts(
            self.keys,
            self.systems,
            Exchange(),
            SessionTable(self.clock.seconds),
            self.events,
            self.clock,
            self.clock.seconds,
            self.now,
        )
        self.side = KeySide(parts, self.data_dir, ServerSecret(bytes(32)))

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    def done(self, change: Any) -> None:
        self.worker.run_all()
        self.successResultOf(change)

    def state(self) -> KeyState:
        key = self.keys.get("one")
        assert key is not None
        return key.state(self.now())


class GrantTests(KeySideCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked = 0
        suspend = Keys.suspend

        def counted(*args: Any) -> Any:
            self.asked += 1
            return suspend(*args)

        self.patch(Keys, "suspend", counted)

    def revoke(self, times: int = 1) -> None:
        for _ in range(times):
            self.side._grant_revoked("garage", GRANT)

    def test_a_device_that_does_not_know_a_key_makes_it_pending(self) -> None:
        self.done(self.keys.authorise("one"))
        self.revoke()
        self.worker.run_all()
        self.assertIs(self.state(), KeyState.PENDING)

    def test_however_often_it_says_so_it_is_one_change(self) -> None:
        self.done(self.keys.authorise("one"))
        self.revoke(150)
        self.assertEqual((self.asked, len(self.worker)), (1, 1))
        self.worker.run_all()
        # And again when the key works again.
        self.done(self.keys.authorise("one"))
        self.revoke()
        self.worker.run_all()
        self.assertEqual((self.asked, self.state()), (2, KeyState.PENDING))

    def test_of_a_key_that_does_not_work_it_is_none(self) -> None:
        self.revoke(150)
        self.done(self.keys.revoke("one"))
        self.revoke(150)
        self.assertEqual((self.asked, len(self.worker)), (0, 0))

    def test_after_one_that_fails_it_can_be_again(self) -> None:
        self.done(self.keys.authorise("one"))
        self.patch(self.keys, "_known", lambda _: 1 / 0)
        with capturedLogs() as logged:
            self.revoke()
        self.assertEqual([each["key_id"] for each in logged], ["one"])
        del self.keys._known
        self.revoke()
        self.worker.run_all()
        self.assertIs(self.state(), KeyState.PENDING)


class PairingTests(KeySideCase):
    def setUp(self) -> None:
        super().setUp()
        self.done(self.systems.add("Barn", verifier()))
        for cloud_id in ("Garage", "Barn"):
            self.side.pairing.open(cloud_id)

    def open(self) -> list[str]:
        known = ("Garage", "Barn")
        return [each for each in known if self.side.pairing.is_open(each)]

    def test_a_system_that_is_removed_leaves_no_open_window(self) -> None:
        self.done(self.systems.remove("garage"))
        self.done(self.systems.add("Garage", verifier()))
        self.assertEqual(self.open(), ["Barn"])

    def test_nor_does_one_that_is_disabled(self) -> None:
        self.done(self.systems.change("garage", enabled=False))
        self.done(self.systems.change("garage", enabled=True))
        self.assertEqual(self.open(), ["Barn"])

    def test_another_name_makes_no_difference(self) -> None:
        self.done(self.systems.change("garage", name="another"))
        self.clock.advance(timedelta(minutes=5).total_seconds())
        self.assertEqual(self.open(), ["Garage", "Barn"])
