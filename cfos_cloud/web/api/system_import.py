"""From a table of new systems to systems, all of them or none."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cfos_cloud.cloud_password import generate, iterations_for
from cfos_cloud.events import Origin
from cfos_cloud.registry import Addition, Systems
from cfos_cloud.tunnel.scram import make_verifier
from cfos_cloud.web.api.csv_import import read_table
from cfos_cloud.workers import Worker


@dataclass(frozen=True)
class ImportedSystem:
    """``password``: if it was generated; nobody can say it again later."""

    line: int
    cloud_id: str
    name: str
    enabled: bool
    password: str | None = field(repr=False)


@dataclass(frozen=True)
class Imported:
    """``skipped``: lines whose systems were there already."""

    items: tuple[ImportedSystem, ...]
    skipped: int


class SystemImport:
    """``worker`` computes verifiers, one after the other: others have their turns."""

    def __init__(
        self,
        systems: Systems,
        worker: Worker,
        choice: Callable[[str], str] = secrets.choice,
    ) -> None:
        self._systems = systems
        self._worker = worker
        self._choice = choice

    async def run(
        self,
        data: bytes,
        by: Origin,
        *,
        skip_existing: bool,
        may_still: Callable[[], None],
    ) -> Imported:
        """
        Add the systems of a table, see
        :func:`~cfos_cloud.web.api.csv_import.read_table`.
        Whoever has no password gets a generated one.

        :param may_still: called before the verifier of each system, and before they
            are added; it raises where who asked for it may no more.
        :raises BadTable: nothing was added.
        :raises DuplicateSystem: somebody else has added one meanwhile; nothing was
            added here.
        :raises Overloaded: nothing was added.
        :raises DatabaseError: nothing was added.
        """
        table = read_table(
            data,
            lambda cloud_id: self._systems.get(cloud_id) is not None,
            skip_existing=skip_existing,
        )
        additions, imported = [], []
        for row in table.rows:
            may_still()
            chosen = row.system.password
            password = chosen or generate(self._choice)
            verifier = await self._worker.run(
                make_verifier, password, iterations_for(password)
            )
            cloud_id, name = row.system.cloud_id, row.system.name
            additions.append(Addition(cloud_id, verifier, name, row.enabled))
            generated = password if chosen is None else None
            imported.append(
                ImportedSystem(row.line, cloud_id, name, row.enabled, generated)
            )
        may_still()
        if additions:
            await self._systems.add_all(additions, by)
        return Imported(tuple(imported), table.skipped)
