"""The access keys: what is committed, mirrored, told and answered, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from cfos_cloud.events import Event, EventKind, Origin
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.key import AccessKey, KeyState, Role
from cfos_cloud.keys.retention import MAX_ENDED, MAX_LIVING
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.registry import (
    ChangeKind,
    DatabaseError,
    EventFilter,
    KeyChange,
    KeyEnded,
    TooManyKeys,
    UnknownKey,
    UnknownSystem,
    key_rows,
)
from cfos_cloud.registry.event_store import ANYTHING
from cfos_cloud.registry_errors import DatabaseUnavailable
from tests.registry.support import (
    NOON,
    AnswerLosingWorker,
    ManualWorker,
    RegistryCase,
    access_key,
    verifier,
)

ADMIN = Origin("admin", "192.0.2.7")
OPERATOR = Origin("operator", "192.0.2.8")
DAY = timedelta(days=1)


class KeysCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.listen()

    def listen(self) -> None:
        """From now on, and to the keys of the last start."""
        self.told: list[KeyChange] = []
        self.keys.subscribe(self.told.append)

    def restart(self, worker: Any = None) -> None:
        super().restart(worker)
        self.listen()

    def add(self, key_id: str, cloud_id: str | None = "Garage", **more: Any) -> None:
        self.successResultOf(self.keys.add(access_key(key_id, cloud_id, **more)))

    def known(self, key_id: str) -> AccessKey:
        key = self.keys.get(key_id)
        assert key is not None
        return key

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds() - NOON.timestamp())

    def state(self, key_id: str) -> KeyState:
        return self.known(key_id).state(self.now())

    def stored(self) -> dict[str, AccessKey]:
        """What a server finds that starts now."""
        self.restart()
        return {key.id: key for key in self.keys}

    def said(self) -> list[tuple[ChangeKind, str]]:
        return [(change.kind, change.key.id) for change in self.told]

    def kinds(self, wanted: EventFilter = ANYTHING) -> list[EventKind]:
        """Of the events that are kept, but for the system's own."""
        kept = [event.kind for event in self.kept(wanted)]
        return [kind for kind in kept if kind is not EventKind.SYSTEM_ADDED]


class AddingTests(KeysCase):
    def test_a_key_is_pending_and_found_by_its_id_scope_and_consent(self) -> None:
        new = access_key("one", role=Role.ADMIN, expires=NOON + DAY)
        added = self.successResultOf(self.keys.add(new))
        self.assertEqual(added, new)
        self.assertIs(added.state(NOON), KeyState.PENDING)
        self.assertEqual(self.keys.get("one"), new)
        self.assertEqual(self.keys.of("gARAGE"), [new])
        self.assertEqual(self.keys.find_consent("garage", new.consent), new)
        self.assertEqual((len(self.keys), list(self.keys)), (1, [new]))

    def test_all_of_it_is_there_after_a_restart(self) -> None:
        every = access_key(
            "one",
            name="Grüße 🚗",
            role=Role.ADMIN,
            expires=NOON + DAY,
            authorised=NOON,
            revoked=NOON + timedelta(seconds=1),
            last_used=NOON + timedelta(seconds=2),
            last_client="2001:db8::1",
            code="7KQ-M2X",
            requested_from="192.0.2.9",
        )
        least = access_key("two", cloud_id=None)
        for key in (every, least):
            self.successResultOf(self.keys.add(key))
        self.assertEqual(self.stored(), {"one": every, "two": least})
        # Its consent is not a part of what is compared by eye alone.
        self.assertEqual(self.known("one").consent, every.consent)

    def test_the_cloud_s_keys_are_nobody_else_s(self) -> None:
        self.add("one", cloud_id=None)
        self.add("two")
        self.assertEqual([key.id for key in self.keys.of(None)], ["one"])
        self.assertEqual([key.id for key in self.keys.of("Garage")], ["two"])
        self.assertIsNone(self.keys.find_consent("Garage", "consent-one"))
        self.assertEqual(self.keys.of("Barn"), [])

    def test_the_newest_comes_first(self) -> None:
        for number, key_id in enumerate(("old", "older", "oldest")):
            self.add(key_id, created=NOON - number * DAY)
        for _ in range(2):
            self.assertEqual(
                [key.id for key in self.keys.of("Garage")], ["old", "older", "oldest"]
            )
            self.restart()

    def test_those_of_one_second_have_their_order(self) -> None:
        for number, key_id in enumerate(("middle", "first", "zero")):
            self.add(key_id, created=NOON - timedelta(microseconds=200 * number))
        for _ in range(2):
            ids = [key.id for key in self.keys.of("Garage")]
            self.assertEqual(ids, ["middle", "first", "zero"])
            self.restart()

    def test_of_a_system_that_is_unknown_or_spelled_otherwise_there_is_none(
        self,
    ) -> None:
        for cloud_id in ("Barn", "garage", ""):
            added = self.keys.add(access_key("one", cloud_id))
            self.failureResultOf(added, UnknownSystem)
        self.assertEqual(self.stored(), {})

    def test_an_id_that_is_there_is_an_error_of_the_database(self) -> None:
        self.add("one")
        other = access_key("one", name="another", consent="another")
        self.failureResultOf(self.keys.add(other), DatabaseError)
        self.assertEqual(self.known("one").name, "Name of one")
        self.assertEqual(self.kinds(), [EventKind.KEY_CREATED])

    def test_nothing_is_mirrored_or_told_before_it_is_committed(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        added = self.keys.add(access_key("one"))
        self.assertNoResult(added)
        self.assertEqual((self.keys.get("one"), self.told), (None, []))
        worker.run_all()
        self.assertEqual(self.successResultOf(added), self.keys.get("one"))
        self.assertEqual(self.said(), [(ChangeKind.ADDED, "one")])

    def test_it_is_told_before_it_is_answered(self) -> None:
        order: list[str] = []
        self.keys.subscribe(lambda change: order.append("told"))
        self.keys.add(access_key("one")).addCallback(lambda _: order.append("answered"))
        self.assertEqual(order, ["told", "answered"])

    def test_who_cancels_leaves_database_and_memory_alike(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        added = self.keys.add(access_key("one"))
        added.cancel()
        self.failureResultOf(added, CancelledError)
        worker.run_all()
        self.assertIsNotNone(self.keys.get("one"))

    def test_a_database_that_fails_changes_nothing(self) -> None:
        self.add("one")
        self.told.clear()
        self.successResultOf(self.database.close())
        for change in (
            self.keys.add(access_key("two")),
            self.keys.authorise("one"),
            self.keys.revoke("one"),
            self.keys.revoke_signed_by("first"),
        ):
            self.failureResultOf(change, DatabaseError)
        self.assertEqual((len(self.keys), self.told), (1, []))
        self.assertIs(self.state("one"), KeyState.PENDING)

    def test_a_listener_that_fails_stops_nobody(self) -> None:
        def broken(change: KeyChange) -> None:
            raise KeyError("a listener's fault")

        self.keys.subscribe(broken)
        late: list[KeyChange] = []
        self.keys.subscribe(late.append)
        self.add("one")
        self.assertEqual(late, self.told)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class ChangingTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("one", code="7KQ-M2X", requested_from="192.0.2.9")
        self.add("two", cloud_id=None, role=Role.ADMIN, expires=NOON + DAY)
        self.told.clear()

    def authorise(self, *key_ids: str) -> None:
        for key_id in key_ids:
            self.successResultOf(self.keys.authorise(key_id))

    def test_authorised_it_works_also_after_a_restart(self) -> None:
        self.clock.advance(5)
        before = self.known("one")
        after = self.successResultOf(self.keys.authorise("one", ADMIN))
        expected = replace(before, authorised=NOON + timedelta(seconds=5), code=None)
        self.assertEqual(after, expected)
        self.assertTrue(after.works(self.now()))
        self.assertEqual(self.told, [KeyChange(ChangeKind.CHANGED, after, before)])
        self.assertEqual(self.stored()["one"], after)

    def test_twice_is_once(self) -> None:
        self.authorise("one")
        before = self.known("one")
        self.clock.advance(5)
        self.authorise("one")
        self.assertEqual(self.known("one"), before)
        self.assertEqual(len(self.told), 1)

    def test_revoked_it_never_works_again(self) -> None:
        self.authorise("one")
        self.clock.advance(5)
        revoked = self.successResultOf(self.keys.revoke("one", ADMIN))
        self.assertIs(revoked.state(self.now()), KeyState.REVOKED)
        self.failureResultOf(self.keys.authorise("one"), KeyEnded)
        self.assertEqual(self.successResultOf(self.keys.suspend("one")), revoked)
        self.assertEqual(self.successResultOf(self.keys.revoke("one")), revoked)
        self.assertEqual(self.stored()["one"], revoked)

    def test_a_pending_one_can_be_revoked(self) -> None:
        self.successResultOf(self.keys.revoke("one"))
        self.assertIs(self.state("one"), KeyState.REVOKED)

    def test_one_that_has_expired_is_authorised_by_nobody(self) -> None:
        self.clock.advance(DAY.total_seconds())
        self.failureResultOf(self.keys.authorise("two"), KeyEnded)
        self.assertIs(self.state("two"), KeyState.EXPIRED)
        # But whoever revokes it is sure that it is.
        self.successResultOf(self.keys.revoke("two"))
        self.assertIs(self.state("two"), KeyState.REVOKED)

    def test_suspended_it_waits_to_be_authorised_again(self) -> None:
        self.authorise("one")
        suspended = self.successResultOf(self.keys.suspend("one", Origin("device")))
        self.assertIs(suspended.state(NOON), KeyState.PENDING)
        self.assertEqual(self.stored()["one"], suspended)
        self.authorise("one")
        self.assertIs(self.state("one"), KeyState.AUTHORISED)

    def test_what_is_not_authorised_can_t_be_suspended(self) -> None:
        before = self.known("one")
        self.assertEqual(self.successResultOf(self.keys.suspend("one")), before)
        self.authorise("two")
        self.clock.advance(DAY.total_seconds())
        self.told.clear()
        self.successResultOf(self.keys.suspend("two"))
        self.assertIs(self.state("two"), KeyState.EXPIRED)
        self.assertEqual(self.told, [])

    def test_the_unknown_are_unknown(self) -> None:
        for change in (self.keys.authorise, self.keys.revoke, self.keys.suspend):
            self.failureResultOf(change("none"), UnknownKey)

    def test_each_change_is_written_down_with_who_made_it(self) -> None:
        self.successResultOf(self.keys.authorise("one", ADMIN))
        self.successResultOf(self.keys.suspend("one", Origin("device")))
        self.successResultOf(self.keys.revoke("two", OPERATOR))
        asked = access_key("three", name="A shutter")
        self.successResultOf(
            self.keys.add(asked, Origin("nobody"), EventKind.KEY_REQUESTED)
        )
        kept = [
            (event.kind, event.actor, event.cloud_id, event.detail)
            for event in self.kept()
        ]
        self.assertEqual(
            kept[1:],
            [
                (EventKind.KEY_CREATED, "server", "Garage", "api Name of one"),
                (EventKind.KEY_CREATED, "server", None, "admin Name of two"),
                (EventKind.KEY_AUTHORISED, "admin", "Garage", "api Name of one"),
                (EventKind.KEY_SUSPENDED, "device", "Garage", "api Name of one"),
                (EventKind.KEY_REVOKED, "operator", None, "admin Name of two"),
                (EventKind.KEY_REQUESTED, "nobody", "Garage", "api A shutter"),
            ],
        )

    def test_it_is_told_live_after_the_change(self) -> None:
        told: list[tuple[EventKind, bool]] = []

        def listen(event: Event) -> None:
            told.append((event.kind, self.known("one").authorised is not None))

        self.events.subscribe(listen)
        self.authorise("one")
        self.assertEqual(told, [(EventKind.KEY_AUTHORISED, True)])


class SigningTests(KeysCase):
    """All keys under a signing key."""

    def setUp(self) -> None:
        super().setUp()
        for key_id in ("pending", "works", "revoked", "expires"):
            self.add(key_id, expires=NOON + DAY if key_id == "expires" else None)
        self.add("cloud", cloud_id=None)
        self.add("other", kid="second")
        for key_id in ("works", "other", "cloud"):
            self.successResultOf(self.keys.authorise(key_id))
        self.successResultOf(self.keys.revoke("revoked"))
        self.clock.advance(DAY.total_seconds())
        self.told.clear()

    def test_those_that_live_are_revoked_all_at_once(self) -> None:
        revoked = self.successResultOf(self.keys.revoke_signed_by("first", OPERATOR))
        expected = {"pending", "works", "cloud"}
        self.assertEqual({key.id for key in revoked}, expected)
        self.assertEqual(
            {key.id for key in self.keys if key.revoked}, expected | {"revoked"}
        )
        self.assertEqual({change.key.id for change in self.told}, expected)
        self.assertEqual(self.state("other"), KeyState.AUTHORISED)
        by_operator = EventFilter(actor="operator")
        self.assertEqual(self.kinds(by_operator), [EventKind.KEY_REVOKED] * 3)
        before = {key.id: key for key in self.keys}
        self.assertEqual(self.stored(), before)

    def test_there_may_be_none(self) -> None:
        revoked = self.keys.revoke_signed_by("third")
        self.assertEqual(self.successResultOf(revoked), [])
        self.assertEqual(self.told, [])

    def test_one_transaction_does_it(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        revoked = self.keys.revoke_signed_by("first", OPERATOR)
        self.assertEqual(len(worker), 1)
        worker.run_next()
        self.assertEqual(len(self.successResultOf(revoked)), 3)

    def test_more_than_fit_into_a_statement(self) -> None:
        for number in range(26):
            cloud_id = f"S-{number}"
            self.successResultOf(self.systems.add(cloud_id, verifier()))
            for each in range(MAX_LIVING):
                self.add(f"{number}-{each}", cloud_id, kid="many")
        revoked = self.successResultOf(self.keys.revoke_signed_by("many", OPERATOR))
        self.assertEqual(len(revoked), 26 * MAX_LIVING)
        of_them = [key for key in self.stored().values() if key.kid == "many"]
        self.assertTrue(all(key.revoked for key in of_them))

    def test_living_keys_name_the_signing_keys_that_are_in_use(self) -> None:
        self.assertEqual(self.keys.kids(), {"first", "second"})
        self.successResultOf(self.keys.revoke_signed_by("first"))
        self.assertEqual(self.keys.kids(), {"second"})


class BoundsTests(KeysCase):
    def fill(self, cloud_id: str | None = "Garage") -> None:
        for number in range(MAX_LIVING):
            self.add(f"{cloud_id}-{number}", cloud_id)

    def test_a_scope_has_so_many_living_keys_and_no_more(self) -> None:
        self.fill()
        self.successResultOf(self.keys.authorise("Garage-0"))
        self.failureResultOf(self.keys.add(access_key("more")), TooManyKeys)
        self.add("cloud", cloud_id=None)
        self.assertEqual(len(self.stored()), MAX_LIVING + 1)

    def test_the_cloud_too(self) -> None:
        self.fill(None)
        more = self.keys.add(access_key("more", cloud_id=None))
        self.failureResultOf(more, TooManyKeys)
        self.add("garage's")

    def test_one_that_ends_makes_room(self) -> None:
        self.fill()
        self.successResultOf(self.keys.revoke("Garage-7"))
        self.add("more")
        self.failureResultOf(self.keys.add(access_key("another")), TooManyKeys)

    def test_of_those_that_ended_the_oldest_go_and_it_is_told(self) -> None:
        for number in range(MAX_ENDED + 3):
            self.add(f"ended-{number}", created=NOON - number * DAY)
            self.clock.advance(1)
            self.successResultOf(self.keys.revoke(f"ended-{number}"))
        self.add("new")
        gone = [key_id for kind, key_id in self.said() if kind is ChangeKind.REMOVED]
        self.assertEqual(gone, ["ended-0", "ended-1", "ended-2"])
        self.assertEqual(len(self.keys.of("Garage")), MAX_ENDED + 1)
        before = {key.id: key for key in self.keys}
        self.assertEqual(self.stored(), before)

    def test_one_that_fails_removes_nothing(self) -> None:
        for number in range(MAX_ENDED + 1):
            self.add(f"ended-{number}")
            self.clock.advance(1)
            self.successResultOf(self.keys.revoke(f"ended-{number}"))
        again = access_key(f"ended-{MAX_ENDED}")
        self.failureResultOf(self.keys.add(again), DatabaseError)
        self.assertIsNotNone(self.keys.get("ended-0"))
        self.assertEqual(len(self.stored()), MAX_ENDED + 1)

    def test_an_admin_who_goes_round_in_circles_fills_no_disk(self) -> None:
        for number in range(200):
            self.successResultOf(self.keys.add(access_key(f"{number}"), ADMIN))
            self.successResultOf(self.keys.revoke(f"{number}", ADMIN))
        self.assertLessEqual(len(self.stored()), MAX_ENDED + 1)
        self.assertLessEqual(len(self.kinds()), 110)

    def test_what_was_not_kept_of_it_is_summed_up(self) -> None:
        for number in range(70):
            self.successResultOf(self.keys.add(access_key(f"{number}"), ADMIN))
            self.successResultOf(self.keys.revoke(f"{number}", ADMIN))
        self.events.sum_up()
        created = EventFilter(frozenset({EventKind.KEY_CREATED}))
        self.assertEqual(sum(event.times for event in self.kept(created)), 70)

    def test_but_all_that_the_operator_does_is_written_down(self) -> None:
        for number in range(120):
            cloud_id = None if number % 2 else "Garage"
            new = access_key(f"{number}", cloud_id)
            self.successResultOf(self.keys.add(new, OPERATOR))
            self.successResultOf(self.keys.revoke(f"{number}", OPERATOR))
        self.assertEqual(len(self.kinds()), 240)


class RaceTests(KeysCase):
    """Two at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.add("one")
        self.worker = ManualWorker()
        self.restart(self.worker)

    def finish(self, *changes: Deferred[Any]) -> list[Any]:
        """What becomes of them."""
        self.worker.run_all()
        outcomes: list[Any] = []
        for change in changes:
            change.addErrback(lambda failure: failure.type)
            outcomes.append(self.successResultOf(change))
        return outcomes

    def test_of_authorise_and_revoke_the_revocation_stays(self) -> None:
        for first, second in (("authorise", "revoke"), ("revoke", "authorise")):
            key_id = f"{first}-first"
            self.finish(self.keys.add(access_key(key_id)))
            changes = [getattr(self.keys, name)(key_id) for name in (first, second)]
            self.finish(*changes)
            self.assertIs(self.state(key_id), KeyState.REVOKED)
        (stored,) = self.finish(self.database.run(key_rows.read_all))
        self.assertCountEqual(stored, list(self.keys))

    def test_authorise_behind_revoke_fails(self) -> None:
        _, outcome = self.finish(self.keys.revoke("one"), self.keys.authorise("one"))
        self.assertIs(outcome, KeyEnded)

    def test_two_revocations_are_one(self) -> None:
        first, second = self.finish(self.keys.revoke("one"), self.keys.revoke("one"))
        self.assertEqual(first, second)
        self.assertEqual(len(self.told), 1)

    def test_two_for_the_last_place(self) -> None:
        for number in range(MAX_LIVING - 2):
            self.finish(self.keys.add(access_key(f"{number}")))
        outcomes = self.finish(
            *(self.keys.add(access_key(key_id)) for key_id in ("last", "too many"))
        )
        self.assertEqual(outcomes[1:], [TooManyKeys])
        self.assertEqual(len(self.keys), MAX_LIVING)

    def test_a_key_behind_its_system_s_removal_is_of_no_system(self) -> None:
        removed = self.systems.remove("Garage")
        outcomes = self.finish(
            self.keys.add(access_key("two")),
            self.keys.authorise("one"),
            self.keys.revoke_signed_by("first"),
        )
        self.successResultOf(removed)
        # Asked of the database while memory did not know of the removal.
        self.assertEqual(outcomes[0], UnknownSystem)
        self.assertEqual(outcomes[1:], [UnknownKey, []])
        self.assertEqual(self.said(), [(ChangeKind.REMOVED, "one")])
        self.assertEqual(list(self.keys), [])

    def test_one_before_it_goes_with_it(self) -> None:
        added = self.keys.add(access_key("two"))
        removed = self.systems.remove("Garage")
        self.finish(added, removed)
        self.assertEqual(
            self.said(),
            [
                (ChangeKind.ADDED, "two"),
                (ChangeKind.REMOVED, "two"),
                (ChangeKind.REMOVED, "one"),
            ],
        )
        self.assertEqual(list(self.keys), [])

    def test_a_use_meanwhile_is_not_lost(self) -> None:
        authorised = self.keys.authorise("one")
        self.clock.advance(1)
        self.keys.used("one", "192.0.2.1")
        (key,) = self.finish(authorised)
        self.assertEqual(key, self.known("one"))
        self.assertEqual(key.last_used, NOON + timedelta(seconds=1))


class RemovalTests(KeysCase):
    """Of their system."""

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.systems.add("Barn", verifier()))
        self.add("one")
        self.add("two", name="canary of the name", requested_from="canary of a client")
        self.add("barn's", "Barn")
        self.add("cloud's", None)
        self.keys.used("one", "canary of a client")
        self.told.clear()

    def test_its_keys_go_with_it_and_it_is_told(self) -> None:
        self.successResultOf(self.systems.remove("GARAGE"))
        self.assertCountEqual(
            self.said(), [(ChangeKind.REMOVED, "one"), (ChangeKind.REMOVED, "two")]
        )
        self.assertIsNone(self.keys.get("one"))
        self.assertEqual(self.keys.of("Garage"), [])
        self.assertIsNone(self.keys.find_consent("Garage", "consent-one"))
        self.assertEqual(set(self.stored()), {"barn's", "cloud's"})

    def test_its_successor_of_the_same_name_has_none(self) -> None:
        self.successResultOf(self.systems.remove("Garage"))
        self.successResultOf(self.systems.add("GARAGE", verifier()))
        self.assertEqual(self.keys.of("Garage"), [])
        self.add("one", "GARAGE")
        self.assertEqual(len(self.stored()), 3)

    def test_uses_that_waited_wait_for_nothing(self) -> None:
        self.successResultOf(self.systems.remove("Garage"))
        self.successResultOf(self.keys.flush())
        self.assertIsNone(self.keys.get("one"))

    def test_erased_it_leaves_nothing_of_them(self) -> None:
        self.successResultOf(self.keys.authorise("two", ADMIN))
        self.keys.used("two", "canary of a client")
        self.successResultOf(self.keys.flush())
        self.assertIn(b"canary", self.databases.contents(self.data_dir))
        self.successResultOf(self.systems.remove("Garage", erase=True))
        self.keys.used("two", "canary of a client")
        self.failureResultOf(self.keys.revoke("two", ADMIN), UnknownKey)
        self.successResultOf(self.keys.flush())
        self.successResultOf(self.events.flush())
        contents = self.databases.contents(self.data_dir)
        self.assertNotIn(b"canary", contents)
        self.assertNotIn(b"consent-two", contents)
        self.assertNotIn(b"Garage", contents)
        self.assertIn(b"consent-barn", contents)

    def test_what_came_behind_an_erasure_leaves_nothing_either(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        erased = self.systems.remove("Garage", erase=True)
        late: list[Deferred[Any]] = [
            self.keys.revoke_signed_by("first", OPERATOR),
            self.keys.add(access_key("three", name="canary")),
        ]
        worker.run_all()
        self.successResultOf(erased)
        revoked = self.successResultOf(late[0])
        self.assertCountEqual([key.id for key in revoked], ["barn's", "cloud's"])
        self.failureResultOf(late[1], UnknownSystem)
        contents = self.databases.contents(self.data_dir)
        self.assertNotIn(b"canary", contents)
        self.assertNotIn(b"Garage", contents)


class DoubtTests(KeysCase):
    """The database has done something, and its answer was lost."""

    def setUp(self) -> None:
        super().setUp()
        self.worker = AnswerLosingWorker()
        self.restart(self.worker)
        self.add("one")
        self.told.clear()

    def lose(self, change: Callable[[], Deferred[Any]]) -> None:
        self.worker.loses = True
        self.failureResultOf(change(), DatabaseUnavailable)
        self.assertEqual(self.told, [])
        self.worker.loses = False
        self.successResultOf(self.database.check())

    def test_what_was_added_is_known_when_it_is_back(self) -> None:
        self.lose(lambda: self.keys.add(access_key("two")))
        self.assertEqual(self.known("two"), access_key("two"))
        self.assertEqual(self.said(), [(ChangeKind.ADDED, "two")])

    def test_what_was_revoked_is_known_when_it_is_back(self) -> None:
        before = self.known("one")
        self.lose(lambda: self.keys.revoke("one"))
        self.assertIs(self.state("one"), KeyState.REVOKED)
        after = self.known("one")
        self.assertEqual(self.told, [KeyChange(ChangeKind.CHANGED, after, before)])

    def test_whose_system_was_removed_are_gone_when_it_is_back(self) -> None:
        self.lose(lambda: self.systems.remove("Garage"))
        self.assertIsNone(self.keys.get("one"))
        self.assertEqual(self.said(), [(ChangeKind.REMOVED, "one")])

    def test_what_was_deleted_is_gone_when_it_is_back(self) -> None:
        self.successResultOf(self.keys.revoke("one"))
        self.clock.advance(2 * DAY.total_seconds())
        self.told.clear()
        self.lose(lambda: self.keys.prune(1))
        self.assertEqual(self.said(), [(ChangeKind.REMOVED, "one")])

    def test_a_use_that_was_not_written_is_not_forgotten(self) -> None:
        self.keys.used("one", "192.0.2.1")
        used = self.known("one")
        self.lose(lambda: self.keys.authorise("one"))
        after = self.known("one")
        self.assertEqual(
            (after.last_used, after.last_client), (used.last_used, "192.0.2.1")
        )
        self.assertIsNotNone(after.authorised)

    def test_nothing_new_is_told_to_nobody(self) -> None:
        self.keys.used("one", "192.0.2.1")
        self.lose(self.keys.flush)
        self.assertEqual(self.told, [])

    def test_what_can_t_be_read_again_stays_as_it_was_and_the_log_says_so(self) -> None:
        def broken(_: object) -> list[AccessKey]:
            raise DatabaseError("away again")

        self.patch(key_rows, "read_all", broken)
        with capturedLogs() as logged:
            self.lose(lambda: self.keys.revoke("one"))
        self.assertIs(self.state("one"), KeyState.PENDING)
        said = [(each.get("what"), each.get("reason")) for each in logged]
        self.assertIn("access keys", [what for what, _ in said])
        self.assertIn("away again", str(said))


class PruningTests(KeysCase):
    def pruned(self, days: int = 7) -> int:
        return self.successResultOf(self.keys.prune(days))

    def test_keys_that_ended_go_after_the_days_that_are_set(self) -> None:
        self.add("revoked")
        self.add("expired", expires=NOON + timedelta(hours=1))
        self.add("both", expires=NOON + 30 * DAY)
        self.add("works")
        self.successResultOf(self.keys.authorise("works"))
        for key_id in ("revoked", "both"):
            self.successResultOf(self.keys.revoke(key_id))
        self.clock.advance(7 * DAY.total_seconds())
        self.assertEqual(self.pruned(), 0)
        self.clock.advance(1)
        self.told.clear()
        self.assertEqual(self.pruned(), 2)
        self.assertEqual({change.kind for change in self.told}, {ChangeKind.REMOVED})
        self.clock.advance(3600)
        self.assertEqual(self.pruned(), 1)
        self.assertEqual(set(self.stored()), {"works"})

    def test_a_key_that_was_asked_for_waits_a_day(self) -> None:
        self.add("asked for", code="7KQ-M2X", requested_from="192.0.2.9")
        self.add("made")
        self.clock.advance(DAY.total_seconds())
        self.assertEqual(self.pruned(), 0)
        self.clock.advance(1)
        self.assertEqual(self.pruned(), 1)
        self.assertEqual(set(self.stored()), {"made"})

    def test_once_authorised_it_waits_for_ever_to_be_so_again(self) -> None:
        self.add("asked for", code="7KQ-M2X", requested_from="192.0.2.9")
        self.successResultOf(self.keys.authorise("asked for"))
        self.successResultOf(self.keys.suspend("asked for"))
        self.restart()
        self.clock.advance(100 * DAY.total_seconds())
        self.assertEqual(self.pruned(), 0)

    def test_many_go_part_by_part_so_that_others_have_their_turns(self) -> None:
        for number in range(12):
            cloud_id = f"S-{number}"
            self.successResultOf(self.systems.add(cloud_id, verifier()))
            for each in range(MAX_LIVING):
                self.add(f"{number}-{each}", cloud_id, code="7KQ-M2X")
        self.add("made")
        self.clock.advance(2 * DAY.total_seconds())
        worker = ManualWorker()
        self.restart(worker)
        pruned = self.keys.prune(7)
        authorised = self.keys.authorise("made")
        worker.run_next()
        self.assertNoResult(pruned)
        worker.run_next()
        self.assertIsNotNone(self.successResultOf(authorised).authorised)
        worker.run_all()
        self.assertEqual(self.successResultOf(pruned), 600)
        self.assertEqual(len(self.keys), 1)

    def test_one_that_somebody_authorises_meanwhile_stays(self) -> None:
        self.add("asked for", code="7KQ-M2X")
        self.clock.advance(2 * DAY.total_seconds())
        worker = ManualWorker()
        self.restart(worker)
        authorised = self.keys.authorise("asked for")
        pruned = self.keys.prune(7)
        worker.run_all()
        self.assertTrue(self.successResultOf(authorised).works(self.now()))
        self.assertEqual(self.successResultOf(pruned), 0)
        self.assertIsNotNone(self.keys.get("asked for"))

    def test_a_database_that_is_away_loses_nothing(self) -> None:
        self.add("revoked")
        self.successResultOf(self.keys.revoke("revoked"))
        self.clock.advance(8 * DAY.total_seconds())
        self.successResultOf(self.database.close())
        self.failureResultOf(self.keys.prune(7), DatabaseError)
        self.assertIsNotNone(self.keys.get("revoked"))


class SecretTests(KeysCase):
    def test_neither_token_nor_grant_is_stored(self) -> None:
        signing = SigningKeys.in_directory(self.data_dir, lambda: NOON)
        issuer = KeyIssuer(signing, "https://cloud.example.org", lambda: NOON)
        tokens = []
        for cloud_id in ("Garage", None):
            issued = issuer.issue(cloud_id, "An app", Role.ADMIN, None)
            tokens.append(issued.token)
            self.successResultOf(self.keys.add(issued.key, ADMIN))
            self.successResultOf(self.keys.authorise(issued.key.id, ADMIN))
            self.keys.used(issued.key.id, "192.0.2.1")
            self.successResultOf(self.keys.flush())
            self.assertNotIn(issued.key.consent, repr(issued.key))
        contents = self.databases.contents(self.data_dir)
        for token in tokens:
            grant = grant_of(token.encode())
            # What is looked for would be found.
            self.assertIn(consent_of(grant).encode(), contents)
            for secret in (token, grant, *token.split(".")[1:]):
                self.assertNotIn(secret.encode(), contents)

    def test_nor_does_an_error_say_more_than_an_id(self) -> None:
        failure: Failure = self.failureResultOf(self.keys.revoke("none"), UnknownKey)
        self.assertEqual(str(failure.value), "none")
