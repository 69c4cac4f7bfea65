"""Requests: bytes in, events out."""

from __future__ import annotations

import httptools

from cfos_cloud.http.head_reader import (
    DEFAULT_LIMITS,
    HeadLimits,
    HeadReader,
    joined,
)
from cfos_cloud.http.known_fields import KnownFields
from cfos_cloud.http.message import END, BadMessage, RequestEvent, RequestHead
from cfos_cloud.http.names import may_trail
from cfos_cloud.http.pieces import Pieces
from cfos_cloud.http.rules import check_request


class RequestParser(HeadReader):
    """
    The requests of one connection, one after another; pipelined ones come out of
    one feed. After a head with ``upgrade`` the parser stands still: what follows is
    in :attr:`rest`, for :meth:`go_on` or for the new protocol.

    Heads of GET and HEAD that follow each other with the same fields, byte for byte,
    may share one list of them: it must not be changed.
    """

    def __init__(self, limits: HeadLimits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self.rest = b""
        self._parser = httptools.HttpRequestParser(self)
        self._pieces = Pieces()
        #: Of the head that llhttp has read last, if it was one of its kind.
        self._known = KnownFields()
        self._events: list[RequestEvent] = []
        self._target = b""
        self._heads = 0
        #: Bytes that the last :meth:`feed` has read.
        self.taken = 0
        #: An upgrade was asked for: nothing more is parsed until it is decided.
        self.standing = False

    def feed(self, data: bytes, most: int | None = None) -> list[RequestEvent]:
        """
        The events that ``data`` completes.

        :param most: heads that are wanted; what is behind them is left, see
            :attr:`taken`.
        """
        self.taken = len(data)
        if self.standing:
            self.rest += data
            return []
        if self._bad is not None:
            return []
        at, size = 0, len(data)
        is_start = self._pieces.at_start
        if is_start:
            known = self._known.head(data) if size <= self._limits.bytes else None
            if known is not None:
                return [known, END]
            self._known.forget()
        events: list[RequestEvent] = []
        self._events = events
        self._heads = 0
        self._fed += size
        while at < size and not self.standing and self._bad is None:
            if self._heads == most:
                self.taken = at
                break
            piece = self._pieces.take(data, at)
            at += len(piece)
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade:
                if self._bad is None:
                    # A head: there is nothing behind it in its piece.
                    self.standing = True
                    self.rest = data[at:]
            except httptools.HttpParserInvalidMethodError:
                self._bad = self._bad or BadMessage(501, "unknown method")
            except httptools.HttpParserError as error:
                self._bad = self._bad or BadMessage(400, str(error))
        if self._moved:
            self._moved = False
            self._fed = 0
        else:
            self._check_size(431)
        if self._bad is not None:
            events.append(self._bad)
        elif is_start and len(events) == 2 and self.taken == size:
            self._learn(data, events[0])
        if self._split:
            self._split = False
            return joined(events)
        return events

    def _learn(self, data: bytes, first: RequestEvent) -> None:
        if type(first) is RequestHead and self._pieces.at_start and not self.standing:
            self._known.learn(data, first)

    def go_on(self) -> list[RequestEvent]:
        """The upgrade was not taken: read on as HTTP (RFC 9110 §7.8)."""
        self.standing = False
        self._parser = httptools.HttpRequestParser(self)
        rest, self.rest = self.rest, b""
        return self.feed(rest) if rest else []

    def close(self) -> None:
        """Let go of the parser, which refers to us and we to it."""
        del self._parser
        self.standing = True

    # from llhttp

    def on_message_begin(self) -> None:
        self._fields = []
        self._count = 0
        self._target = b""
        self._in_head = True

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_headers_complete(self) -> None:
        parser = self._parser
        self._moved = True
        if self._head_is_large(self._target):
            self._bad = BadMessage(431, "head too large")
            return
        if not self._pieces.line_is_strict:
            self._bad = BadMessage(400, "a request line that is none")
            return
        head = check_request(
            parser.get_method(),
            self._target,
            parser.get_http_version(),
            self._fields,
            parser.should_keep_alive(),
            parser.should_upgrade(),
        )
        self._in_head = False
        if self._bad is None:
            if type(head) is RequestHead:
                self._pieces.left = head.length or 0
                self._events.append(head)
                self._heads += 1
            else:
                self._bad = head  # type: ignore[assignment]

    def on_body(self, data: bytes) -> None:
        self._moved = True
        events = self._events
        if self._bad is None:
            self._split = self._split or bool(events and type(events[-1]) is bytes)
            events.append(data)

    def on_message_complete(self) -> None:
        if self._bad is None:
            self._events.append(END)
        self._pieces.message_ended()
        self._in_head = True
        self._moved = True

    def _trailer(self, lower: bytes) -> None:
        if not may_trail(lower):
            self._bad = self._bad or BadMessage(400, "a trailer that belongs in front")
        elif self._count > self._limits.fields:
            self._bad = self._bad or BadMessage(431, "too many fields")
