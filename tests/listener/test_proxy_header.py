"""The PROXY protocol's headers, byte by byte."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.proxy_header import (
    MAX_HEADER_BYTES,
    MAX_LINE_BYTES,
    BadProxyHeader,
    ProxiedClient,
    ProxyHeader,
    ProxyHeaderReader,
)

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
LOCAL, PROXY = 0x20, 0x21
TCP4, UDP4, TCP6, UNIX, UNSPEC = 0x11, 0x12, 0x21, 0x31, 0x00
#: As HAProxy sends it: a checksum (CRC-32C), its unique id, and padding.
TLVS = b"\x03\x00\x04abcd\x05\x00\x03id1\x04\x00\x02\0\0"


def version_2(
    source: str = "203.0.113.7",
    port: int = 50_000,
    *,
    command: int = PROXY,
    family: int = TCP4,
    tlvs: bytes = b"",
    addresses: bytes | None = None,
) -> bytes:
    if addresses is None:
        packed = ip_address(source).packed
        addresses = packed * 2 + struct.pack("!HH", port, 443)
    body = addresses + tlvs
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


def read(data: bytes) -> ProxyHeader | None:
    return ProxyHeaderReader().receive(data)


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


class ReadTests(SynchronousTestCase):
    def test_version_1(self) -> None:
        for line, client in (
            (b"PROXY TCP4 192.0.2.9 192.0.2.1 56324 443\r\n", ("192.0.2.9", 56324)),
            (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
             ("255.255.255.255", 65535)),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 0 443\r\n", ("2001:db8::7", 0)),
        ):  # fmt: skip
            self.assertEqual(
                read(line + b"GET /"), ProxyHeader(ProxiedClient(*client), b"GET /")
            )

    def test_version_1_may_know_nobody(self) -> None:
        longest = b"PROXY UNKNOWN " + b" ".join(
            (*[b"ffff:f...f:ffff" * 2] * 2, b"65535", b"65535")
        )
        for line in (b"PROXY UNKNOWN", b"PROXY UNKNOWN what ever \xff", longest):
            self.assertEqual(read(line + b"\r\nx"), ProxyHeader(None, b"x"))

    def test_version_2(self) -> None:
        for source, family in (("203.0.113.7", TCP4), ("2001:db8::7", TCP6)):
            for tlvs in (b"", TLVS):
                header = version_2(source, family=family, tlvs=tlvs)
                self.assertEqual(
                    read(header + b"\x16\x03"),
                    ProxyHeader(ProxiedClient(source, 50_000), b"\x16\x03"),
                )

    def test_version_2_may_know_nobody(self) -> None:
        for header in (
            version_2(command=LOCAL),
            version_2(command=LOCAL, family=UNSPEC, addresses=b""),
            version_2(family=UNSPEC, addresses=b""),
            version_2(family=UDP4),
            version_2(family=UNIX, addresses=b"\0" * 216),
            version_2(family=UNSPEC, addresses=b"whatever", tlvs=TLVS),
        ):
            self.assertEqual(read(header + b"x"), ProxyHeader(None, b"x"))

    @given(ADDRESSES, st.integers(0, 65535), st.booleans(), st.binary(max_size=40))
    def test_it_may_come_in_any_pieces(
        self, source: str, port: int, first: bool, rest: bytes
    ) -> None:
        six = ":" in source
        if first:
            family = "TCP6" if six else "TCP4"
            header = f"PROXY {family} {source} {source} {port} 443\r\n".encode()
        else:
            header = version_2(source, port, family=TCP6 if six else TCP4, tlvs=TLVS)
        whole = ProxyHeader(ProxiedClient(source, port), rest)
        self.assertEqual(read(header + rest), whole)
        reader = ProxyHeaderReader()
        for number in range(len(header) - 1):
            self.assertIsNone(reader.receive(header[number : number + 1]))
        self.assertEqual(reader.receive(header[-1:] + rest), whole)


class RefusalTests(SynchronousTestCase):
    def refused(self, data: bytes) -> str:
        with self.assertRaises(BadProxyHeader, msg=data) as caught:
            read(data)
        return str(caught.exception)

    def test_what_is_none_is_refused_at_its_first_byte_that_shows_it(self) -> None:
        for data in (b"G", b"\x16\x03", b"proxy ", b"PROXX", b"\r\n\r\nG", b"PROXY\t"):
            self.assertIn("does not begin with", self.refused(data))

    def test_bad_lines(self) -> None:
        for line in (
            b"PROXY ",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 1",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 1 2 3",
            b"PROXY TCP4  192.0.2.9 192.0.2.1 1 2",
            b"PROXY TCP5 192.0.2.9 192.0.2.1 1 2",
            b"PROXY TCP4 2001:db8::1 2001:db8::1 1 2",
            b"PROXY TCP6 192.0.2.9 192.0.2.1 1 2",
            b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2",
            b"PROXY TCP4 192.0.2.9 \xff 1 2",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 65536 2",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 01 2",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 -1 2",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 1 x",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 1 2\n",
        ):
            self.refused(line + b"\r\n")

    def test_a_line_without_an_end_is_bounded(self) -> None:
        line = b"PROXY UNKNOWN ".ljust(MAX_LINE_BYTES - 1, b"x")
        self.assertIsNone(read(line))
        self.assertIn("too long", self.refused(line + b"x"))
        self.assertIn("too long", self.refused(line + b"\r\n"))
        self.assertEqual(read(line[:-1] + b"\r\n"), ProxyHeader(None, b""))

    def test_bad_headers(self) -> None:
        for data, words in (
            (version_2(command=0x11), "unknown version or command"),
            (version_2(command=0x22), "unknown version or command"),
            (version_2(addresses=b"x" * 11), "no room"),
            (version_2(family=TCP6), "no room"),
        ):
            self.assertIn(words, self.refused(data))

    def test_a_header_is_bounded_before_it_has_come(self) -> None:
        fixed = SIGNATURE + struct.pack("!BBH", PROXY, TCP4, MAX_HEADER_BYTES - 15)
        self.assertIn("too long", self.refused(fixed))
        longest = version_2(tlvs=b"x" * (MAX_HEADER_BYTES - 28))
        self.assertEqual(len(longest), MAX_HEADER_BYTES)
        self.assertIsNotNone(read(longest))

    @given(
        st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=120).map(lambda tail: b"PROXY " + tail),
            st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
        )
    )
    def test_any_bytes_are_a_header_or_none(self, data: bytes) -> None:
        try:
            header = read(data)
        except BadProxyHeader as error:
            self.assertTrue(str(error).isascii())
        else:
            if header is not None:
                self.assertTrue(data.endswith(header.rest))
                if header.client is not None:
                    ip_address(header.client.host)
