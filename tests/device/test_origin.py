"""What ``--server`` and ``--target`` may say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin


class OriginTests(SynchronousTestCase):
    def test_what_is_read(self) -> None:
        for text, origin, written in (
            ("https://h:4443", Origin("https", "h", 4443), "https://h:4443"),
            (
                "https://H.Example/",
                Origin("https", "h.example", 443),
                "https://h.example",
            ),
            ("http://127.0.0.1", Origin("http", "127.0.0.1", 80), "http://127.0.0.1"),
            ("http://[::1]:8080", Origin("http", "::1", 8080), "http://[::1]:8080"),
            ("https://h:443", Origin("https", "h", 443), "https://h"),
            (
                "https://müller.example",
                Origin("https", "xn--mller-kva.example", 443),
                "https://xn--mller-kva.example",
            ),
        ):
            found = parse_origin(text)
            self.assertEqual((found, str(found)), (origin, written))

    def test_what_is_not(self) -> None:
        for text in (
            "",
            "h",
            "h:4443",
            "ftp://h",
            "https://",
            "https://h:0",
            "https://h:99999",
            "https://h:x",
            "https://u:p@h",
            "https://h/path",
            "https://h?x",
            "https://h#x",
            "https://h h",
            "https://h\r\nX: y",
            "https://[::1",
            "https://[::g]",
            "https://" + "a" * 64,
        ):
            self.assertRaises(InvalidOrigin, parse_origin, text)

    def test_the_port_is_always_in_the_name_of_a_pin(self) -> None:
        self.assertEqual(parse_origin("https://h").host_and_port, "h:443")
        self.assertEqual(parse_origin("https://[::1]").host_and_port, "[::1]:443")

    def test_names_and_addresses_are_told_apart(self) -> None:
        self.assertFalse(parse_origin("https://h.example").is_address)
        for text in ("https://127.0.0.1", "https://[2001:db8::1]"):
            self.assertTrue(parse_origin(text).is_address)
