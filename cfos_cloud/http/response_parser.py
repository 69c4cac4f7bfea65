"""Responses: bytes in, events out."""

from __future__ import annotations

import httptools

from cfos_cloud.http.head_reader import (
    DEFAULT_LIMITS,
    HeadLimits,
    HeadReader,
    joined,
)
from cfos_cloud.http.known_response import KnownResponse
from cfos_cloud.http.message import END, BadMessage, ResponseEvent, ResponseHead
from cfos_cloud.http.rules import check_response

#: What a response begins with.
_HTTP = b"HTTP/"


class ResponseParser(HeadReader):
    """
    The responses of one connection. :meth:`expect` comes before each of them.

    Heads that follow each other and are the same, byte for byte, may be one object.
    """

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
        #: The response that llhttp has read last, if it was one of its kind.
        self._known = KnownResponse()

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
        is_start = self._expecting and not self._start and not self._fed
        if is_start:
            known = None if self._head_only else self._known.events(data)
            if known is not None:
                self._start = _HTTP
                self._expecting = False
                return known
            self._known.forget()
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
        elif is_start and not self._expecting and len(data) <= self._limits.bytes:
            self._known.learn(data, events)
        if self._split:
            self._split = False
            return joined(events)
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
