"""All that the server keeps: the database, and what there is of it in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from twisted.internet.interfaces import IReactorTime

from cfos_cloud.registry import (
    Backups,
    Connections,
    Database,
    Events,
    Keys,
    Operator,
    PreferenceStore,
    SiteSettings,
    Systems,
    default_url,
    hashing_worker,
)
from cfos_cloud.site_info import SiteInfo


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Each for its own kind of rows; all in one database."""

    database: Database
    events: Events
    systems: Systems
    keys: Keys
    connections: Connections
    site_settings: SiteSettings
    preferences: PreferenceStore
    operator: Operator
    backups: Backups

    @classmethod
    def in_database(
        cls,
        url: str | None,
        data_dir: Path,
        site_info: SiteInfo,
        reactor: Any,
        time_of_day: IReactorTime,
        now: Callable[[], datetime],
    ) -> Self:
        """
        Nothing is read before :meth:`open`.

        :param url: of the database; ``None``: a file in ``data_dir``.
        :param site_info: what the command line says of the operator.
        """
        database = Database(url or default_url(data_dir), reactor)
        events = Events(database, time_of_day)
        systems = Systems(database, time_of_day, events)
        return cls(
            database=database,
            events=events,
            systems=systems,
            keys=Keys(database, systems, time_of_day, events),
            connections=Connections(database, systems, time_of_day),
            site_settings=SiteSettings(database, events, site_info),
            preferences=PreferenceStore(database, events),
            operator=Operator(database, hashing_worker(reactor), reactor, events),
            backups=Backups(database, data_dir, now),
        )

    def open(self) -> None:
        """
        Before anything else of the data directory is touched: it is another server's,
        if the database is. Blocks.

        :raises DatabaseError: it can't be used, or is in use.
        """
        self.database.open()
        self.backups.clean()

    def load(self, data_dir: Path, admin_password_file: Path | None) -> None:
        """
        Read what is answered from memory. Blocks.

        :raises DatabaseError: it can't be read.
        :raises AdminPasswordError: the operator's password can't be used.
        """
        self.systems.load()
        self.keys.load()
        self.site_settings.load()
        self.preferences.load()
        self.operator.prepare(data_dir, admin_password_file)

    async def close(self) -> None:
        """Write what waits, if the database answers, and let go of it."""
        self.operator.close()
        await self.connections.close()
        await self.keys.close()
        await self.events.close()
        await self.database.close()
