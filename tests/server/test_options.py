"""The command line of ``twistd cfos-cloud``."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.client import parse_network
from cfos_cloud.listener.ports import parse_port
from cfos_cloud.server.options import Options
from cfos_cloud.site_info import SiteInfo


class OptionsCase(SynchronousTestCase):
    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(list(words))
        return options

    def refused(self, *words: str) -> str:
        stream = io.StringIO()
        self.patch(sys, "__stderr__", stream)
        with self.assertRaises(SystemExit) as caught:
            self.parse(*words)
        self.assertEqual(caught.exception.code, 2)
        line = stream.getvalue()
        self.assertTrue(line.startswith("twistd cfos-cloud: "), line)
        self.assertEqual(line.count("\n"), 1, line)
        return line


class ServerOptionsTests(OptionsCase):
    def test_nothing_need_be_given(self) -> None:
        options = self.parse()
        self.assertEqual(options.port_spec, parse_port("4443", None))
        self.assertFalse(options["allow-http"])
        self.assertEqual(options.trusted_proxies, [])
        self.assertEqual(options.loglevel, 3)
        self.assertIsNone(options.path("admin-password-file"))
        for name in ("data-dir", "domain", "database"):
            self.assertIsNone(options[name])

    def test_plain_http_has_to_be_allowed(self) -> None:
        self.assertTrue(self.parse("--allow-http")["allow-http"])

    def test_port_and_interface_say_where_to_listen(self) -> None:
        self.assertEqual(
            self.parse("--port=5000", "--interface=127.0.0.1").port_spec,
            parse_port("5000", "127.0.0.1"),
        )
        self.assertEqual(
            self.parse("--port", "tcp:5000:interface=localhost").port_spec,
            parse_port("tcp:5000:interface=localhost", None),
        )

    def test_a_port_that_is_none_is_refused(self) -> None:
        for port in ("", "-1", "65536", "http", "4443x"):
            self.refused(f"--port={port}")

    def test_trusted_proxies_add_up(self) -> None:
        options = self.parse(
            "--trusted-proxy=10.0.0.0/8",
            "--trusted-proxy=::1",
            "--trusted-proxy=192.168.1.5/24",
        )
        self.assertEqual(
            options.trusted_proxies,
            [
                parse_network("10.0.0.0/8"),
                parse_network("::1/128"),
                parse_network("192.168.1.0/24"),
            ],
        )

    def test_one_command_line_s_proxies_are_not_another_s(self) -> None:
        self.parse("--trusted-proxy=10.0.0.0/8")
        self.assertEqual(self.parse().trusted_proxies, [])

    def test_a_proxy_that_is_no_network_is_refused(self) -> None:
        for network in ("", "proxy", "10.0.0.0/33", "10.0.0"):
            line = self.refused(f"--trusted-proxy={network}")
            self.assertIn(f"--trusted-proxy {network!r} is no network", line)

    def test_a_domain_that_is_no_host_name_is_refused(self) -> None:
        self.assertEqual(
            self.parse("--domain=cloud.example.org")["domain"], "cloud.example.org"
        )
        for domain in ("a b", "-", "*", "a..b"):
            self.refused(f"--domain={domain}")

    def test_name_and_links_of_the_operator_are_taken(self) -> None:
        self.assertEqual(self.parse().site_info, SiteInfo())
        options = self.parse(
            "--operator-name= Stadtwerke ",
            "--imprint-url=https://example.org/imprint",
            "--privacy-url=http://example.org/privacy",
        )
        self.assertEqual(
            options.site_info,
            SiteInfo(
                "Stadtwerke",
                "https://example.org/imprint",
                "http://example.org/privacy",
            ),
        )

    def test_those_that_can_not_be_shown_are_refused(self) -> None:
        for option, value in (
            ("operator-name", ""),
            ("operator-name", "x" * 81),
            ("imprint-url", "example.org"),
            ("imprint-url", "javascript:alert(1)"),
            ("privacy-url", ""),
            ("privacy-url", "ftp://example.org/"),
        ):
            self.assertIn(f"--{option}: ", self.refused(f"--{option}={value}"))

    def test_arguments_without_an_option_are_refused(self) -> None:
        self.refused("4443")


class AdminPortTests(OptionsCase):
    def test_there_is_none_unless_it_is_given(self) -> None:
        self.assertIsNone(self.parse().admin_port_spec)

    def test_it_is_a_number_at_the_same_interface_or_an_endpoint(self) -> None:
        options = self.parse("--admin-port=5001", "--interface=127.0.0.1")
        self.assertEqual(options.admin_port_spec, parse_port("5001", "127.0.0.1"))
        place = "tcp:5001:interface=localhost"
        options = self.parse("--admin-port", place, "--interface=192.0.2.1")
        self.assertEqual(options.admin_port_spec, parse_port(place, None))

    def test_one_that_is_none_is_refused(self) -> None:
        for port in ("", "-1", "65536", "http"):
            self.assertIn("--admin-port", self.refused(f"--admin-port={port}"))

    def test_one_port_can_not_be_both(self) -> None:
        line = self.refused("--port=5000", "--admin-port=5000")
        self.assertIn("the same", line)
        self.refused("--admin-port=4443")
        self.parse("--port=0", "--admin-port=0")


class ProxyProtocolTests(OptionsCase):
    def test_it_needs_a_proxy_to_expect_it_of(self) -> None:
        self.assertIn("needs --trusted-proxy", self.refused("--proxy-protocol"))
        options = self.parse("--proxy-protocol", "--trusted-proxy=10.0.0.1")
        self.assertTrue(options["proxy-protocol"])
        self.assertFalse(self.parse("--trusted-proxy=10.0.0.1")["proxy-protocol"])


class BoundOptionsTests(OptionsCase):
    NAMES = ("max-connections", "max-connections-per-source", "max-buffered-mib")

    def test_by_themselves_they_say_nothing(self) -> None:
        options = self.parse()
        self.assertEqual([options[name] for name in self.NAMES], [None] * 3)

    def test_they_are_numbers(self) -> None:
        options = self.parse(*(f"--{name}=1000" for name in self.NAMES))
        self.assertEqual([options[name] for name in self.NAMES], [1000] * 3)

    def test_what_is_none_or_too_small_to_live_by_is_refused(self) -> None:
        for name in self.NAMES:
            for value in ("", "0", "7", "-1", "many", "1e3", "9" * 30):
                line = self.refused(f"--{name}={value}")
                self.assertIn(f"--{name}", line)
