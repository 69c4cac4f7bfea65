"""Requests."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http.vectors.vector import HOST, RequestVector

GET = b"GET /a HTTP/1.1\r\n"
POST = b"POST /a HTTP/1.1\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
#: Of a request whose head is forwarded before its body is seen to be broken.
CUT = 0


def requests() -> list[RequestVector]:
    """All of them."""
    return [
        *_lines(),
        *_targets(),
        *_hosts(),
        *_fields(),
        *_lengths(),
        *_codings(),
        *_chunks(),
        *_trailers(),
        *_connections(),
        *_sizes(),
        *_sequences(),
    ]


def _refused(rule: str, name: str, data: bytes, status: int = 400) -> RequestVector:
    return RequestVector(name, rule, data, (), status)


def _passed(rule: str, name: str, data: bytes, *bodies: bytes) -> RequestVector:
    return RequestVector(name, rule, data, bodies or (b"",), None)


def _lines() -> Iterator[RequestVector]:
    rest = HOST + b"\r\n"
    yield _passed("line", "a GET", GET + rest)
    yield _passed("line", "an empty line before it", b"\r\n" + GET + rest)
    for name, line in {
        "two empty lines before it": b"\r\n\r\n" + GET,
        "a bare LF before it": b"\n" + GET,
        "a bare CR before it": b"\r" + GET,
        "two blanks before the target": b"GET  /a HTTP/1.1\r\n",
        "two blanks before the version": b"GET /a  HTTP/1.1\r\n",
        "a blank at the end": b"GET /a HTTP/1.1 \r\n",
        "a tab before the version": b"GET /a\tHTTP/1.1\r\n",
        "a vertical tab before the version": b"GET /a\x0bHTTP/1.1\r\n",
        "a second version": b"GET /a HTTP/1.1 HTTP/1.1\r\n",
        "another protocol": b"GET /a RTSP/1.0\r\n",
        "a lower-case protocol": b"GET /a http/1.1\r\n",
        "no blank before the version": b"GET /aHTTP/1.1\r\n",
        "no target": b"GET HTTP/1.1\r\n",
        "a colon in place of it": b"GET: /a HTTP/1.1\r\n",
    }.items():
        status = 501 if name.startswith("a colon") else 400
        yield _refused("line", name, line + rest, status)
    for name, data in {
        "LF after the line": b"GET /a HTTP/1.1\n" + rest,
        "CR after the line": b"GET /a HTTP/1.1\r" + rest,
        "LF after a field": GET + b"A: b\n" + rest,
        "CR after a field": GET + b"A: b\rC: d\r\n" + rest,
        "CR CR LF": GET + b"A: b\r\r\n" + rest,
        "LF CR": GET + b"A: b\n\r" + rest,
        "LF for the empty line": GET + HOST + b"\n",
        "CR and a byte for the empty line": GET + HOST + b"\rX",
        "LF throughout": (GET + rest).replace(b"\r\n", b"\n"),
        "CR throughout": (GET + rest).replace(b"\r\n", b"\r"),
    }.items():
        yield _refused("line-end", name, data)
    for method in b"HEAD OPTIONS DELETE PROPFIND".split():
        line = method + b" /a HTTP/1.1\r\n"
        yield _passed("method", f"{method.decode()} passes", line + rest)
    for method in (
        b"CONNECT",
        b"TRACE",
        b"get",
        b"Get",
        b"GETX",
        b"GE",
        b"FOO",
        b"SOURCE",
        b"M-SEARCH",
        b"QUERY",
        b"PURGE",
        b"G\xc3\x84T",
        b"G\x00T",
        b"\x7fGET",
        b"(GET)",
    ):
        line = method + b" /a HTTP/1.1\r\n"
        yield _refused("method", repr(method), line + rest, 501)
    yield _refused(
        "method", "CONNECT to an authority", b"CONNECT h:1 HTTP/1.1\r\n" + rest, 501
    )
    yield _refused("method", "a blank before it", b" " + GET + rest, 501)
    yield _refused("method", "a tab behind it", b"GET\t/a HTTP/1.1\r\n" + rest, 501)
    yield _passed("version", "HTTP/1.0", b"GET /a HTTP/1.0\r\n" + rest)
    for version, status in {
        b"0.9": 505,
        b"1.2": 400,
        b"1.10": 400,
        b"01.1": 400,
        b"1": 400,
        b"1,1": 400,
        b"1.": 400,
        b".1": 400,
        b"+1.1": 400,
        b"2.0": 505,
        b"2": 400,
        b"3.0": 400,
        b"9.9": 400,
        b"": 400,
    }.items():
        line = b"GET /a HTTP/" + version + b"\r\n"
        yield _refused("version", f"HTTP/{version.decode()}", line + rest, status)
    yield _refused("version", "none, as in HTTP/0.9", b"GET /a\r\n\r\n")
    yield _refused(
        "version", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rest
    )


def _targets() -> Iterator[RequestVector]:
    rest = b" HTTP/1.1\r\n" + HOST + b"\r\n"
    for target in (
        b"/",
        b"/a?b=c&d",
        b"/a?b=\"<>\\^`{|}'",
        b"//a",
        b"/../a/./b",
        b"/%00%2e%2f%0d%0a",
        b"/a?http://b/",
        b"/a:80@b",
        b"/" + b"a" * 8000,
    ):
        yield _passed("target", f"{target[:20]!r}", b"GET " + target + rest)
    yield _passed("target", "* of OPTIONS", b"OPTIONS *" + rest)
    for target in (
        b"http://h.example/a",
        b"https://h.example/a",
        b"http://h.example",
        b"HTTP://h.example/a",
        b"ftp://h.example/a",
        b"file:///a",
        b"h.example:80",
        b"h.example",
        b"a",
        b"*",
        b"**",
        b"?a",
        b"\\a",
        b"@h.example/a",
        b"#a",
        b"/a#b",
        b"/a?b#c",
        b"/\xc3\xa4",
        b"/\xff",
        b"/a b",
        b"/a\x00",
        b"/a\x01",
        b"/a\x0b",
        b"/a\x0c",
        b"/a\x1f",
        b"/a\x7f",
        b"/a\rb",
        b"/a\nb",
        b"/a\tb",
    ):
        yield _refused("target", repr(target), b"GET " + target + rest)
    yield _refused("target", "OPTIONS *a", b"OPTIONS *a" + rest)


def _hosts() -> Iterator[RequestVector]:
    cookie = HOST.partition(b"\r\n")[2]
    for host in (
        b"h",
        b"h.example:4443",
        b"H.Example.",
        b"my_cloud:80",
        b"192.168.1.20",
        b"[::1]:4443",
        b"[fe80::1]",
        b"h.example\t ",
    ):
        data = GET + b"Host: " + host + b"\r\n" + cookie + b"\r\n"
        yield _passed("host", f"{host!r}", data)
    for host in (
        b"",
        b" ",
        b"a b",
        b"a\tb",
        b"a/b",
        b"a?b",
        b"a#b",
        b"a\\b",
        b"u@a",
        b"u:p@a",
        b"a,b",
        b"a, b",
        b"a;b",
        b"a%b",
        b"a%00",
        b"<a>",
        b"a:b",
        b"a:",
        b"a:0x50",
        b"a:-1",
        b"a:+80",
        b"a: 80",
        b"a:80:80",
        b"a:65536",
        b"a:123456",
        b":80",
        b"[::1",
        b"::1",
        b"[::1]a",
        b"[::1]:a",
        b"[1::2::3]",
        b"[:::]",
        b"[fe80::1%25eth0]",
        b"[v1.a]",
        b"[]",
        b"http://a",
        b"a" * 254,
        b"\xc3\xa4",
        b"a\xff",
        b"a\x00",
        b"a\x7f",
        b"a\x0b",
    ):
        data = GET + b"Host: " + host + b"\r\n" + cookie + b"\r\n"
        yield _refused("host", f"{host!r}", data)
    for version in (b"1.1", b"1.0"):
        line = b"GET /a HTTP/" + version + b"\r\n"
        name = f"none in HTTP/{version.decode()}"
        yield _refused("host", name, line + cookie + b"\r\n")
    for name, lines in {
        "two": HOST + b"Host: b\r\n",
        "two alike": HOST + b"Host: h.example\r\n",
        "two, one empty": HOST + b"Host:\r\n",
        "two of different case": HOST + b"hOST: h.example\r\n",
        "two far apart": HOST + b"A: b\r\n" * 20 + b"Host: b\r\n",
        "folded": b"Host:\r\n h.example\r\n" + cookie,
        "a blank before the colon": b"Host : h.example\r\n" + cookie,
        "a blank before the name": b" Host: h.example\r\n" + cookie,
        "a second with a blank before it": HOST + b" Host: b\r\n",
        "a second with a blank before the colon": HOST + b"Host : b\r\n",
    }.items():
        yield _refused("host", name, GET + lines + b"\r\n")


def _fields() -> Iterator[RequestVector]:
    for name, line in {
        "a blank before the colon": b"A : b\r\n",
        "a tab before the colon": b"A\t: b\r\n",
        "no name": b": b\r\n",
        "nothing but a blank": b" : b\r\n",
        "no colon": b"A\r\n",
        "no colon, and a blank": b"A b\r\n",
        "a blank in it": b"A b: c\r\n",
        "NUL": b"A\x00: b\r\n",
        "NUL alone": b"\x00: b\r\n",
        "DEL": b"A\x7f: b\r\n",
        "a vertical tab": b"A\x0b: b\r\n",
        "not ASCII": b"\xc3\x84: b\r\n",
        "0xff": b"\xff: b\r\n",
        "parentheses": b"(A): b\r\n",
        "a semicolon": b"A;b: c\r\n",
        "a slash": b"A/b: c\r\n",
        "an at": b"A@b: c\r\n",
        "quotes": b'"A": b\r\n',
        "brackets": b"[A]: b\r\n",
        "a comma": b"A,B: c\r\n",
        "equals": b"A=b: c\r\n",
        "a carriage return": b"\rA: b\r\n",
    }.items():
        yield _refused("name", name, GET + HOST + line + b"\r\n")
    yield _passed("name", "all of a token", GET + HOST + b"!#$%&'*+.^_`|~: b\r\n\r\n")
    for name, line in {
        "a blank": b"A: b\r\n c\r\n",
        "a tab": b"A: b\r\n\tc\r\n",
        "an empty one": b"A: b\r\n \r\n",
        "of an empty value": b"A:\r\n b\r\n",
        "with another field in it": b"A: b\r\n Content-Length: 5\r\n",
    }.items():
        yield _refused("fold", name, GET + HOST + line + b"\r\n")
    first = GET + b" A: b\r\n" + HOST + b"\r\n"
    yield _refused("fold", "before the first field", first)
    for octet in (*range(9), *range(11, 13), *range(14, 32), 127):
        line = b"A: b%bc\r\n" % bytes((octet,))
        yield _refused("value", f"the octet {octet}", GET + HOST + line + b"\r\n")
    for name, line in {
        "none": b"A:\r\n",
        "no blank before it": b"A:b\r\n",
        "blanks around it": b"A: \t b \t \r\n",
        "a tab within": b"A: b\tc\r\n",
        "octets above 127": b"A: \x80\xc3\xa4\xff\r\n",
        "a colon": b"A:: b: c\r\n",
    }.items():
        yield _passed("value", name, GET + HOST + line + b"\r\n")
    for field in (
        b"Content_Length",
        b"Transfer_Encoding",
        b"content_LENGTH",
        b"Content.Length",
        b"Content~Length",
        b"Transfer!Encoding",
        b"Cfos_Role",
        b"Cfos.User",
        b"CFOS_",
    ):
        line = field + b": 5\r\n\r\n"
        yield _refused("disguise", field.decode(), POST + HOST + line + NEXT[:5])
    yield _passed("disguise", "another with _", GET + HOST + b"My_Field: 1\r\n\r\n")


def _lengths() -> Iterator[RequestVector]:
    for value in (b"5", b"05", b"0000000000000000000005", b" \t5 \t"):
        data = POST + HOST + b"Content-Length:" + value + b"\r\n\r\nhello"
        yield _passed("length", f"{value!r}", data, b"hello")
    yield _passed("length", "0", POST + HOST + b"Content-Length: 0\r\n\r\n")
    yield _passed("length", "none", POST + HOST + b"\r\n")
    get = GET + HOST + b"Content-Length: 5\r\n\r\nhello"
    yield _passed("length", "of a GET", get, b"hello")
    old = b"POST /a HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
    yield _passed("length", "in HTTP/1.0", old, b"hello")
    whole = POST + HOST + b"Content-Length: %d\r\n\r\n" % len(NEXT) + NEXT
    yield _passed("length", "of what looks like a request", whole, NEXT)
    for value in (
        b"",
        b" ",
        b"+5",
        b"-5",
        b"-0",
        b"5,5",
        b"5, 5",
        b"5,",
        b",5",
        b"5 5",
        b"5\t5",
        b"5;",
        b"5.0",
        b"5e0",
        b"0x5",
        b"5_0",
        b"5h",
        b'"5"',
        b"five",
        b"\xd9\xa5",
        b"5\x0b",
        b"\x0b5",
        b"5\x00",
        b"9223372036854775808",
        b"18446744073709551615",
        b"18446744073709551616",
        b"18446744073709551621",
        b"9" * 100,
    ):
        data = POST + HOST + b"Content-Length: " + value + b"\r\n\r\nhello" + NEXT
        yield _refused("length", f"{value!r}", data)
    for name, lines in {
        "two": b"Content-Length: 5\r\nContent-Length: 0\r\n",
        "two alike": b"Content-Length: 5\r\nContent-Length: 5\r\n",
        "two of different case": b"Content-Length: 5\r\nCONTENT-length: 5\r\n",
        "two far apart": b"Content-Length: 5\r\nA: b\r\nContent-Length: 6\r\n",
        "folded": b"Content-Length:\r\n 5\r\n",
        "a blank before the colon": b"Content-Length : 5\r\n",
        "a blank before the name": b" Content-Length: 5\r\n",
        "no colon": b"Content-Length 5\r\n",
        "a second with a blank": b"Content-Length: 5\r\nContent-Length : 6\r\n",
    }.items():
        yield _refused("length", name, POST + HOST + lines + b"\r\nhello" + NEXT)


def _codings() -> Iterator[RequestVector]:
    body = b"5\r\nhello\r\n0\r\n\r\n"
    for value in (b" chunked", b"chunked", b" Chunked", b" CHUNKED ", b"\tchunked"):
        data = POST + HOST + b"Transfer-Encoding:" + value + b"\r\n\r\n" + body
        yield _passed("coding", f"{value!r}", data, b"hello")
    for value in (
        b"",
        b"identity",
        b"xchunked",
        b"chunkedx",
        b"chunk",
        b"x",
        b"gzip",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"chunked,chunked",
        b"chunked, identity",
        b"identity, chunked",
        b"chunked,",
        b",chunked",
        b", chunked",
        b"chunked;q=1",
        b"chunked; a=b",
        b'"chunked"',
        b"'chunked'",
        b"chunked\t",
        b"chunked \t",
        b"chunked\x0b",
        b"\x0bchunked",
        b"\x0cchunked",
        b"chunked\x00",
        b"\x00chunked",
        b"\xa0chunked",
        b"\xffchunked",
        b"chun ked",
        b"chunked chunked",
        b"c\xc4\xb1unked",
        b"trailers",
    ):
        data = POST + HOST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + body
        yield _refused("coding", f"{value!r}", data + NEXT)
    for name, lines in {
        "twice": CHUNKED + CHUNKED,
        "twice, one else": CHUNKED + b"Transfer-Encoding: x\r\n",
        "twice, one else first": b"Transfer-Encoding: x\r\n" + CHUNKED,
        "twice, one identity": CHUNKED + b"Transfer-Encoding: identity\r\n",
        "twice of different case": CHUNKED + b"transfer-ENCODING: chunked\r\n",
        "folded": b"Transfer-Encoding:\r\n chunked\r\n",
        "folded before a comma": b"Transfer-Encoding: chunked\r\n , identity\r\n",
        "in a fold": b"A: b\r\n Transfer-Encoding: chunked\r\n",
        "in a fold of a tab": b"A: b\r\n\tTransfer-Encoding: chunked\r\n",
        "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
        "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
        "a vertical tab before the colon": b"Transfer-Encoding\x0b: chunked\r\n",
        "a blank before the name": b" Transfer-Encoding: chunked\r\n",
        "behind a bare LF": b"A: b\nTransfer-Encoding: chunked\r\n",
        "behind a bare CR": b"A: b\rTransfer-Encoding: chunked\r\n",
    }.items():
        yield _refused("coding", name, POST + HOST + lines + b"\r\n" + body + NEXT)
    old = b"POST /a HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n" + body
    yield _refused("coding", "in HTTP/1.0", old + NEXT)
    kept = old.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1)
    yield _refused("coding", "in HTTP/1.0, kept", kept + NEXT)
    length = b"Content-Length: %d\r\n" % len(body)
    for name, lines in {
        "length first": length + CHUNKED,
        "length last": CHUNKED + length,
        "length 0": b"Content-Length: 0\r\n" + CHUNKED,
        "a coding unknown": length + b"Transfer-Encoding: x\r\n",
        "identity": length + b"Transfer-Encoding: identity\r\n",
        "xchunked": length + b"Transfer-Encoding: xchunked\r\n",
        "a coding of nothing": length + b"Transfer-Encoding:\r\n",
        "far apart": length + b"A: b\r\n" * 20 + CHUNKED,
        "two lengths": length * 2 + CHUNKED,
    }.items():
        yield _refused("both", name, POST + HOST + lines + b"\r\n" + body + NEXT)
    yield _refused("both", "of a GET", GET + HOST + length + CHUNKED + b"\r\n" + body)


def _chunks() -> Iterator[RequestVector]:
    head = POST + HOST + CHUNKED + b"\r\n"
    for name, body in {
        "several": b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "leading zeros": b"0005\r\nhello\r\n000\r\n\r\n",
        "hexadecimal": b"05\r\nhello\r\n0\r\n\r\n",
    }.items():
        yield _passed("chunks", name, head + body, b"hello")
    yield _passed(
        "chunks", "upper case", head + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"
    )
    yield _passed("chunks", "none", head + b"0\r\n\r\n")
    inner = b"\r\n\r\n0\r\n\r\n" + NEXT
    data = head + b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"
    yield _passed("chunks", "the look of an end in one", data, inner)
    for size in (
        b"",
        b" ",
        b"g",
        b"-5",
        b"+5",
        b"0x5",
        b"5h",
        b"5 ",
        b" 5",
        b"5\t",
        b"\t5",
        b"5  ",
        b"5,",
        b"5.",
        b"5_0",
        b"5\x0b",
        b"5\x00",
        b'"5"',
        b"\xd9\xa5",
        b"10000000000000000",
        b"10000000000000005",
        b"fffffffffffffffff",
        b"f" * 40,
    ):
        body = size + b"\r\nhello\r\n0\r\n\r\n"
        yield RequestVector(f"{size!r}", "chunks", head + body + NEXT, (), CUT)
    for name, body in {
        "LF after the size": b"5\nhello\r\n0\r\n\r\n",
        "CR after the size": b"5\rhello\r\n0\r\n\r\n",
        "CR CR LF after the size": b"5\r\r\nhello\r\n0\r\n\r\n",
        "LF after the data": b"5\r\nhello\n0\r\n\r\n",
        "CR after the data": b"5\r\nhello\r0\r\n\r\n",
        "nothing after the data": b"5\r\nhello0\r\n\r\n",
        "too short": b"3\r\nhello\r\n0\r\n\r\n",
        "too long": b"6\r\nhello\r\n0\r\n\r\n",
        "two bytes after the data": b"5\r\nhelloXX0\r\n\r\n",
        "LF after the last": b"5\r\nhello\r\n0\n\r\n",
        "LF at the end": b"5\r\nhello\r\n0\r\n\n",
        "an empty line first": b"\r\n5\r\nhello\r\n0\r\n\r\n",
    }.items():
        yield RequestVector(name, "chunks", head + body + NEXT, (), CUT)
    for name, line in {
        "a name": b"5;a",
        "a value": b"5;a=b",
        "a quoted value": b'5;a="b c"',
        "two": b"5;a=b;c=d",
        "on the last": b"5",
    }.items():
        last = b"0;a=b" if name.startswith("on") else b"0"
        data = head + line + b"\r\nhello\r\n" + last + b"\r\n\r\n"
        yield _passed("extensions", name, data, b"hello")
    for name, line in {
        "none behind the semicolon": b"5;",
        "a blank before the semicolon": b"5 ;a",
        "a blank behind it": b"5; a",
        "a bare LF": b"5;a\nb",
        "a bare LF behind the semicolon": b"5;\n",
        "a bare CR": b"5;a\rb",
        "LF in a quoted value": b'5;a="\n"',
        "CRLF in a quoted value": b'5;a="\r\n"',
        "NUL": b"5;a=\x00",
        "not ASCII": b"5;\xff",
        "an open quote": b'5;a="b',
    }.items():
        data = head + line + b"\r\nhello\r\n0\r\n\r\n" + NEXT
        yield RequestVector(name, "extensions", data, (), CUT)
    endless = head + b"5;" + b"a" * 200_000 + b"\r\nhello\r\n0\r\n\r\n"
    yield RequestVector("200,000 bytes", "extensions", endless, (), CUT)


def _trailers() -> Iterator[RequestVector]:
    head = POST + HOST + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n"
    for line in (b"X-Sum: 1\r\n", b"X-Sum:\r\n", b"A: b\r\nC: d\r\n", b"ETag: 1\r\n"):
        yield _passed("trailers", f"{line!r}", head + line + b"\r\n", b"hello")
    for line in (
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x\r\n",
        b"Host: b\r\n",
        b"Cookie: cfos=x\r\n",
        b"Authorization: Basic x\r\n",
        b"Connection: close\r\n",
        b"Upgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b"Cfos-Role: admin\r\n",
        b"X-Forwarded-For: 1.1.1.1\r\n",
        b"Content_Length: 5\r\n",
        b"TE: trailers\r\n",
        b"A : b\r\n",
        b"A: b\r\n c\r\n",
        b" A: b\r\n",
        b"A: b\n",
        b"A: b\rC: d\r\n",
        b"A: \x00\r\n",
        b": b\r\n",
        b"A\r\n",
    ):
        data = head + line + b"\r\n" + NEXT
        yield RequestVector(f"{line!r}", "trailers", data, (), CUT)
    many = head + b"A: b\r\n" * 1000 + b"\r\n"
    yield RequestVector("1,000 of them", "trailers", many, (), CUT)
    large = head + b"A: " + b"b" * 200_000 + b"\r\n\r\n"
    yield RequestVector("200,000 bytes", "trailers", large, (), CUT)


def _connections() -> Iterator[RequestVector]:
    for value in (
        b"",
        b"keep-alive",
        b"Keep-Alive, TE",
        b"close",
        b"CLOSE",
        b"x-hop",
        b", ,x-hop,",
        b"\tclose\t,\tx-hop\t",
    ):
        line = b"Connection: " + value + b"\r\nX-Hop: 1\r\n"
        yield _passed("nominated", f"{value!r}", GET + HOST + line + b"\r\n")
    for value in (
        b"host",
        b"Host",
        b"close, Host",
        b"content-length",
        b"Content_Length",
        b"transfer-encoding",
        b"cookie",
        b"authorization",
        b"content-type",
        b"cache-control",
        b"forwarded",
        b"x-forwarded-for",
        b"X-Forwarded-Host",
        b"x-real-ip",
        b"origin",
        b"sec-fetch-site",
        b"cfos-role",
        b"range",
        b"expect",
        b"a b",
        b"close x",
        b"keep-alive; timeout=5",
        b"x\tclose",
        b'"close"',
        b"a=b",
        b"\xff",
    ):
        line = b"Connection: " + value + b"\r\n"
        yield _refused("nominated", f"{value!r}", GET + HOST + line + b"\r\n")
    up = b"Connection: Upgrade\r\nUpgrade: "
    for value in (
        b"websocket",
        b"WebSocket",
        b"websocket, x/1",
        b"h2c",
        b"h2c, websocket",
        b"websocket, H2C",
        b"HTTP/2.0",
        b"HTTP/1.1",
        b"TLS/1.0",
        b"cfos-tunnel/1",
    ):
        line = up + value + b"\r\n"
        if b"h2c" in value:
            line += b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        yield _passed("upgrade", f"{value!r}", GET + HOST + line + b"\r\n")
    alone = b"Upgrade: websocket\r\n"
    yield _passed("upgrade", "not nominated", GET + HOST + alone + b"\r\n")
    with_body = POST + HOST + alone + b"Content-Length: 5\r\n\r\nhello"
    yield _passed("upgrade", "not nominated, with a body", with_body, b"hello")
    old = b"GET /a HTTP/1.0\r\n" + HOST + up + b"websocket\r\n\r\n"
    yield _passed("upgrade", "in HTTP/1.0", old)
    for value in (
        b"",
        b"websocket,",
        b",h2c",
        b"web socket",
        b'"h2c"',
        b"/1",
        b"h2c/",
        b"a/b/c",
        b"websocket;q=1",
        b"\xff",
    ):
        line = up + value + b"\r\n\r\n"
        yield _refused("upgrade", f"{value!r}", GET + HOST + line + NEXT)
    for name, lines in {
        "with a length": up + b"websocket\r\nContent-Length: 5\r\n",
        "with chunks": up + b"websocket\r\n" + CHUNKED,
        "h2c with a length": up + b"h2c\r\nContent-Length: 5\r\n",
    }.items():
        data = POST + HOST + lines + b"\r\n5\r\nhello\r\n0\r\n\r\n"
        yield _refused("upgrade", name, data)
        # RFC 9110 has it ignored there; some readers find no body behind it.
        old = b"POST /a HTTP/1.0\r\n" + HOST + lines + b"\r\nhello" + NEXT
        yield _refused("upgrade", f"{name}, in HTTP/1.0", old)
    body = b"Content-Length: 5\r\n\r\nhello"
    for value in (b"100-continue", b"100-Continue"):
        line = b"Expect: " + value + b"\r\n"
        yield _passed("expect", f"{value!r}", POST + HOST + line + body, b"hello")
    for value in (b"", b"x", b"100-continue, x", b"x 100-continue", b"100", b"200-ok"):
        line = b"Expect: " + value + b"\r\n"
        yield _refused("expect", f"{value!r}", POST + HOST + line + body, 417)
    twice = b"Expect: 100-continue\r\n" * 2
    yield _refused("expect", "twice", POST + HOST + twice + body, 417)


def _sizes() -> Iterator[RequestVector]:
    many = b"A: b\r\n"
    yield _passed("size", "150 fields", GET + HOST + many * 150 + b"\r\n")
    yield _refused("size", "1,000 fields", GET + HOST + many * 1000 + b"\r\n", 431)
    large = b"A: " + b"b" * 60_000 + b"\r\n"
    yield _passed("size", "60,000 bytes", GET + HOST + large + b"\r\n")
    for name, data in {
        "70,000 bytes of a value": GET + HOST + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        "70,000 bytes of a name": GET + HOST + b"A" * 70_000 + b": b\r\n\r\n",
        "70,000 bytes of a target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        "70,000 bytes without an end": GET + HOST + b"A: " + b"b" * 70_000,
        "two of 40,000 bytes": GET + HOST + (b"A: " + b"b" * 40_000 + b"\r\n") * 2,
    }.items():
        yield _refused("size", name, data, 431)


def _sequences() -> Iterator[RequestVector]:
    one = GET + HOST + b"\r\n"
    post = POST + HOST + b"Content-Length: 5\r\n\r\nhello"
    chunked = POST + HOST + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n"
    for name, whole, bodies in (
        ("two", one * 2, [b"", b""]),
        ("three kinds", one + post + chunked, [b"", b"hello", b"hello"]),
        ("behind chunks", chunked + post + one, [b"hello", b"hello", b""]),
        ("an empty line between", post + b"\r\n" + one, [b"hello", b""]),
    ):
        yield _passed("pipeline", name, whole, *bodies)
    spaced = b"GET  /b HTTP/1.1\r\n" + HOST + b"\r\n"
    for name, data, body, status in (
        ("a bad one behind a good one", one + spaced, b"", 400),
        ("garbage behind a body", post + b"garbage\r\n\r\n", b"hello", 501),
        ("a body that is too long", post + b"!" + one, b"hello", 501),
        ("surplus behind chunks", chunked + b"0\r\n\r\n" + one, b"hello", 501),
        ("two empty lines between", post + b"\r\n\r\n" + one, b"hello", 400),
        ("no Host in the second", one + GET + b"\r\n", b"", 400),
    ):
        yield RequestVector(name, "pipeline", data, (body,), status)
    close = GET + HOST + b"Connection: close\r\n\r\n"
    old = b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n"
    for name, rest in {
        "a request": close + NEXT,
        "garbage": close + b"garbage",
        "a request, after HTTP/1.0": old + NEXT,
    }.items():
        yield _passed("after-close", name, rest)
