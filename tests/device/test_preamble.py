"""The first line of a stream that the server opens."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.preamble import (
    BadPreamble,
    HTTPPreamble,
    TLSPreamble,
    parse_preamble,
    parse_tls_preamble,
)

GOOD: dict[str, object] = {
    "kind": "http",
    "grant": "g",
    "client": "203.0.113.7",
    "scheme": "https",
    "host": "cloud.example.org:4443",
}


def line(**more: object) -> bytes:
    return json.dumps(GOOD | more).encode()


class PreambleTests(SynchronousTestCase):
    def test_it_names_grant_client_and_public_origin(self) -> None:
        preamble = parse_preamble(line())
        self.assertEqual(
            preamble,
            HTTPPreamble("g", "203.0.113.7", "https", "cloud.example.org:4443"),
        )
        self.assertEqual(preamble.origin, b"https://cloud.example.org:4443")

    def test_what_is_unknown_is_ignored(self) -> None:
        self.assertEqual(parse_preamble(line(colour="blue")), parse_preamble(line()))

    def test_hosts_of_every_kind(self) -> None:
        for host in ("a", "localhost:8080", "192.0.2.1", "[::1]:4443", "a_b~c.Example"):
            self.assertEqual(parse_preamble(line(host=host)).host, host)

    def test_another_kind_is_refused(self) -> None:
        for kind in ("tls", "HTTP", "", None, 1, ["http"]):
            self.assertRaises(BadPreamble, parse_preamble, line(kind=kind))

    def test_a_member_that_is_missing_or_of_another_form_is_refused(self) -> None:
        for member in GOOD:
            rest = {key: value for key, value in GOOD.items() if key != member}
            self.assertRaises(BadPreamble, parse_preamble, json.dumps(rest).encode())
        for member, value in (
            ("grant", 1),
            ("grant", None),
            ("client", ["203.0.113.7"]),
            ("scheme", "ftp"),
            ("scheme", "HTTPS"),
            ("scheme", []),
            ("host", ""),
            ("host", 1),
            ("host", "a b"),
            ("host", "a/b"),
            ("host", "a@b"),
            ("host", "a\r\nEvil: 1"),
            ("host", "a\n"),
            ("host", "ä"),
            ("host", "x" * 261),
        ):
            self.assertRaises(BadPreamble, parse_preamble, line(**{member: value}))

    def test_what_is_no_object_is_refused(self) -> None:
        for text in (b"", b"x", b"[]", b"null", b'"http"', b"\xff", b"[" * 4000, b"{"):
            self.assertRaises(BadPreamble, parse_preamble, text)

    @given(st.binary(max_size=4096))
    def test_no_line_does_worse(self, data: bytes) -> None:
        with contextlib.suppress(BadPreamble):
            parse_preamble(data)


def tls_line(**more: object) -> bytes:
    whole = {"kind": "tls", "sni": "Site-7.example.org", "client": "203.0.113.7"}
    return json.dumps(whole | more).encode()


class TLSPreambleTests(SynchronousTestCase):
    def test_it_names_host_and_client(self) -> None:
        for client in ("203.0.113.7", "2001:db8::7", ""):
            self.assertEqual(
                parse_tls_preamble(tls_line(client=client)),
                TLSPreamble("site-7.example.org", client),
            )

    def test_what_is_no_address_is_refused(self) -> None:
        for client in (
            None,
            7,
            "somebody",
            "192.0.2.1, 192.0.2.2",
            "192.0.2.1\r\nEvil: 1",
            "192.0.2.1\n",
            " 192.0.2.1",
            "fe80::1%eth0",
            "fe80::1%\r\nEvil: 1",
            "1" * 65,
        ):
            self.assertRaises(BadPreamble, parse_tls_preamble, tls_line(client=client))
