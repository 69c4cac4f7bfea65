"""Who waits for a turn: those of one source one after the other, sources in turn."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """
    At most ``most`` that wait, ``most_of_source`` of them from one source: whoever
    comes with many waits for their own, and not others for them.
    """

    def __init__(self, most: int, most_of_source: int) -> None:
        self._most = most
        self._most_of_source = most_of_source
        #: By source, in the order of their turns; each a set in the order of coming.
        self._sources: OrderedDict[str, dict[T, None]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, source: str, who: T) -> bool:
        """At the end; ``False``: there is no room."""
        of_source = self._sources.get(source)
        if self._length >= self._most:
            return False
        if of_source is None:
            of_source = self._sources[source] = {}
        elif len(of_source) >= self._most_of_source:
            return False
        of_source[who] = None
        self._length += 1
        return True

    def leave(self, source: str, who: T) -> bool:
        """``who`` waits no longer. ``False``: it did not, it had its turn."""
        of_source = self._sources.get(source)
        if of_source is None or who not in of_source:
            return False
        del of_source[who]
        self._length -= 1
        if not of_source:
            del self._sources[source]
        return True

    def next(self) -> T:
        """
        Whose turn it is; out of the line then.

        :raises IndexError: nobody waits.
        """
        if not self._sources:
            raise IndexError("nobody waits")
        source, of_source = self._sources.popitem(last=False)
        who = next(iter(of_source))
        del of_source[who]
        self._length -= 1
        if of_source:
            self._sources[source] = of_source
        return who
