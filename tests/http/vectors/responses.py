"""Responses."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http.vectors.vector import Outcome, ResponseVector

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
#: What nobody may ever get to see.
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nSet-Cookie: cfos=x\r\n\r\npoison"
UPGRADE = b"UPGRADE"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
UPGRADED = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def responses() -> list[ResponseVector]:
    """All of them."""
    return [
        *_lines(),
        *_fields(),
        *_lengths(),
        *_chunks(),
        *_interim(),
        *_switches(),
        *_bodiless(),
        *_surplus(),
    ]


def _refused(
    rule: str, name: str, data: bytes, method: bytes = b"GET", *, closes: bool = False
) -> ResponseVector:
    outcome = Outcome.REFUSED
    return ResponseVector(name, rule, data, outcome, b"", method, closes)


def _passed(
    rule: str,
    name: str,
    data: bytes,
    body: bytes = b"hello",
    method: bytes = b"GET",
    *,
    closes: bool = False,
) -> ResponseVector:
    return ResponseVector(name, rule, data, Outcome.PASSED, body, method, closes)


def _cut(rule: str, name: str, data: bytes, *, closes: bool = False) -> ResponseVector:
    return ResponseVector(name, rule, data, Outcome.CUT, closes=closes)


def _lines() -> Iterator[ResponseVector]:
    rest = b"\r\nContent-Length: 5\r\n\r\nhello"
    for line in (
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 Nicht gef\xfcnden\t!",
        b"HTTP/1.1 299 Odd",
        b"HTTP/1.1 404 Not Found",
        b"HTTP/1.1 599 X",
        b"\r\nHTTP/1.1 200 OK",
    ):
        yield _passed("status-line", f"{line!r}", line + rest)
    # What is for people is left out where it could do harm.
    for reason in (b"O\x00K", b"O\x1b[2JK", b"O\x7fK"):
        yield _passed(
            "status-line", f"{reason!r}", OK.replace(b"OK\r\n", reason) + rest
        )
    for line in (
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 20 X",
        b"HTTP/1.1 2000 X",
        b"HTTP/1.1 2x0 X",
        b"HTTP/1.1 +20 X",
        b"HTTP/1.1 -20 X",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1\x0b200 OK",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 000 X",
        b"HTTP/1.1 099 X",
        b"HTTP/1.1 600 X",
        b"HTTP/1.1 999 X",
        b"HTTP/0.9 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/1.10 200 OK",
        b"HTTP/2 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/3.0 200 OK",
        b"http/1.1 200 OK",
        b"RTSP/1.0 200 OK",
        b"ICE/1.0 200 OK",
        b"ICY 200 OK",
        b"SSH-2.0-OpenSSH_9.2",
        b"<html>",
        b"\x16\x03\x01\x00\x05",
        b"\x00",
        b"GET /a HTTP/1.1",
        b"HTTP/1.1 200 OK\rX: y",
        b"HTTP/1.1 200 OK\nX: y",
        b"HTTP/1.1 200 OK\r\r",
    ):
        yield _refused("status-line", f"{line!r}", line + rest, closes=True)
    lf = SIZED.replace(b"\r\n", b"\n")
    yield _refused("status-line", "LF throughout", lf)
    yield _refused("status-line", "nothing", b"", closes=True)


def _fields() -> Iterator[ResponseVector]:
    rest = b"Content-Length: 5\r\n\r\nhello"
    for name, line in {
        "a blank before the colon": b"X : y\r\n",
        "a blank before the name": b" X: y\r\n",
        "a fold": b"X: y\r\n z\r\n",
        "a fold of a tab": b"X: y\r\n\tSet-Cookie: cfos=x\r\n",
        "no name": b": y\r\n",
        "no colon": b"X\r\n",
        "a blank in the name": b"X y: z\r\n",
        "not ASCII in the name": b"\xc3\x84: y\r\n",
        "a bare CR": b"X: y\rSet-Cookie: cfos=x\r\n",
        "a bare LF": b"X: y\nSet-Cookie: cfos=x\r\n",
        "CR CR LF": b"X: y\r\r\n",
        "LF CR LF": b"X: y\n\r\n",
        "NUL": b"X: \x00\r\n",
        "ESC": b"X: \x1b[2J\r\n",
        "DEL": b"X: \x7f\r\n",
        "1,000 of them": b"X: y\r\n" * 1000,
        "70,000 bytes": b"X: " + b"y" * 70_000 + b"\r\n",
        "200,000 bytes": b"X: " + b"y" * 200_000 + b"\r\n",
    }.items():
        yield _refused("fields", name, OK + line + rest)
    endless = OK + b"X: " + b"y" * 200_000
    yield _refused("fields", "without an end", endless)
    yield _refused("fields", "broken off", OK + b"Content-Le", closes=True)
    for name, line in {
        "an empty value": b"X:\r\n",
        "blanks around it": b"X: \t y \t \r\n",
        "octets above 127": b"X: \x80\xe4\xff\r\n",
        "a long one": b"Content-Security-Policy: " + b"y" * 20_000 + b"\r\n",
        "100 of them": b"X: y\r\n" * 100,
    }.items():
        yield _passed("fields", name, OK + line + rest)


def _lengths() -> Iterator[ResponseVector]:
    for value in (b"5", b"05", b" 5 ", b"\t5\t"):
        data = OK + b"Content-Length:" + value + b"\r\n\r\nhello"
        yield _passed("frames", f"{value!r} bytes", data)
    close = OK + b"\r\nhello"
    yield _passed("frames", "to the end of the connection", close, closes=True)
    old = b"HTTP/1.0 200 OK\r\n\r\nhello"
    yield _passed("frames", "to the end, in HTTP/1.0", old, closes=True)
    nothing = OK + b"Content-Length: 0\r\n\r\n"
    yield _passed("frames", "0 bytes", nothing, b"")
    for value in (
        b"",
        b"+5",
        b"-5",
        b"5,5",
        b"5, 6",
        b"5 5",
        b"0x5",
        b"5_0",
        b"5\x0b",
        b"9223372036854775808",
        b"18446744073709551621",
    ):
        data = OK + b"Content-Length: " + value + b"\r\n\r\nhello" + POISON
        yield _refused("frames", f"{value!r} bytes", data)
    for name, lines in {
        "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
        "two alike": b"Content-Length: 5\r\nContent-Length: 5\r\n",
        "both": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "both, turned": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "gzip": b"Transfer-Encoding: gzip\r\n",
        "gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n",
        "chunked, gzip": b"Transfer-Encoding: chunked, gzip\r\n",
        "chunked, chunked": b"Transfer-Encoding: chunked, chunked\r\n",
        "chunked twice": b"Transfer-Encoding: chunked\r\n" * 2,
        "xchunked": b"Transfer-Encoding: xchunked\r\n",
        "identity": b"Transfer-Encoding: identity\r\n",
        "a tab behind chunked": b"Transfer-Encoding: chunked\t\r\n",
        "a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
        "no coding": b"Transfer-Encoding:\r\n",
        "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
    }.items():
        data = OK + lines + b"\r\n5\r\nhello\r\n0\r\n\r\n"
        yield _refused("frames", name, data + POISON, closes=True)
    old = CHUNKED.replace(b"1.1", b"1.0") + b"\r\n5\r\nhello\r\n0\r\n\r\n"
    yield _refused("frames", "chunked in HTTP/1.0", old)
    short = OK + b"Content-Length: 50\r\n\r\nhello"
    yield _cut("frames", "fewer bytes than said", short, closes=True)


def _chunks() -> Iterator[ResponseVector]:
    head = CHUNKED + b"\r\n"
    for name, body in {
        "one": b"5\r\nhello\r\n0\r\n\r\n",
        "several": b"2\r\nhe\r\n0003\r\nllo\r\n0\r\n\r\n",
        "an extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
        "a trailer": b"5\r\nhello\r\n0\r\nSet-Cookie: cfos=x\r\n\r\n",
    }.items():
        yield _passed("response-chunks", name, head + body)
    for name, body in {
        "no size": b"\r\nhello\r\n0\r\n\r\n",
        "no number": b"x\r\nhello\r\n0\r\n\r\n",
        "a sign": b"-5\r\nhello\r\n0\r\n\r\n",
        "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
        "a blank": b"5 \r\nhello\r\n0\r\n\r\n",
        "an overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        "a bare LF": b"5\nhello\r\n0\r\n\r\n",
        "too short": b"3\r\nhello\r\n0\r\n\r\n",
        "too long": b"6\r\nhello\r\n0\r\n\r\n",
        "a length behind": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        "a fold behind": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    }.items():
        yield _cut("response-chunks", name, head + body + POISON)
    cut = head + b"5\r\nhello\r\n"
    yield _cut("response-chunks", "no last one", cut, closes=True)
    half = head + b"5\r\nhel"
    yield _cut("response-chunks", "half of one", half, closes=True)


def _interim() -> Iterator[ResponseVector]:
    for name, line in {
        "100": b"HTTP/1.1 100 Continue\r\n\r\n",
        "103 with fields": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "102 of no bytes": b"HTTP/1.1 102 X\r\nContent-Length: 0\r\n\r\n",
        "199": b"HTTP/1.1 199 X\r\n\r\n",
        "100 of them": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    }.items():
        yield _passed("interim", name, line + SIZED)
    for name, line in {
        "1,000 of them": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        "1,000 others": b"HTTP/1.1 102 Processing\r\n\r\n" * 1000,
    }.items():
        yield _refused("interim", name, line + SIZED)
    for status in (100, 102, 103, 104, 150, 199):
        start = b"HTTP/1.1 %d X\r\n" % status
        length = b"Content-Length: %d\r\n\r\n" % len(POISON)
        sized = start + length + POISON
        yield _refused("interim", f"{status} with bytes", sized + SIZED)
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(POISON), POISON)
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
        yield _refused("interim", f"{status} with chunks", chunked + SIZED)
    nested = b"HTTP/1.1 199 X\r\nContent-Length: %d\r\n\r\n"
    inner = nested % len(POISON) + POISON
    yield _refused("interim", "one in another", nested % len(inner) + inner + SIZED)
    end = b"HTTP/1.1 100 Continue\r\n\r\n"
    yield _refused("interim", "nothing behind it", end, closes=True)


def _switches() -> Iterator[ResponseVector]:
    raw = b"anything"
    for name, lines in {
        "what was asked for": UPGRADED,
        "in another case": b"connection: upgrade\r\nupgrade: WebSocket\r\n",
        "of no bytes": UPGRADED + b"Content-Length: 0\r\n",
    }.items():
        data = SWITCHING + lines + b"\r\n" + raw
        yield ResponseVector(name, "switch", data, Outcome.SWITCHED, raw, UPGRADE)
    yield _passed("switch", "not taken up", SIZED, method=UPGRADE)
    for name, lines in {
        "to something else": b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "to more": b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "to more, in two fields": UPGRADED + b"Upgrade: h2c\r\n",
        "to nothing": b"Connection: Upgrade\r\nUpgrade:\r\n",
        "without Upgrade": b"Connection: Upgrade\r\n",
        "without Connection": b"Upgrade: websocket\r\n",
        "without fields": b"",
        "with bytes": UPGRADED + b"Content-Length: 8\r\n",
        "with chunks": UPGRADED + b"Transfer-Encoding: chunked\r\n",
        "with a coding": UPGRADED + b"Transfer-Encoding: gzip\r\n",
    }.items():
        data = SWITCHING + lines + b"\r\n"
        yield _refused("switch", name, data + POISON, UPGRADE)
    old = SWITCHING.replace(b"1.1", b"1.0") + UPGRADED + b"\r\n"
    yield _refused("switch", "in HTTP/1.0", old + POISON, UPGRADE)
    unasked = SWITCHING + UPGRADED + b"\r\n"
    yield _refused("switch", "that nobody asked for", unasked + POISON)
    for method in (b"HEAD", b"POST"):
        name = f"that no {method.decode()} asked for"
        yield _refused("switch", name, unasked + POISON, method)


def _bodiless() -> Iterator[ResponseVector]:
    for status in (204, 304):
        start = b"HTTP/1.1 %d X\r\n" % status
        for name, rest in {
            "": b"\r\n",
            "with a length of 0": b"Content-Length: 0\r\n\r\n",
            "with a length": b"Content-Length: 6\r\n\r\n",
            "with a body": b"Content-Length: 6\r\n\r\npoison",
            "with a body of no length": b"\r\npoison",
            "with chunks": b"Transfer-Encoding: chunked\r\n\r\n"
            b"6\r\npoison\r\n0\r\n\r\n",
            "with the last chunk": b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "with another response": b"\r\n" + POISON,
        }.items():
            yield _passed("no-body", f"{status} {name}", start + rest, b"")
    for name, data in {
        "": OK + b"\r\n",
        "with a length": OK + b"Content-Length: 6\r\n\r\n",
        "with chunks to come": CHUNKED + b"\r\n",
        "with a body": OK + b"Content-Length: 6\r\n\r\npoison",
        "with a body of no length": OK + b"\r\npoison",
        "with chunks": CHUNKED + b"\r\n6\r\npoison\r\n0\r\n\r\n",
        "with the last chunk": CHUNKED + b"\r\n0\r\n\r\n",
        "with another response": OK + b"Content-Length: 6\r\n\r\n" + POISON,
    }.items():
        yield _passed("no-body", f"HEAD {name}", data, b"", b"HEAD")


def _surplus() -> Iterator[ResponseVector]:
    for name, more in {
        "another response": POISON,
        "a byte": b"x",
        "NUL": b"\x00",
        "an empty line": b"\r\n",
        "a request": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
        "a switch": SWITCHING + UPGRADED + b"\r\n",
    }.items():
        yield _passed("surplus", name, SIZED + more)
        chunks = CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n"
        yield _passed("surplus", f"{name}, behind chunks", chunks + more)
    close = SIZED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    yield _passed("surplus", "after close", close + POISON)
