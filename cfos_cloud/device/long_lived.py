"""Places for connections that stay open: of upgrades and event streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from cfos_cloud.relay.upstream import UpstreamConnection


class LongLived:
    """
    ``most`` together. Once all are taken, who comes gets the place of whoever has most
    of them, if those are two more than their own: a page that opens one after another
    must not keep out everybody else of the site.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        #: In the order in which they came, and whose they are.
        self._connections: dict[UpstreamConnection, Hashable] = {}
        #: Those that were told to end.
        self._leaving: set[UpstreamConnection] = set()
        #: Places for connections that are tried.
        self._reserved: Counter[Hashable] = Counter()

    def __bool__(self) -> bool:
        return bool(self._connections) or bool(self._reserved)

    def __contains__(self, upstream: UpstreamConnection) -> bool:
        return upstream in self._connections

    def reserve(self, who: Hashable) -> bool:
        """A place for a connection that is to be tried; ``False``: there is none."""
        if not self._has_room(who):
            return False
        self._reserved[who] += 1
        return True

    def give_back(self, who: Hashable) -> None:
        """A place that was reserved."""
        self._reserved[who] -= 1
        if not self._reserved[who]:
            del self._reserved[who]

    def add(self, upstream: UpstreamConnection, who: Hashable) -> bool:
        """A place for ``upstream``; ``False``: there is none."""
        if not self._has_room(who):
            return False
        self._connections[upstream] = who
        return True

    def discard(self, upstream: UpstreamConnection) -> bool:
        """It is over; whether it had a place."""
        had_place = upstream in self._connections
        self._connections.pop(upstream, None)
        self._leaving.discard(upstream)
        return had_place

    def _has_room(self, who: Hashable) -> bool:
        staying = {
            upstream: owner
            for upstream, owner in self._connections.items()
            if upstream not in self._leaving
        }
        held = self._reserved + Counter(staying.values())
        if held.total() < self._most:
            return True
        greedy, count = held.most_common(1)[0]
        if count <= held[who] + 1:
            return False
        for upstream in reversed(staying):
            if staying[upstream] == greedy:
                self._leaving.add(upstream)
                upstream.drop()
                return True
        return False
