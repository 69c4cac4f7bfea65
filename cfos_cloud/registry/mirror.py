"""All systems in memory, in the order of their folded IDs."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from cfos_cloud.cloud_id import fold
from cfos_cloud.registry.system import System


class Mirror:
    def __init__(self) -> None:
        self._systems: dict[str, System] = {}
        self._order: list[str] = []

    def __iter__(self) -> Iterator[System]:
        return (self._systems[folded] for folded in tuple(self._order))

    def __len__(self) -> int:
        return len(self._order)

    def get(self, cloud_id: str) -> System | None:
        return self._systems.get(fold(cloud_id))

    def put(self, system: System) -> None:
        """Add the system, or replace the one of this ID."""
        folded = fold(system.cloud_id)
        if folded not in self._systems:
            insort(self._order, folded)
        self._systems[folded] = system

    def drop(self, cloud_id: str) -> None:
        """
        :raises KeyError: it is not there.
        """
        folded = fold(cloud_id)
        del self._systems[folded]
        del self._order[bisect_left(self._order, folded)]
