"""
Messages read as strictly as can be, twice: by a grammar that is written down here, and
by h11. What the two do not agree on is an error, and so is whatever is not just so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import h11

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELDS = rb"((?:" + _TOKEN + rb": [\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
_REQUEST = re.compile(rb"([A-Z]+) (\*|/[!\"$-~]*) HTTP/1\.1\r\n" + _FIELDS)
_CHUNK = re.compile(rb"([0-9a-f]+)\r\n")
#: More than any vector has.
_LARGE = 2**20


class NotStrict(Exception):
    """What came is no message that every reader takes for the same."""


class Request(NamedTuple):
    """One request."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        """The values of a field."""
        return [value for key, value in self.fields if key.lower() == name]


class Response(NamedTuple):
    """One response; ``body`` is ``None`` if it broke off."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes | None


def read_request(data: bytes) -> tuple[Request, bytes] | None:
    """
    The request at the beginning of ``data``, and what follows it; ``None``: it is not
    whole, as far as it goes.

    :raises NotStrict: it is not just so.
    """
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    found = _REQUEST.fullmatch(head + blank)
    if found is None:
        raise NotStrict(head)
    lines = [line.partition(b": ") for line in found[3].split(b"\r\n")[:-1]]
    request = Request(found[1], found[2], [(n, v) for n, _, v in lines], b"")
    lengths, codings = request.all(b"content-length"), request.all(b"transfer-encoding")
    if len(request.all(b"host")) != 1 or len(lengths) + len(codings) > 1:
        raise NotStrict(head)
    if codings:
        if codings != [b"chunked"]:
            raise NotStrict(head)
        body = _chunks(rest)
    else:
        body = _sized(rest, lengths)
    if body is None:
        return None
    content, after = body
    request = request._replace(body=content)
    _compare(request, data[: len(data) - len(after)])
    return request, after


def is_strict_head(head: bytes) -> bool:
    """Whether a request's head is just so, the empty line included."""
    return _REQUEST.fullmatch(head) is not None


def _sized(rest: bytes, lengths: list[bytes]) -> tuple[bytes, bytes] | None:
    if not lengths:
        return b"", rest
    if re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]) is None:
        raise NotStrict(lengths[0])
    size = int(lengths[0])
    return None if len(rest) < size else (rest[:size], rest[size:])


def _chunks(rest: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        line, newline, rest = rest.partition(b"\r\n")
        if not newline:
            return None
        found = _CHUNK.fullmatch(line + newline)
        if found is None:
            raise NotStrict(line)
        size = int(found[1], 16)
        if len(rest) < size + 2:
            return None
        if rest[size : size + 2] != b"\r\n":
            raise NotStrict(rest)
        body, rest = body + rest[:size], rest[size + 2 :]
        if not size:
            return body, rest


def _compare(request: Request, data: bytes) -> None:
    """:raises NotStrict: h11 does not see just this request in ``data``."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGE)
    connection.receive_data(data)
    try:
        seen = connection.next_event()
        body, event = b"", connection.next_event()
        while isinstance(event, h11.Data):
            body += event.data
            event = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise NotStrict(str(error)) from error
    if not (isinstance(seen, h11.Request) and isinstance(event, h11.EndOfMessage)):
        raise NotStrict(data)
    same = (seen.method, seen.target, body) == (*request[:2], request.body)
    if not same or event.headers or connection.trailing_data[0]:
        raise NotStrict(data)


def read_responses(data: bytes, methods: list[bytes], closed: bool) -> list[Response]:
    """
    What h11 makes of ``data`` as the answers to requests with ``methods``, in their
    order, and for more than these to GETs.

    :param closed: the connection ended in good order after it.
    :raises NotStrict: it makes nothing of it.
    """
    answers: list[Response] = []
    asked = iter(methods)
    while data:
        if re.match(rb"HTTP/1\.1 [1-5][0-9][0-9] ", data) is None:
            raise NotStrict(data)
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGE)
        fields = [("Host", "h"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
        method = next(asked, b"GET")
        connection.send(h11.Request(method=method, target="/", headers=fields))
        connection.send(h11.EndOfMessage())
        connection.receive_data(data)
        if closed:
            connection.receive_data(b"")
        try:
            answer, data = _response(connection)
        except h11.RemoteProtocolError as error:
            raise NotStrict(f"{error}: {data!r}") from error
        answers.append(answer)
    return answers


def _response(connection: h11.Connection) -> tuple[Response, bytes]:
    status, fields, body = 0, list[tuple[bytes, bytes]](), b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            if status < 200:
                raise
            return Response(status, fields, None), b""
        if isinstance(event, h11.Response):
            status, fields = event.status_code, list(event.headers)
        elif isinstance(event, h11.InformationalResponse):
            if event.status_code == 101:
                raw = connection.trailing_data[0]
                return Response(101, list(event.headers), raw), b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Response(status, fields, body), connection.trailing_data[0]
        elif status:
            # There is no more, and this is no end.
            return Response(status, fields, None), b""
        else:
            raise h11.RemoteProtocolError("not a whole head")
