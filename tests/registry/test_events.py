"""What is kept of who did what, how it is found, and how it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from cfos_cloud.cursor import make_cursor
from cfos_cloud.events import EventKind, Origin
from cfos_cloud.registry import (
    DatabaseError,
    EventFilter,
    InvalidCursor,
    UnknownSystem,
    event_store,
)
from cfos_cloud.registry.closing import CLOSE_SECONDS
from cfos_cloud.registry.event_store import BATCH, DELAY, MAX_WAITING, RETRY
from tests.registry.support import NOON, ManualWorker, RegistryCase, verifier

OPERATOR = Origin("operator", "192.0.2.9")


class EventsCase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())

    def note(self, cloud_id: str | None = None, detail: str = "") -> None:
        """Something of which any number is kept."""
        self.events.note(EventKind.LOG_LEVEL_CHANGED, OPERATOR, cloud_id, detail)

    def details(self, **wanted: Any) -> list[str]:
        return [event.detail for event in self.kept(EventFilter(**wanted))]

    def stored(self) -> int:
        """How many are in the database now."""
        query = "SELECT count(*) FROM event"
        count = self.database.run_blocking(
            lambda db: db.exec_driver_sql(query).scalar()
        )
        assert isinstance(count, int)
        return count


class NoteTests(EventsCase):
    def test_an_event_comes_back_as_it_was(self) -> None:
        self.events.note(EventKind.LOGGED_IN, Origin("user:Zoë", "::1"), "Garage", "ü")
        (event,) = self.kept()
        self.assertEqual(
            (event.kind, event.actor, event.client, event.cloud_id, event.detail),
            (EventKind.LOGGED_IN, "user:Zoë", "::1", "Garage", "ü"),
        )
        self.assertEqual((event.time, event.times), (NOON, 1))

    def test_notes_wait_for_each_other_and_share_a_transaction(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        for _ in range(BATCH):
            self.note()
        self.assertEqual(len(worker), 0)
        self.clock.advance(DELAY)
        self.assertEqual(len(worker), 1)
        worker.run_all()
        self.assertEqual(self.stored(), BATCH)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_they_are_there_after_a_restart(self) -> None:
        self.note(detail="before")
        self.successResultOf(Deferred.fromCoroutine(self.events.close()))
        self.restart()
        self.assertEqual(self.details(), ["before"])

    def test_after_the_close_nothing_is_taken(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.events.close()))
        self.note()
        self.assertEqual(len(self.events), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_to_be_kept_is_there_when_that_is_said(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        kept = self.events.keep(EventKind.CERTIFICATE_IMPORTED, OPERATOR)
        self.assertNoResult(kept)
        worker.run_all()
        self.successResultOf(kept)
        self.assertEqual(self.stored(), 1)

    def test_what_is_too_much_is_counted_and_summed_up(self) -> None:
        for _ in range(30):
            self.events.note(EventKind.CONNECTED, Origin("device"), "Garage")
        self.events.sum_up()
        times = [event.times for event in self.kept()]
        self.assertEqual(times, [1] * 20 + [10])

    def test_a_kind_of_another_version_is_shown_as_unknown(self) -> None:
        self.note()
        self.kept()
        statement = "UPDATE event SET kind = 'of_tomorrow'"
        self.database.run_blocking(lambda db: db.exec_driver_sql(statement))
        self.assertEqual(self.kept()[0].kind, EventKind.UNKNOWN)


class TroubleTests(EventsCase):
    def setUp(self) -> None:
        super().setUp()
        self.broken = True
        whole = self.database.run

        def run(function: Any) -> Deferred[Any]:
            if not self.broken:
                return whole(function)
            failed: Deferred[Any] = Deferred()
            failed.errback(DatabaseError("the disk is full"))
            return failed

        self.patch(self.database, "run", run)

    def test_without_a_database_they_wait_in_their_order(self) -> None:
        for number in range(3):
            self.note(detail=str(number))
        with capturedLogs() as logged:
            self.clock.advance(DELAY)
        self.assertIn("the disk is full", str([each.get("reason") for each in logged]))
        self.assertEqual(len(self.events), 3)
        self.note(detail="3")
        self.broken = False
        self.clock.advance(RETRY)
        self.assertEqual(self.details(), ["0", "1", "2", "3"])

    def test_more_than_there_is_room_for_are_lost_and_counted(self) -> None:
        for _ in range(MAX_WAITING + 7):
            self.note()
        self.assertEqual(len(self.events), MAX_WAITING)
        self.broken = False
        self.successResultOf(self.events.flush())
        (lost,) = self.kept(EventFilter(kinds=frozenset({EventKind.EVENTS_LOST})))
        self.assertEqual(lost.times, 7)

    def test_a_close_says_what_is_lost(self) -> None:
        self.note()
        with capturedLogs() as logged:
            self.successResultOf(Deferred.fromCoroutine(self.events.close()))
        self.assertEqual([each.get("count") for each in logged], [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_close_behind_what_hangs_ends_all_the_same(self) -> None:
        async def hang() -> None:
            await Deferred()

        self.broken = False
        self.events._turns.take(hang)
        self.note()
        with capturedLogs() as logged:
            closing = Deferred.fromCoroutine(self.events.close())
            self.assertNoResult(closing)
            self.clock.advance(CLOSE_SECONDS)
            self.successResultOf(closing)
        self.assertEqual([each.get("count") for each in logged], [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PageTests(EventsCase):
    def test_the_newest_come_first_and_pages_are_everything_once(self) -> None:
        for number in range(7):
            self.note(detail=str(number))
            if number % 2:
                self.clock.advance(1)  # others have the same time
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(4):
            page = self.successResultOf(self.events.page(2, cursor))
            seen += [event.detail for event in page.items]
            cursor = page.next
        self.assertIsNone(cursor)
        self.assertEqual(seen, list("6543210"))

    def test_a_cursor_survives_what_comes_meanwhile(self) -> None:
        for number in range(4):
            self.note(detail=str(number))
        page = self.successResultOf(self.events.page(2))
        self.note(detail="new")
        page = self.successResultOf(self.events.page(2, page.next))
        self.assertEqual([event.detail for event in page.items], ["1", "0"])

    def test_ids_are_given_and_their_own(self) -> None:
        for _ in range(3):
            self.note()
        page = self.successResultOf(self.events.page())
        ids = {event.id for event in page.items}
        self.assertEqual(len(ids - {None}), 3)

    def test_each_filter_fits_exactly(self) -> None:
        by = (OPERATOR, Origin("device", "::1"))
        for kind in (EventKind.LOG_LEVEL_CHANGED, EventKind.BACKUP_MADE):
            for who in by:
                for cloud_id in ("Garage", "Garage-2", None):
                    self.events.note(kind, who, cloud_id, f"{kind.name} {who.actor}")
                    self.clock.advance(1)
        self.assertEqual(len(self.kept()), 12)
        self.assertEqual(len(self.details(cloud_id="gARAGE")), 4)
        self.assertEqual(len(self.details(actor="operator")), 6)
        self.assertEqual(
            self.details(
                cloud_id="garage",
                actor="device",
                kinds=frozenset({EventKind.BACKUP_MADE}),
            ),
            ["BACKUP_MADE device"],
        )
        self.assertEqual(len(self.details(kinds=frozenset(EventKind))), 12)
        since, until = NOON + timedelta(seconds=2), NOON + timedelta(seconds=5)
        self.assertEqual(len(self.details(since=since, until=until)), 3)

    def test_a_page_follows_its_filter(self) -> None:
        for number in range(10):
            self.note(cloud_id="A" if number % 2 else "B", detail=str(number))
        wanted = EventFilter(cloud_id="A")
        first = self.successResultOf(self.events.page(3, wanted=wanted))
        second = self.successResultOf(self.events.page(3, first.next, wanted))
        details = [event.detail for event in (*first.items, *second.items)]
        self.assertEqual(details, ["9", "7", "5", "3", "1"])
        self.assertIsNone(second.next)

    def test_a_cursor_is_only_what_a_page_gave(self) -> None:
        when = NOON.isoformat()
        for bad in (
            "",
            "!",
            "é",
            "x" * 5000,
            make_cursor([]),
            make_cursor([when]),
            make_cursor([when, "1"]),
            make_cursor([when, 2**70]),
            make_cursor(["yesterday", 1]),
            make_cursor([NOON.replace(tzinfo=None).isoformat(), 1]),
            make_cursor([when, True]),
            make_cursor(["0001-01-01T00:00:00+14:00", 1]),
            make_cursor(["9999-12-31T23:59:59-14:00", 1]),
        ):
            self.assertRaises(InvalidCursor, self.events.page, 1, bad)

    def test_a_limit_is_1_to_500(self) -> None:
        for bad in (0, -1, 501):
            self.assertRaises(ValueError, self.events.page, bad)


class PruneTests(EventsCase):
    def test_what_is_older_goes_and_no_more(self) -> None:
        self.note(detail="old")
        self.clock.advance(3600)
        self.note(detail="new")
        self.successResultOf(self.events.flush())
        self.clock.advance(90 * 24 * 3600 - 3600 + 1)
        self.assertEqual(self.successResultOf(self.events.prune(90)), 1)
        self.assertEqual(self.details(), ["new"])

    def test_much_goes_in_parts_between_which_others_have_their_turns(self) -> None:
        self.patch(event_store, "_PRUNED", 5)
        worker = ManualWorker()
        self.restart(worker)
        for _ in range(12):
            self.note()
        flushed = self.events.flush()
        worker.run_all()
        self.successResultOf(flushed)
        self.clock.advance(2 * 24 * 3600)
        pruned = self.events.prune(1)
        worker.run_next()
        other = self.database.check()
        worker.run_next()
        worker.run_next()
        self.successResultOf(other)
        self.assertNoResult(pruned)
        worker.run_all()
        self.assertEqual(self.successResultOf(pruned), 12)


class ChangeTests(EventsCase):
    """What systems and the operator do is written with what they change."""

    def kinds(self) -> list[tuple[EventKind, str | None, str]]:
        kept = self.kept()
        self.assertEqual(
            {(e.actor, e.client) for e in kept}, {("operator", "192.0.2.9")}
        )
        return [(event.kind, event.cloud_id, event.detail) for event in kept]

    def test_each_change_of_a_system_is_an_event(self) -> None:
        systems = self.systems
        for change in (
            lambda: systems.add("Garage", verifier(), "old", OPERATOR),
            lambda: systems.change("garage", name="new", by=OPERATOR),
            lambda: systems.change("garage", enabled=False, by=OPERATOR),
            lambda: systems.change("garage", enabled=True, by=OPERATOR),
            lambda: systems.change("garage", verifier=verifier(2), by=OPERATOR),
            lambda: systems.change("garage", name="new", by=OPERATOR),
            lambda: systems.remove("garage", OPERATOR),
        ):
            result: Deferred[Any] = change()
            self.successResultOf(result)
        self.assertEqual(
            self.kinds(),
            [
                (EventKind.SYSTEM_ADDED, "Garage", "old"),
                (EventKind.SYSTEM_RENAMED, "Garage", "new"),
                (EventKind.SYSTEM_DISABLED, "Garage", ""),
                (EventKind.SYSTEM_ENABLED, "Garage", ""),
                (EventKind.SYSTEM_PASSWORD_CHANGED, "Garage", ""),
                (EventKind.SYSTEM_REMOVED, "Garage", ""),
            ],
        )

    def test_a_change_that_fails_leaves_none(self) -> None:
        self.failureResultOf(self.systems.remove("Barn", OPERATOR), UnknownSystem)
        self.successResultOf(self.systems.add("Garage", verifier(), by=OPERATOR))
        self.systems._mirror.drop("Garage")  # as if another node had added it
        self.failureResultOf(self.systems.add("garage", verifier(), by=OPERATOR))
        self.assertEqual(len(self.kept()), 1)

    def test_the_event_is_committed_with_the_change(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        added = self.systems.add("Garage", verifier(), by=OPERATOR)
        worker.run_next()
        self.successResultOf(added)
        self.assertEqual(self.stored(), 1)

    def test_a_changed_admin_password_is_an_event_without_it(self) -> None:
        self.operator.prepare(self.data_dir)
        self.successResultOf(self.operator.set_password("canary", OPERATOR))
        kept = self.kept()
        self.assertEqual(
            [(event.kind, event.actor, event.detail) for event in kept],
            [
                (EventKind.ADMIN_PASSWORD_CHANGED, "server", "generated"),
                (EventKind.ADMIN_PASSWORD_CHANGED, "operator", ""),
            ],
        )


class EraseTests(EventsCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("Garage", "Barn"):
            self.successResultOf(self.systems.add(name, verifier()))
            self.note(name, f"in {name}")
        self.successResultOf(self.events.flush())

    def test_nothing_is_left_but_that_something_was_erased(self) -> None:
        self.note("GARAGE", "not written yet")
        self.successResultOf(self.systems.remove("garage", OPERATOR, erase=True))
        self.note("Garage", "told too late")
        kept = self.kept()
        self.assertNotIn("garage", str(kept).lower())
        self.assertEqual(
            [(event.kind, event.cloud_id) for event in kept],
            [
                (EventKind.SYSTEM_ADDED, "Barn"),
                (EventKind.LOG_LEVEL_CHANGED, "Barn"),
                (EventKind.SYSTEM_ERASED, None),
            ],
        )
        self.assertEqual((kept[-1].actor, kept[-1].detail), ("operator", "2 events"))
        contents = self.databases.contents(self.data_dir)
        self.assertNotIn(b"garage", contents.lower())

    def test_what_is_told_while_it_is_erased_is_not_written_after_it(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        erased = self.systems.remove("Garage", erase=True)
        self.note("Garage", "meanwhile")
        self.clock.advance(DELAY)
        worker.run_all()
        self.successResultOf(erased)
        self.clock.advance(DELAY)
        worker.run_all()
        found = self.events.page(wanted=EventFilter(cloud_id="Garage"))
        worker.run_all()
        self.assertEqual(self.successResultOf(found).items, ())
        self.assertEqual(len(self.events), 0)

    def test_an_erasure_that_fails_loses_nothing(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        erased = self.systems.remove("Garage", erase=True)
        self.note("Garage", "meanwhile")
        # In the database it is gone already.
        statement = "DELETE FROM system WHERE folded = 'garage'"
        self.database.run_blocking(lambda db: db.exec_driver_sql(statement))
        worker.run_all()
        self.failureResultOf(erased, UnknownSystem)
        self.clock.advance(DELAY)
        worker.run_all()
        self.assertEqual(self.stored(), 5)

    def test_a_new_system_of_that_name_begins_anew(self) -> None:
        self.successResultOf(self.systems.remove("Garage", erase=True))
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.note("Garage", "of the new one")
        self.assertEqual(self.details(cloud_id="Garage"), ["", "of the new one"])

    def test_without_being_asked_nothing_is_erased(self) -> None:
        self.successResultOf(self.systems.remove("Garage"))
        self.note("Garage", "last words")
        self.assertEqual(
            self.details(cloud_id="Garage"), ["", "in Garage", "", "last words"]
        )


class ListenerTests(EventsCase):
    def test_listeners_hear_of_all_that_is_kept_and_one_that_fails_stops_nobody(
        self,
    ) -> None:
        def fail(event: object) -> None:
            raise KeyError("a listener's fault")

        heard: list[EventKind] = []
        self.events.subscribe(fail)
        self.events.subscribe(lambda event: heard.append(event.kind))
        self.note()
        self.successResultOf(self.events.keep(EventKind.BACKUP_MADE))
        self.successResultOf(self.systems.add("Garage", verifier()))
        self.successResultOf(self.systems.change("Garage", enabled=False))
        self.successResultOf(self.systems.remove("Garage", erase=True))
        self.assertEqual(
            heard,
            [
                EventKind.LOG_LEVEL_CHANGED,
                EventKind.BACKUP_MADE,
                EventKind.SYSTEM_ADDED,
                EventKind.SYSTEM_DISABLED,
                EventKind.SYSTEM_ERASED,
            ],
        )
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), len(heard))
