"""The command line of ``twistd cfos-cloud``."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.client import parse_network
from cfos_cloud.listener.ports import parse_port
from cfos_cloud.server_options import Options


class ServerOptionsTests(SynchronousTestCase):
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

    def test_arguments_without_an_option_are_refused(self) -> None:
        self.refused("4443")
