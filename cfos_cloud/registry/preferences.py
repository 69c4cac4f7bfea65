"""What the operator can set while the server runs, besides its name and links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.events import SERVER, EventKind, Origin
from cfos_cloud.registry import event_rows, settings
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_store import Events
from cfos_cloud.turns import Turns


class InvalidPreference(ValueError):
    """A value out of range; the message is one line, ``name`` the preference."""

    def __init__(self, name: str) -> None:
        low, high = RANGES[name]
        super().__init__(f"a whole number from {low} to {high} is needed")
        self.name = name


@dataclass(frozen=True)
class Preferences:
    """
    Whole numbers, each with its unit.

    :raises InvalidPreference: one is out of its range.
    """

    #: For how long events and the history of connections are kept.
    retention_days: int = 90
    #: A browser's session ends so long after its last request, …
    session_idle_minutes: int = 24 * 60
    #: … and in any case so long after its log-in.
    session_absolute_hours: int = 30 * 24

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            low, high = RANGES[name]
            # True is 1 to Python.
            if type(value) is not int or not low <= value <= high:
                raise InvalidPreference(name)


#: From and to, both allowed.
RANGES: Mapping[str, tuple[int, int]] = {
    "retention_days": (1, 3650),
    "session_idle_minutes": (5, 365 * 24 * 60),
    "session_absolute_hours": (1, 365 * 24),
}
#: Each has a row under this name.
NAMES = tuple(each.name for each in fields(Preferences))

Listener = Callable[[Preferences], object]


class PreferenceStore:
    """The defaults until :meth:`load`."""

    _log = Logger()

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events
        self._current = Preferences()
        self._listeners: list[Listener] = []
        self._turns = Turns()
        database.when_back(self._back)

    @property
    def current(self) -> Preferences:
        """What counts now; from memory."""
        return self._current

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with what counts, when it is read and when it changes."""
        self._listeners.append(listener)

    def load(self) -> None:
        """
        Read what is stored. Blocks: only before the reactor runs.

        :raises DatabaseError: the database does not answer.
        """
        self._use(self._database.run_blocking(self._read))

    def change(
        self, wanted: Mapping[str, int], by: Origin = SERVER
    ) -> Deferred[Preferences]:
        """
        Change what is named in ``wanted``; it counts once it is committed.

        :raises InvalidPreference: as a failure; nothing has changed.
        :raises DatabaseError: as a failure; nothing has changed.
        :raises Overloaded: as a failure.
        """

        async def change() -> Preferences:
            before = self._current
            known = {name: wanted[name] for name in NAMES if name in wanted}
            after = replace(before, **known)
            changed = {
                name: value
                for name, value in asdict(after).items()
                if value != getattr(before, name)
            }
            if changed:
                detail = ", ".join(f"{name} {value}" for name, value in changed.items())
                event = self._events.make(EventKind.SETTINGS_CHANGED, by, detail=detail)

                def write(db: Connection) -> None:
                    for name, value in changed.items():
                        settings.write(db, name, str(value))
                    event_rows.add(db, [event])

                await self._database.run(write)
                self._use(after)
                self._events.tell(event)
            return after

        return self._turns.take(change)

    def _read(self, connection: Connection) -> Preferences:
        found = Preferences()
        for name in NAMES:
            text = settings.read(connection, name)
            if text is None:
                continue
            try:
                found = replace(found, **{name: int(text)})
            except ValueError as error:
                self._log.error(
                    "the setting {name} in the database is {text}, its default "
                    "counts: {reason}",
                    name=name,
                    text=text,
                    reason=str(error),
                )
        return found

    def _use(self, preferences: Preferences) -> None:
        self._current = preferences
        for listener in self._listeners:
            listener(preferences)

    def _back(self) -> None:
        """Whether a change that failed was made nobody knows but the database."""

        async def reload() -> None:
            self._use(await self._database.run(self._read))

        self._turns.take(reload, is_patient=True).addErrback(
            lambda failure: self._log.error(
                "the settings are not read again: {reason}",
                reason=failure.getErrorMessage(),
            )
        )
