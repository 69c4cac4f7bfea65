"""What ``--server`` takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.server_address import ServerAddress


class ServerAddressTests(SynchronousTestCase):
    def test_addresses_are_understood(self) -> None:
        for text, expected in (
            ("https://localhost:4443", "https://localhost:4443"),
            ("https://Cloud.Example/", "https://cloud.example:443"),
            ("http://127.0.0.1", "http://127.0.0.1:80"),
            ("https://[::1]:4443", "https://[::1]:4443"),
            ("https://bücher.example", "https://xn--bcher-kva.example:443"),
        ):
            self.assertEqual(str(ServerAddress.parse(text)), expected)

    def test_what_is_none_is_bad_usage(self) -> None:
        for text in (
            "",
            "localhost:4443",
            "ftp://localhost",
            "https://",
            "https://host:port",
            "https://host:99999",
            "https://[::1",
            "https://admin:secret@host",
            "https://host/path",
            "https://host?x",
            "https://" + "a" * 300,
        ):
            self.assertRaises(BadUsage, ServerAddress.parse, text)

    def test_loopback_is_where_nothing_leaves_the_machine(self) -> None:
        for text, expected in (
            ("http://localhost", True),
            ("http://127.9.9.9", True),
            ("http://[::1]", True),
            ("http://192.168.1.1", False),
            ("http://localhost.example", False),
        ):
            self.assertEqual(ServerAddress.parse(text).is_loopback, expected)
