"""Many systems at once, all of them or none; and who hears of what is kept."""

from __future__ import annotations

from cfos_cloud.cloud_id import InvalidCloudID
from cfos_cloud.events import Event, EventKind, Origin
from cfos_cloud.registry import (
    Addition,
    ChangeKind,
    DatabaseError,
    DuplicateSystem,
    SystemChange,
)
from tests.registry.support import RegistryCase, verifier

BY = Origin("operator", "192.0.2.1")


class AddAllTests(RegistryCase):
    def additions(self, *names: str) -> list[Addition]:
        return [Addition(name, verifier(), name=f"The {name}") for name in names]

    def ids(self) -> list[str]:
        return [system.cloud_id for system in self.systems]

    def test_all_are_there_after_a_restart(self) -> None:
        additions = self.additions("a", "b")
        additions.append(Addition("c", verifier(3), enabled=False))
        added = self.successResultOf(self.systems.add_all(additions, BY))
        self.assertEqual(added, list(self.systems))
        self.restart()
        self.assertEqual(added, list(self.systems))
        self.assertEqual([one.enabled for one in added], [True, True, False])
        self.assertEqual(added[0].name, "The a")

    def test_each_is_told_and_written_down(self) -> None:
        changes: list[SystemChange] = []
        self.systems.subscribe(changes.append)
        self.successResultOf(self.systems.add_all(self.additions("a", "b"), BY))
        kinds = [(change.kind, change.system.cloud_id) for change in changes]
        self.assertEqual(kinds, [(ChangeKind.ADDED, "a"), (ChangeKind.ADDED, "b")])
        events = self.successResultOf(self.events.page()).items
        told = {(event.kind, event.cloud_id, event.actor) for event in events}
        added = EventKind.SYSTEM_ADDED
        self.assertEqual(told, {(added, "a", "operator"), (added, "b", "operator")})

    def test_one_that_can_t_be_and_none_is_added(self) -> None:
        self.successResultOf(self.systems.add("taken", verifier()))
        for names, error in (
            (("a", "TAKEN"), DuplicateSystem),
            (("a", "b", "A"), DuplicateSystem),
            (("a", "-b"), InvalidCloudID),
        ):
            self.failureResultOf(self.systems.add_all(self.additions(*names)), error)
            self.assertEqual(self.ids(), ["taken"])
            self.restart()
            self.assertEqual(self.ids(), ["taken"])
        events = self.successResultOf(self.events.page()).items
        self.assertEqual([event.cloud_id for event in events], ["taken"])

    def test_none_is_nothing(self) -> None:
        self.assertEqual(self.successResultOf(self.systems.add_all([])), [])


class ListenerTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.heard: list[Event] = []
        self.events.subscribe(self.heard.append)

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.heard]

    def test_what_is_kept_is_heard_of(self) -> None:
        self.events.note(EventKind.BACKUP_MADE, BY)
        self.successResultOf(self.events.keep(EventKind.SERVER_STARTED))
        self.successResultOf(self.systems.add("a", verifier()))
        self.successResultOf(self.systems.change("a", name="x", enabled=False, by=BY))
        self.successResultOf(self.systems.remove("a"))
        self.assertEqual(
            self.kinds(),
            [
                EventKind.BACKUP_MADE,
                EventKind.SERVER_STARTED,
                EventKind.SYSTEM_ADDED,
                EventKind.SYSTEM_RENAMED,
                EventKind.SYSTEM_DISABLED,
                EventKind.SYSTEM_REMOVED,
            ],
        )
        events = self.successResultOf(self.events.page()).items
        self.assertEqual(len(events), len(self.heard))

    def test_who_is_erased_is_not_named(self) -> None:
        self.successResultOf(self.systems.add("a", verifier()))
        self.heard.clear()
        self.successResultOf(self.systems.remove("a", erase=True))
        ((kind, cloud_id),) = [(event.kind, event.cloud_id) for event in self.heard]
        self.assertEqual((kind, cloud_id), (EventKind.SYSTEM_ERASED, None))

    def test_what_is_not_kept_is_not(self) -> None:
        for _ in range(1000):
            self.events.note(EventKind.LOGIN_FAILED, BY, "a")
        self.assertLess(len(self.heard), 100)

        self.heard.clear()
        self.successResultOf(self.database.close())
        self.failureResultOf(self.events.keep(EventKind.SERVER_STARTED), DatabaseError)
        self.failureResultOf(self.systems.add("b", verifier()), DatabaseError)
        self.assertEqual(self.heard, [])

    def test_a_listener_that_fails_stops_nobody(self) -> None:
        def fail(event: Event) -> None:
            raise ZeroDivisionError

        self.events._listeners.insert(0, fail)
        self.events.note(EventKind.BACKUP_MADE)
        self.assertEqual(self.kinds(), [EventKind.BACKUP_MADE])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PasswordListenerTests(RegistryCase):
    def test_another_admin_password_is_heard_of(self) -> None:
        self.operator.prepare(self.data_dir)
        heard: list[str] = []

        def fail() -> None:
            raise ZeroDivisionError

        self.operator.when_changed(fail)
        self.operator.when_changed(lambda: heard.append("changed"))
        self.successResultOf(self.operator.set_password("another one"))
        self.assertEqual(heard, ["changed"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
