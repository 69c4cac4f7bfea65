"""
Bytes in, events out: llhttp (``httptools``) under our rules.

A parser never raises: what the peer does wrong is a last event
:class:`~cfos_cloud.http.message.BadMessage`, after the events that came before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import httptools

from cfos_cloud.http.message import (
    END,
    BadMessage,
    Field,
    RequestEvent,
    RequestHead,
    ResponseEvent,
    ResponseHead,
)
from cfos_cloud.http.names import may_trail
from cfos_cloud.http.pieces import Pieces
from cfos_cloud.http.rules import check_request, check_response


@dataclass(frozen=True)
class HeadLimits:
    """What a head may be at most; trailers count, too."""

    bytes: int = 64 * 1024
    fields: int = 200


DEFAULT_LIMITS = HeadLimits()
#: What a response begins with.
_HTTP = b"HTTP/"
E = TypeVar("E", RequestEvent, ResponseEvent)


class _Fields:
    """The callbacks that both kinds of message share."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._fields: list[Field] = []
        #: Bytes fed since something last came of them.
        self._fed = 0
        #: Something came of what is fed now: a head, some of a body, an end.
        self._moved = False
        #: A body came in parts that follow each other.
        self._split = False
        self._count = 0
        self._in_head = True
        self._bad: BadMessage | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        lower = name.lower()
        if not self._in_head:
            self._trailer(lower)
        elif lower == b"transfer-encoding":
            # With a tab at its end llhttp no longer knows it: neither do the rules.
            self._fields.append((lower, name, value.rstrip(b" ")))
        else:
            # llhttp has taken the blanks before the value, not those after it.
            self._fields.append((lower, name, value.rstrip(b" \t")))

    def _trailer(self, lower: bytes) -> None:
        """It ends here, whatever it says (RFC 9110 §6.5.1)."""

    def _head_is_large(self, start: bytes) -> bool:
        """
        Whether the head that is complete now exceeds the limits; ``start`` is what
        its first line has of any length.
        """
        if self._count > self._limits.fields:
            return True
        # Most heads come in one small piece: not worth counting.
        return self._fed > self._limits.bytes and self._limits.bytes < len(start) + sum(
            len(name) + len(value) + len(b": \r\n") for _, name, value in self._fields
        )

    def _check_size(self, status: int) -> None:
        """
        Refuse heads, trailers and chunk extensions that are too large; to be called
        after each feed of which nothing came.
        """
        if self._count > self._limits.fields:
            self._bad = BadMessage(status, "too many fields")
        elif self._fed > self._limits.bytes:
            self._bad = BadMessage(status, "head too large")


class RequestParser(_Fields):
    """
    The requests of one connection, one after another; pipelined ones come out of
    one feed. After a head with ``upgrade`` the parser stands still: what follows is
    in :attr:`rest`, for :meth:`go_on` or for the new protocol.
    """

    def __init__(self, limits: HeadLimits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self.rest = b""
        self._parser = httptools.HttpRequestParser(self)
        self._pieces = Pieces()
        self._events: list[RequestEvent] = []
        self._target = b""
        #: An upgrade was asked for: nothing more is parsed until it is decided.
        self.standing = False

    def feed(self, data: bytes) -> list[RequestEvent]:
        """The events that ``data`` completes."""
        if self.standing:
            self.rest += data
            return []
        if self._bad is not None:
            return []
        events: list[RequestEvent] = []
        self._events = events
        self._fed += len(data)
        at, size = 0, len(data)
        while at < size and not self.standing and self._bad is None:
            piece = self._pieces.take(data, at)
            at += len(piece)
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade:
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
        if self._split:
            self._split = False
            return _joined(events)
        return events

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
        )
        self._in_head = False
        if self._bad is None:
            if type(head) is RequestHead:
                self._pieces.left = head.length or 0
                self._events.append(head)
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


class ResponseParser(_Fields):
    """The responses of one connection. :meth:`expect` comes before each of them."""

    def __init__(self, limits: HeadLimits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self.rest = b""
        self._parser = httptools.HttpResponseParser(self)
        self._events: list[ResponseEvent] = []
        self._reason = b""
        self._head_only = False
        self._until_close = False
        self._expecting = False
        #: The first bytes of a response, as many as say that it is HTTP.
        self._start = b""
        self._chunked = False
        self._upgraded = False
        self._stale = False

    @property
    def broken(self) -> bool:
        """Whether nothing more can be read from this connection."""
        return self._bad is not None

    def expect(self, method: bytes) -> None:
        """A request with ``method`` was sent; its response comes next."""
        # llhttp can't be told of HEAD: its response ends after the head (§6.3).
        self._head_only = method == b"HEAD"
        self._expecting = True
        self._start = b""

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """The events that ``data`` completes; raw bytes after a 101."""
        if self._upgraded:
            return [data]
        if self._bad is not None:
            return []
        events: list[ResponseEvent] = []
        self._events = events
        self._fed += len(data)
        if len(self._start) < len(_HTTP) and not self._starts(data):
            self._bad = BadMessage(502, "not a response of HTTP")
            return [self._bad]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # What follows a 101 that is refused is nobody's.
            self._upgraded = self._bad is None
            rest = data[upgrade.args[0] :]
            if rest and self._upgraded:
                events.append(rest)
        except httptools.HttpParserError as error:
            self._bad = self._bad or BadMessage(502, str(error))
        if self._moved:
            self._moved = False
            self._fed = 0
        else:
            self._check_size(502)
        if self._bad is not None:
            events.append(self._bad)
        elif self._stale:
            self._stale = False
            self._in_head = True
            self._parser = httptools.HttpResponseParser(self)
        if self._split:
            self._split = False
            return _joined(events)
        return events

    def eof(self) -> list[ResponseEvent]:
        """The connection has ended: so has a body without a length (§6.3)."""
        if self._upgraded or not self._expecting or self._bad is not None:
            return []
        if self._until_close and not self._in_head:
            self._expecting = False
            return [END]
        return [BadMessage(502, "the connection ended within a response")]

    def close(self) -> None:
        """Let go of the parser, which refers to us and we to it."""
        del self._parser
        self._upgraded = True

    def _starts(self, data: bytes) -> bool:
        """Whether ``data`` begins, or goes on, like a response; llhttp takes RTSP's."""
        start = self._start + data if self._start else data.lstrip(b"\r\n")
        self._start = start[: len(_HTTP)]
        return _HTTP.startswith(self._start)

    # from llhttp

    def on_message_begin(self) -> None:
        self._fields = []
        self._count = 0
        self._reason = b""
        self._in_head = True
        if not self._expecting:
            self._bad = BadMessage(502, "a response that nobody asked for")

    def on_status(self, part: bytes) -> None:
        self._reason += part

    def on_headers_complete(self) -> None:
        parser = self._parser
        self._moved = True
        if self._head_is_large(self._reason):
            self._bad = BadMessage(502, "head too large")
            return
        head = check_response(
            parser.get_status_code(),
            self._reason,
            parser.get_http_version(),
            self._fields,
            parser.should_keep_alive(),
        )
        self._in_head = False
        if self._bad is not None:
            return
        if type(head) is not ResponseHead:
            self._bad = head  # type: ignore[assignment]
            return
        self._until_close = head.until_close
        self._chunked = head.length is None and not head.until_close
        self._events.append(head)
        if head.status >= 200 and self._head_only:
            self._end()

    def on_body(self, data: bytes) -> None:
        self._moved = True
        if self._bad is not None:
            return
        if not self._expecting:
            self._bad = BadMessage(502, "a body after the end of a response")
            return
        events = self._events
        self._split = self._split or bool(events and type(events[-1]) is bytes)
        events.append(data)

    def on_message_complete(self) -> None:
        self._moved = True
        self._in_head = True
        if self._bad is not None:
            return
        if self._expecting:
            if self._parser.get_status_code() >= 200:
                self._end()
        elif self._chunked and self._head_only:
            self._bad = BadMessage(502, "a body after the end of a response")

    def _end(self) -> None:
        self._expecting = False
        self._events.append(END)
        self._stale = self._head_only


def _joined(events: list[E]) -> list[E]:
    """The same, but for parts of a body that follow each other: they are one."""
    out: list[E] = []
    parts: list[bytes] = []
    for event in events:
        if type(event) is bytes:
            parts.append(event)
            continue
        if parts:
            out.append(b"".join(parts))
            parts.clear()
        out.append(event)
    if parts:
        out.append(b"".join(parts))
    return out


__all__ = ["DEFAULT_LIMITS", "HeadLimits", "RequestParser", "ResponseParser"]
