"""Name and links of the operator: as options say, else as the operator's page does."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, DeferredLock

from cfos_cloud.registry import settings
from cfos_cloud.registry.database import Database
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.workers import shielded

#: The members of :class:`SiteInfo`; each has a row under this name.
MEMBERS = tuple(each.name for each in fields(SiteInfo))


class SiteInfoFixed(Exception):
    """The member ``name`` comes from an option of the command line."""

    def __init__(self, name: str) -> None:
        option = "--" + name.replace("_", "-")
        super().__init__(f"it comes from {option} and is changed there")
        self.name = name


class SiteSettings:
    """
    The one owner of :class:`SiteInfo`. What ``given`` has (the options) counts, and
    can't be changed here; all else is what :meth:`load` found, then what was changed.
    """

    def __init__(self, database: Database, given: SiteInfo) -> None:
        self._database = database
        self._given = given
        self._stored = SiteInfo()
        self._changing = DeferredLock()

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

    def change(self, new: SiteInfo) -> Deferred[None]:
        """
        Store ``new``, whose members are checked, in the place of all that was
        stored; pages say it once that is committed.

        :raises SiteInfoFixed: as a failure: it differs in a member that is fixed.
        :raises DatabaseError: as a failure; nothing has changed.
        """

        async def change() -> None:
            for name in self.fixed:
                known = [getattr(each, name) for each in (self._given, self._stored)]
                if getattr(new, name) not in (None, *known):
                    raise SiteInfoFixed(name)
            await self._database.run(lambda connection: _write(connection, new))
            self._stored = new

        return shielded(self._changing.run(lambda: Deferred.fromCoroutine(change())))


def _read(connection: Connection) -> SiteInfo:
    return SiteInfo(
        **{name: settings.read(connection, name) or None for name in MEMBERS}
    )


def _write(connection: Connection, new: SiteInfo) -> None:
    for name in MEMBERS:
        settings.write(connection, name, getattr(new, name) or "")
