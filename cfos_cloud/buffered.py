"""
How much waits in buffers for somebody to take it, and who goes when it is too much.

Counted are the bytes that we keep, not what the process has of memory: those who keep
some say so, as it changes. Sans-I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Shed(Exception):
    """Why a connection ended: too much waited, and of that it had the newest."""


class Holder(Protocol):
    """Who keeps bytes; told apart by identity."""

    def shed(self) -> None:
        """
        Give all of it up, if that can be, and say so by :meth:`Buffered.hold` before
        this returns.
        """


class Buffered:
    """
    The bytes of many holders. Beyond the limit those go who came last to hold any, one
    after another until there is room: those who were there before are owed what was
    begun.

    The limit is ``most``, and for a part of a whole never more than the whole has left:
    so one part alone ends with half at most, two with a third each, and others always
    find some.

    :param whole: what this is a part of, with a bound of its own.
    :param told: called for each that goes, with the limit.
    :ivar size: bytes that are held now.
    """

    def __init__(
        self,
        most: int,
        whole: Buffered | None = None,
        told: Callable[[int], None] = lambda most: None,
    ) -> None:
        self.most = most
        self.size = 0
        self._whole = whole
        self._told = told
        #: In the order in which they began to hold something.
        self._held: dict[Holder, int] = {}

    def part(self, most: int) -> Buffered:
        """One that counts here as well, and has a bound of its own."""
        return Buffered(most, self, self._told)

    @property
    def limit(self) -> int:
        """Bytes that may be held now."""
        whole = self._whole
        return self.most if whole is None else min(self.most, whole.most - whole.size)

    @property
    def full(self) -> bool:
        """Whether nothing new should be begun that may need some."""
        return self.size >= self.limit

    def hold(self, holder: Holder, size: int) -> None:
        """``holder`` keeps ``size`` bytes from now on, whatever it was before."""
        before = self._held.get(holder, 0)
        if size == before:
            return
        if size:
            self._held[holder] = size
        else:
            del self._held[holder]
        self.size += size - before
        if self._whole is not None:
            self._whole.hold(holder, size)
        if size > before and self.size > self.limit:
            self._make_room()

    def _make_room(self) -> None:
        for holder in reversed(list(self._held)):
            limit = self.limit
            if self.size <= limit:
                break
            before = self.size
            holder.shed()
            if self.size < before:
                self._told(limit)
