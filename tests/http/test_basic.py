"""User and password of HTTP's "Basic", or nobody's."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.basic import parse_basic


def encoded(text: bytes) -> bytes:
    return base64.b64encode(text)


class BasicTests(SynchronousTestCase):
    def test_a_password_may_have_colons_and_any_letters(self) -> None:
        for scheme in (b"Basic ", b"basic  "):
            value = scheme + encoded("admin:süß:1".encode())
            self.assertEqual(parse_basic(value), ("admin", "süß:1"))

    def test_anything_else_is_nobody_s(self) -> None:
        for value in (
            b"",
            b"Basic",
            b"Basic !",
            b"Basic " + encoded(b"\xff:x"),
            b"Bearer " + encoded(b"admin:x"),
            b"Basic " + encoded(b"a:b") + b" more",
        ):
            self.assertEqual(parse_basic(value), ("", ""), value)
