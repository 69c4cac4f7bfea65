"""Name and links of the operator: as options say, else as the operator's page does."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.events import SERVER, EventKind, Origin
from cfos_cloud.registry import event_rows, settings
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_store import Events
from cfos_cloud.registry_errors import SiteInfoFixed
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.turns import Turns

#: The members of :class:`SiteInfo`; each has a row under this name.
MEMBERS = tuple(each.name for each in fields(SiteInfo))


class SiteSettings:
    """
    The one owner of :class:`SiteInfo`. What ``given`` has (the options) counts, and
    can't be changed here; all else is what :meth:`load` found, then what was changed.
    """

    _log = Logger()

    def __init__(self, database: Database, events: Events, given: SiteInfo) -> None:
        self._database = database
        self._events = events
        self._given = given
        self._stored = SiteInfo()
        self._turns = Turns()
        database.when_back(self._back)

    def load(self) -> None:
        """
        Read what is stored. Blocks: only before the reactor runs.

        :raises DatabaseError: the database does not answer.
        """
        self._stored = self._database.run_blocking(_read)

    def current(self) -> SiteInfo:
        """What pages are to say now."""
        return self._given.over(self._stored)

    @property
    def stored(self) -> SiteInfo:
        """What was set here, be it that options say otherwise now."""
        return self._stored

    @property
    def fixed(self) -> frozenset[str]:
        """The members that options have given."""
        return frozenset(name for name in MEMBERS if getattr(self._given, name))

    def change(self, new: SiteInfo, by: Origin = SERVER) -> Deferred[None]:
        """
        Store ``new``, whose members are checked, in the place of all that was
        stored; pages say it once that is committed, together with an event that
        names what has changed.

        :raises SiteInfoFixed: as a failure: it differs in a member that is fixed.
        :raises DatabaseError: as a failure; nothing has changed.
        :raises Overloaded: as a failure.
        """

        async def change() -> None:
            for name in self.fixed:
                known = [getattr(each, name) for each in (self._given, self._stored)]
                if getattr(new, name) not in (None, *known):
                    raise SiteInfoFixed(name)
            before = self._stored
            changed = [
                name for name in MEMBERS if getattr(new, name) != getattr(before, name)
            ]
            if not changed:
                return
            event = self._events.make(
                EventKind.SETTINGS_CHANGED, by, detail=", ".join(changed)
            )

            def write(connection: Connection) -> None:
                _write(connection, new)
                event_rows.add(connection, [event])

            await self._database.run(write)
            self._stored = new
            self._events.tell(event)

        return self._turns.take(change)

    def _back(self) -> None:
        """Whether a change that failed was made nobody knows but the database."""

        async def reload() -> None:
            self._stored = await self._database.run(_read)

        self._turns.take(reload, is_patient=True).addErrback(
            lambda failure: self._log.error(
                "the operator's name and links are not read again: {reason}",
                reason=failure.getErrorMessage(),
            )
        )


def _read(connection: Connection) -> SiteInfo:
    return SiteInfo(
        **{name: settings.read(connection, name) or None for name in MEMBERS}
    )


def _write(connection: Connection, new: SiteInfo) -> None:
    for name in MEMBERS:
        settings.write(connection, name, getattr(new, name) or "")
