"""Requests: what is taken for one is one, for everybody, however it is cut."""

from __future__ import annotations

import h11

from cfos_cloud.gateway.rewriting import forwarded_lines, request_to_device
from cfos_cloud.http.message import END, BadMessage, RequestEvent, RequestHead
from cfos_cloud.http.parser import RequestParser
from tests.fuzz.harness import Harness, pieces, split
from tests.http.vectors.requests import requests
from tests.strict.reader import read_request

#: Larger inputs meet the limits of a head at other moments when they are cut.
_MOST = 1_500
_FORWARDED = forwarded_lines("192.0.2.1", True, b"h")
#: Of the error itself, only that there is one: a cut may show another one first.
_BAD = "refused"


def check(data: bytes) -> None:
    """Cut or not, it is the same, and whatever passes is one request for others."""
    how, wire = split(data[:_MOST])
    whole = _read([wire] if wire else [])
    assert _read(list(pieces(how, wire))) == whole
    assert _read_singly(wire) == whole
    _check_known(wire, whole)
    for number, event in enumerate(whole):
        if isinstance(event, RequestHead):
            _check_one(event, whole[number + 1 :])
    if whole and isinstance(whole[0], RequestHead) and END in whole:
        _check_as_it_came(wire, whole[0], whole[1] if whole[1] is not END else b"")


def _read(parts: list[bytes]) -> list[object]:
    parser = RequestParser()
    events: list[RequestEvent] = []
    for part in parts:
        new = parser.feed(part)
        _check_standing(parser, new)
        while parser.standing and new and new[-1] is END:
            # Not taken: read on.
            events += new
            new = parser.go_on()
            _check_standing(parser, new)
        events += new
        assert len(parser.rest) <= sum(map(len, parts))
    return _joined(events)


def _read_singly(wire: bytes) -> list[object]:
    """One request at a time, as a connection does."""
    parser = RequestParser()
    events: list[RequestEvent] = []
    while wire:
        new = parser.feed(wire, 1)
        assert sum(isinstance(event, RequestHead) for event in new) <= 1
        events += new
        wire = wire[parser.taken :]
        while parser.standing and new and new[-1] is END:
            wire, parser.rest = parser.rest + wire, b""
            parser.go_on()
            new = []
    return _joined(events)


def _check_known(wire: bytes, whole: list[object]) -> None:
    """Behind a request with the same fields it is what it is alone."""
    line, *rest = wire.partition(b"\r\n")
    known = b"".join((b"GET /known HTTP/1.1", *rest))
    first = _read([known])
    head = first[0] if first else None
    if (
        isinstance(head, RequestHead)
        and first[1:] == [END]
        and head.keep_alive
        and head.upgrade is None
        and known.find(b"\r\n\r\n") == len(known) - 4
    ):
        assert _read([known, wire] if wire else [known]) == first + whole, line


def _check_standing(parser: RequestParser, events: list[RequestEvent]) -> None:
    """Behind one that asks for an upgrade nothing is read before that is decided."""
    for number, event in enumerate(events):
        if isinstance(event, RequestHead) and event.upgrade is not None:
            assert parser.standing
            assert events[number + 1 :] == [END]


def _joined(events: list[RequestEvent]) -> list[object]:
    out: list[object] = []
    for event in events:
        assert not out or out[-1] != _BAD, "nothing comes after an error"
        if isinstance(event, bytes):
            assert event, "an empty piece would end a chunked body"
            if out and isinstance(out[-1], bytes):
                out[-1] += event
                continue
        elif isinstance(event, BadMessage):
            assert 400 <= event.status < 600
            out.append(_BAD)
            continue
        out.append(event)
    return out


def _check_one(head: RequestHead, rest: list[object]) -> None:
    """It is written anew as a request that strangers read as the same."""
    body = rest[0] if rest and isinstance(rest[0], bytes) else b""
    ended = rest[bool(body) : bool(body) + 1] == [END]
    if head.length is not None:
        assert len(body) == head.length if ended else len(body) <= head.length
    # An upgrade ends its connection's HTTP: see the parser's ``standing``.
    assert head.upgrade is None or (ended and not body)
    cookies = [value for name, _, value in head.fields if name == b"cookie"]
    sent = request_to_device(head, cookies, _FORWARDED)
    if head.length is None:
        sent += (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    else:
        sent += body.ljust(head.length, b"x") if head.length < _MOST else b""
        if head.length >= _MOST:
            return
    read = read_request(sent)
    assert read is not None, sent
    request, after = read
    assert not after, sent
    assert request[:2] == (head.method, head.target), sent
    assert request.all(b"host") == [head.host], sent
    again = RequestParser().feed(sent)
    assert isinstance(again[0], RequestHead), again
    assert again[0][:3] == (head.method, head.target, True)
    assert again[0].length == head.length


def _check_as_it_came(wire: bytes, head: RequestHead, body: object) -> None:
    """h11, if it takes the first of the requests as it came, takes it for the same."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(wire)
    theirs = b""
    try:
        first = connection.next_event()
        while isinstance(event := connection.next_event(), h11.Data):
            theirs += event.data
    except h11.RemoteProtocolError:
        return
    if isinstance(first, h11.Request) and isinstance(event, h11.EndOfMessage):
        assert (first.method, first.target) == head[:2], first
        assert theirs == body


HARNESS = Harness(
    "request-head",
    check,
    lambda: [
        b"\x01\x07" + vector.data
        for vector in requests()
        if len(vector.data) < _MOST // 2
    ],
    (
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b"\x0b",
        b"\x00",
        b": ",
        b",",
        b";",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"GET /a HTTP/1.1\r\n",
        b"POST /a HTTP/1.0\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"Host: h\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Connection: host\r\n",
        b"Expect: 100-continue\r\n",
        b"Cfos-Role: admin\r\n",
        b"Content_Length: 5\r\n",
        b"Proxy-Connection: upgrade\r\n",
    ),
)
