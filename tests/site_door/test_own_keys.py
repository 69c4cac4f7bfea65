"""The rows of a door's own keys: durable, bounded, and none without the consent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.python.monkey import MonkeyPatcher
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.keys.key import AccessKey, KeyState, Role
from cfos_cloud.keys.retention import MAX_ENDED, MAX_LIVING
from cfos_cloud.registry_errors import KeyEnded, TooManyKeys, UnknownKey
from cfos_cloud.secret_files import SecretFileError
from cfos_cloud.site_door.key_file import MAX_FILE_BYTES, KeyFile
from cfos_cloud.site_door.own_keys import DAYS_SHOWN, KeyChange, OwnKeys
from cfos_cloud.site_door.recent_logins import RecentLogins
from cfos_cloud.web.api.system_logins import SHOWN
from cfos_cloud.web.key_problems import KeysNotKept

CLOUD_ID = "Site-7"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADMIN = Origin("admin", "192.0.2.1")


class OwnKeysCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.time = NOON
        self.agreed: set[str] = set()
        self.told: list[KeyChange] = []
        self.keys = self.load()
        self.keys.subscribe(self.told.append)

    def load(self, cloud_id: str = CLOUD_ID) -> OwnKeys:
        """As after a restart."""
        keys = OwnKeys(
            cloud_id,
            KeyFile(self.directory, cloud_id),
            self.agreed.__contains__,
            lambda: self.time,
        )
        keys.load()
        return keys

    @property
    def path(self) -> Path:
        return self.directory / "door-keys.json"

    def key(self, number: int = 1, **more: Any) -> AccessKey:
        values = {
            "id": f"key-{number}",
            "cloud_id": CLOUD_ID,
            "name": "Wärmepumpe 🏠",
            "role": Role.API,
            "kid": "0123456789abcdef",
            "consent": f"{number:043}",
            "created": self.time + timedelta(seconds=number),
            "expires": NOON + timedelta(days=365),
        }
        return AccessKey(**{**values, **more})

    def done(self, change: Any) -> AccessKey:
        key: AccessKey = self.successResultOf(Deferred.fromCoroutine(change))
        return key

    def refused(self, kind: type[Exception], change: Any) -> None:
        self.failureResultOf(Deferred.fromCoroutine(change), kind)

    def add(self, number: int = 1, **more: Any) -> AccessKey:
        return self.done(self.keys.add(self.key(number, **more), ADMIN))

    def make(self, number: int = 1, **more: Any) -> AccessKey:
        """One that works."""
        key = self.add(number, **more)
        self.agreed.add(key.consent)
        return self.done(self.keys.authorise(key.id, ADMIN))

    def state(self, keys: OwnKeys | None = None, key_id: str = "key-1") -> KeyState:
        key = (keys or self.keys).get(key_id)
        assert key is not None
        return key.state(self.time)

    def break_disk(self) -> MonkeyPatcher:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched: MonkeyPatcher = self.patch(KeyFile, "write", fail)
        return patched


class LifeTests(OwnKeysCase):
    def test_each_state_survives_a_restart(self) -> None:
        for change, state in (
            (self.keys.add(self.key(), ADMIN), KeyState.PENDING),
            (self.keys.authorise("key-1", ADMIN), KeyState.AUTHORISED),
            (self.keys.revoke("key-1", ADMIN), KeyState.REVOKED),
        ):
            self.agreed.add(self.key().consent)
            self.done(change)
            again = self.load()
            self.assertIs(self.state(again), state)
            self.assertEqual(again.of(CLOUD_ID), self.keys.of(CLOUD_ID))
        self.assertEqual(len(self.told), 3)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_a_change_is_on_the_disk_before_anybody_is_told(self) -> None:
        found: list[object] = []
        self.keys.subscribe(
            lambda change: found.append(json.loads(self.path.read_text())["keys"])
        )
        key = self.add()
        self.agreed.add(key.consent)
        self.done(self.keys.authorise(key.id, ADMIN))
        states = [[key["authorised"] for key in keys] for keys in found]  # type: ignore[attr-defined]
        self.assertEqual(states, [[None], [NOON.isoformat()]])

    def test_the_newest_comes_first_within_a_second_and_after_a_restart_too(
        self,
    ) -> None:
        for number in (2, 3, 1):
            self.time += timedelta(microseconds=200)
            self.add(number, created=self.time)
        for keys in (self.keys, self.load()):
            ids = [key.id for key in keys.of(CLOUD_ID)]
            self.assertEqual(ids, ["key-1", "key-3", "key-2"])
        self.make(4, created=self.time)
        self.done(self.keys.revoke("key-4", ADMIN))
        self.assertEqual(self.load().of(CLOUD_ID), self.keys.of(CLOUD_ID))

    def test_a_file_with_times_to_the_second_is_read(self) -> None:
        key = self.make(created=NOON)
        text = self.path.read_text()
        self.path.write_text(text.replace("+00:00", "Z"))
        self.assertIn('"2026-11-22T12:00:00Z"', self.path.read_text())
        self.assertEqual(self.load().get(key.id), self.keys.get(key.id))

    def test_without_the_device_s_consent_it_is_pending(self) -> None:
        key = self.make()
        self.assertIs(self.state(), KeyState.AUTHORISED)
        self.agreed.clear()
        self.assertIs(self.state(), KeyState.PENDING)
        found = self.keys.find_consent("site-7", key.consent)
        self.assertEqual(found, self.keys.get(key.id))
        self.agreed.add(key.consent)
        self.done(self.keys.authorise(key.id, ADMIN))
        self.assertIs(self.state(), KeyState.AUTHORISED)

    def test_what_has_ended_stays_so(self) -> None:
        self.make(1)
        self.make(2, expires=NOON + timedelta(hours=1))
        self.done(self.keys.revoke("key-1", ADMIN))
        self.time += timedelta(hours=2)
        for key_id in ("key-1", "key-2"):
            self.refused(KeyEnded, self.keys.authorise(key_id, ADMIN))
        again = self.done(self.keys.revoke("key-1", ADMIN))
        self.assertEqual(again.revoked, NOON)
        self.assertIs(self.state(key_id="key-2"), KeyState.EXPIRED)

    def test_of_others_there_is_nothing(self) -> None:
        self.make()
        self.assertIsNone(self.keys.get("key-2"))
        self.assertEqual(self.keys.of(None), [])
        self.assertEqual(self.keys.of("Other-1"), [])
        for change in (self.keys.authorise, self.keys.revoke):
            self.refused(UnknownKey, change("key-2", ADMIN))

    def test_of_another_cloud_id_they_are_over(self) -> None:
        self.make()
        with capturedLogs() as logged:
            self.assertEqual(self.load("Site-8").of("Site-8"), [])
        self.assertEqual(len(logged), 1)


class BoundTests(OwnKeysCase):
    def test_so_many_live_and_so_many_that_ended_are_shown(self) -> None:
        for number in range(MAX_LIVING):
            self.add(number)
        self.refused(TooManyKeys, self.keys.add(self.key(MAX_LIVING), ADMIN))
        for number in range(MAX_ENDED + 5):
            self.time += timedelta(seconds=1)
            self.done(self.keys.revoke(f"key-{number}", ADMIN))
            self.add(number + MAX_LIVING)
        self.assertLessEqual(len(self.keys.of(CLOUD_ID)), MAX_LIVING + MAX_ENDED + 1)
        self.assertLess(self.path.stat().st_size, MAX_FILE_BYTES // 4)
        self.assertEqual(self.load().of(CLOUD_ID), self.keys.of(CLOUD_ID))

    def test_what_is_over_for_long_goes(self) -> None:
        self.make(1)
        self.done(self.keys.revoke("key-1", ADMIN))
        asked = self.key(2, code="7KQ-M2X", requested_from="192.0.2.9")
        self.done(self.keys.add(asked, ADMIN, EventKind.KEY_REQUESTED))
        self.make(3, expires=None)
        self.time += timedelta(days=2)
        self.keys.tidy()
        self.assertEqual(
            [key.id for key in self.load().of(CLOUD_ID)], ["key-3", "key-1"]
        )
        self.time += timedelta(days=DAYS_SHOWN)
        self.keys.tidy()
        self.assertEqual([key.id for key in self.load().of(CLOUD_ID)], ["key-3"])

    def test_uses_are_written_by_the_next_tidying_and_not_one_by_one(self) -> None:
        self.make()
        before = self.path.stat().st_ino
        self.time += timedelta(minutes=1)
        self.keys.used("key-1", "192.0.2.7")
        self.keys.used("nobody's", "192.0.2.7")
        self.assertEqual(self.path.stat().st_ino, before)
        self.keys.tidy()
        [key] = self.load().of(CLOUD_ID)
        self.assertEqual((key.last_used, key.last_client), (self.time, "192.0.2.7"))
        after = self.path.stat().st_ino
        self.keys.tidy()
        self.assertEqual(self.path.stat().st_ino, after)


class DiskTests(OwnKeysCase):
    def test_what_can_not_be_written_has_not_happened(self) -> None:
        self.make()
        del self.told[:]
        self.break_disk()
        self.refused(KeysNotKept, self.keys.add(self.key(2), ADMIN))
        self.refused(KeysNotKept, self.keys.revoke("key-1", ADMIN))
        self.assertIs(self.state(), KeyState.AUTHORISED)
        self.assertIsNone(self.keys.get("key-2"))
        self.assertEqual(self.told, [])

    def test_and_the_next_tidying_makes_the_disk_say_so(self) -> None:
        self.make()
        self.keys.used("key-1", "192.0.2.7")
        broken = self.break_disk()
        with capturedLogs() as logged:
            self.keys.tidy()
        self.assertEqual(len(logged), 1)
        self.assertIsNone(self.load().of(CLOUD_ID)[0].last_used)
        broken.restore()
        self.keys.tidy()
        self.assertEqual(self.load().of(CLOUD_ID), self.keys.of(CLOUD_ID))

    def test_a_damaged_file_is_put_aside(self) -> None:
        self.make()
        good = json.loads(self.path.read_text())
        [key] = good["keys"]
        for bad in (
            "",
            "{",
            "[]",
            "{}",
            json.dumps({**good, "version": 2}),
            json.dumps({**good, "keys": [{**key, "role": "root"}]}),
            json.dumps({**good, "keys": [{**key, "id": None}]}),
            json.dumps({**good, "keys": [{**key, "created": "2026-11-22T12:00:00"}]}),
            json.dumps({**good, "keys": [{}]}),
            json.dumps({**good, "keys": 5}),
            "[" * 100_000,
            " " * (MAX_FILE_BYTES + 1),
        ):
            self.path.write_text(bad)
            with capturedLogs() as logged:
                self.assertEqual(self.load().of(CLOUD_ID), [], bad[:99])
            self.assertEqual(len(logged), 1, bad[:99])
            self.assertFalse(self.path.exists())
            aside = self.directory / "door-keys.json.damaged"
            self.assertEqual(aside.read_text(), bad)

    def test_one_that_can_not_be_read_is_named(self) -> None:
        self.path.mkdir()
        error = self.assertRaises(SecretFileError, self.load)
        self.assertIn(str(self.path), str(error))


class LoginTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = NOON
        self.logins = RecentLogins(CLOUD_ID, lambda: self.time)

    def note(self, kind: EventKind, client: str, detail: str = "") -> None:
        self.time += timedelta(seconds=1)
        actor = "admin" if kind is EventKind.LOGGED_IN else "nobody"
        self.logins.note(kind, Origin(actor, client), None, detail)

    def seen(self) -> list[tuple[str | None, int]]:
        last = self.successResultOf(Deferred.fromCoroutine(self.logins.last(CLOUD_ID)))
        return [(event.client, event.times) for event in last]

    def test_the_newest_come_first_and_equals_are_one(self) -> None:
        self.note(EventKind.LOGGED_IN, "192.0.2.1")
        for _ in range(3):
            self.note(EventKind.LOGIN_FAILED, "192.0.2.2", "wrong secret")
        self.note(EventKind.LOGGED_IN, "192.0.2.3")
        self.note(EventKind.KEY_CREATED, "192.0.2.4")
        wanted = [("192.0.2.3", 1), ("192.0.2.2", 3), ("192.0.2.1", 1)]
        self.assertEqual(self.seen(), wanted)

    def test_who_guesses_pushes_nobody_out(self) -> None:
        self.note(EventKind.LOGGED_IN, "192.0.2.1")
        for number in range(100):
            self.note(EventKind.LOGIN_FAILED, f"198.51.100.{number}")
        seen = self.seen()
        self.assertEqual(seen[-1], ("192.0.2.1", 1))
        self.assertLessEqual(len(seen), SHOWN)
