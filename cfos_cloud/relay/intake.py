"""What a client has sent and nobody has taken yet."""

from __future__ import annotations

from collections import deque

from cfos_cloud.http.message import RequestEvent
from cfos_cloud.http.parser import RequestParser

#: Bytes that are parsed at a time, and no more than one request of them: what a client
#: pipelines is kept as it came, since a parsed request takes many times the room.
PIECE_BYTES = 2**15


class Intake:
    """
    One read of a client's at most, if reading stops while there is something left.

    :ivar events: what was parsed, to be taken from the left.
    :ivar unread: one read of which not all was parsed, else empty.
    """

    __slots__ = ("_at", "_parser", "events", "unread")

    def __init__(self) -> None:
        self._parser = RequestParser()
        self.events: deque[RequestEvent] = deque()
        self.unread = b""
        #: Where in it to parse on.
        self._at = 0

    @property
    def awaits_upgrade(self) -> bool:
        """An upgrade was asked for: what follows it can't be parsed yet."""
        return self._parser.standing

    @property
    def has_rest(self) -> bool:
        """Whether something follows an upgrade that was asked for."""
        return bool(self._parser.rest)

    def feed(self, data: bytes) -> bool:
        """Whether there is something to take now."""
        if self.unread:
            # On its way when reading stopped.
            self.unread += data
            return True
        self._parse(data, 0)
        if self.events:
            return True
        # A head of several pieces is a part of one as long as it brings nothing.
        return self.more()

    def more(self) -> bool:
        """
        Parse on, when nothing is left of what was parsed.

        :returns: whether :attr:`events` has something.
        """
        while self.unread and not self.events and not self._parser.standing:
            self._parse(self.unread, self._at)
        return bool(self.events)

    def go_on(self) -> None:
        """There was no upgrade, if one was asked for."""
        if self._parser.standing:
            self.unread, self._at = self.take_rest(), 0
            self._parser.go_on()

    def take_rest(self) -> bytes:
        """What is no HTTP any more, after an upgrade."""
        rest = self._parser.rest + self.unread[self._at :]
        self._parser.rest = self.unread = b""
        return rest

    def _parse(self, data: bytes, at: int) -> None:
        whole = not at and len(data) <= PIECE_BYTES
        piece = data if whole else data[at : at + PIECE_BYTES]
        self.events += self._parser.feed(piece, 1)
        at += self._parser.taken
        if at < len(data):
            self.unread, self._at = data, at
        else:
            self.unread, self._at = b"", 0

    def forget(self) -> None:
        """What is here is for nobody."""
        self.events.clear()
        self.unread = b""

    def close(self) -> None:
        """It was the last; see :meth:`RequestParser.close`."""
        self.forget()
        self._parser.close()
