"""All systems in memory, in the order of their folded IDs."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold
from cfos_cloud.registry.errors import InvalidCursor
from cfos_cloud.registry.system import Page, System

#: Items of a page, at most.
MAX_PAGE = 500


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

    def page(self, limit: int, cursor: str | None) -> Page:
        """
        Up to ``limit`` (1 to 500) systems after ``cursor``, which is the ``next``
        of the page before. It stays good when systems come and go between pages.

        :raises ValueError: a limit out of range; :class:`InvalidCursor` is one.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"a limit is 1 to {MAX_PAGE}")
        start = 0 if cursor is None else bisect_right(self._order, _position(cursor))
        chosen = self._order[start : start + limit]
        more = start + limit < len(self._order)
        return Page(
            items=tuple(self._systems[folded] for folded in chosen),
            next=_cursor(chosen[-1]) if more else None,
        )


def _cursor(folded: str) -> str:
    return base64.urlsafe_b64encode(folded.encode("ascii")).decode("ascii").rstrip("=")


def _position(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        return fold(check_cloud_id(raw.decode("ascii")))
    except (InvalidCloudID, UnicodeError, binascii.Error) as error:
        raise InvalidCursor("this cursor is of no page") from error
