"""Which proxy leads to the server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.origin import Origin, parse_origin
from cfos_cloud.device.proxy import (
    InvalidProxy,
    Proxy,
    is_exempt,
    parse_proxy,
    proxy_of_environment,
)

SERVER = parse_origin("https://cloud.example.org:4443")
PLAIN = parse_origin("http://cloud.example.org")


class ParseTests(SynchronousTestCase):
    def test_proxies(self) -> None:
        for text, proxy in (
            ("http://proxy:3128", Proxy("proxy", 3128)),
            ("http://proxy", Proxy("proxy", 80)),
            ("http://proxy:3128/", Proxy("proxy", 3128)),
            ("HTTP://Proxy:3128", Proxy("proxy", 3128)),
            ("proxy:3128", Proxy("proxy", 3128)),
            ("http://[2001:db8::1]:3128", Proxy("2001:db8::1", 3128)),
            ("http://me@proxy:1", Proxy("proxy", 1, "me")),
            ("http://me:secret@proxy:1", Proxy("proxy", 1, "me", "secret")),
            ("me:s%40c%3Aret@proxy:1", Proxy("proxy", 1, "me", "s@c:ret")),
            ("http://me:s@c:r/et@proxy:1", Proxy("proxy", 1, "me", "s@c:r/et")),
        ):
            self.assertEqual(parse_proxy(text), proxy)

    def test_what_is_none_is_refused_without_its_password(self) -> None:
        for text in (
            "",
            "http://",
            "https://me:secret@proxy:1",
            "socks5://me:secret@proxy:1",
            "secret://proxy",
            "http://me:secret@proxy:x",
            "http://me:secret@proxy:99999",
            "http://me:secret@proxy/path",
            "http://me%3Asecret@proxy",
            "http://me:secret",
            "http://me:secret@",
        ):
            with self.assertRaises(InvalidProxy) as caught:
                parse_proxy(text)
            line = str(caught.exception)
            self.assertNotIn("me:", line)
            if not text.startswith("secret:"):
                self.assertNotIn("secret", line)

    def test_nothing_shows_a_password(self) -> None:
        proxy = parse_proxy("http://me:hidden@[::1]:1")
        self.assertEqual(str(proxy), "[::1]:1")
        self.assertNotIn("hidden", repr(proxy))

    def test_a_password_may_come_from_elsewhere(self) -> None:
        proxy = parse_proxy("http://me@proxy:1").with_password("p")
        self.assertEqual(proxy, Proxy("proxy", 1, "me", "p"))
        with self.assertRaises(InvalidProxy):
            parse_proxy("http://proxy:1").with_password("p")


class EnvironmentTests(SynchronousTestCase):
    def host(self, environment: dict[str, str], server: Origin = SERVER) -> str | None:
        proxy = proxy_of_environment(environment, server)
        return None if proxy is None else proxy.host

    def test_the_variable_is_that_of_the_server_s_scheme(self) -> None:
        both = {"https_proxy": "http://a:1", "http_proxy": "http://b:1"}
        self.assertEqual(self.host(both), "a")
        self.assertEqual(self.host(both, PLAIN), "b")
        self.assertIsNone(self.host({"http_proxy": "http://b:1"}))
        self.assertIsNone(self.host({}))
        self.assertIsNone(self.host({"https_proxy": " "}))

    def test_spellings_have_an_order(self) -> None:
        environment = {}
        for name in ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            environment[name] = f"http://{name.replace('_', '-')}:1"
            self.assertEqual(self.host(environment), name.replace("_", "-").lower())
        self.assertEqual(self.host({"HTTP_PROXY": "http://b:1"}, PLAIN), "b")

    def test_this_machine_needs_none(self) -> None:
        for url in (
            "https://localhost:4443",
            "https://a.localhost",
            "https://127.0.0.9",
            "https://[::1]:4443",
        ):
            self.assertIsNone(self.host({"all_proxy": "x:1"}, parse_origin(url)))

    def test_a_bad_one_is_named_by_its_variable_alone(self) -> None:
        with self.assertRaises(InvalidProxy) as caught:
            self.host({"HTTPS_PROXY": "socks5://me:hidden@h:1"})
        line = str(caught.exception)
        self.assertTrue(line.startswith("HTTPS_PROXY: 'socks5' proxies are not"), line)
        self.assertNotIn("hidden", line)

    def test_a_bad_one_that_is_not_used_does_no_harm(self) -> None:
        environment = {"HTTPS_PROXY": "socks5://h:1", "NO_PROXY": "*"}
        self.assertIsNone(self.host(environment))

    def test_exceptions(self) -> None:
        self.assertIsNone(self.host({"https_proxy": "a:1", "NO_PROXY": "example.org"}))
        capitals = {"https_proxy": "a:1", "no_proxy": "b", "NO_PROXY": "example.org"}
        self.assertEqual(self.host(capitals), "a")


class ExemptTests(SynchronousTestCase):
    def test_names(self) -> None:
        for entries, exempt in (
            ("*", True),
            ("cloud.example.org", True),
            ("CLOUD.Example.ORG.", True),
            ("example.org", True),
            (".example.org", True),
            ("*.example.org", True),
            ("a, example.org", True),
            ("a example.org,,b", True),
            ("example.org:4443", True),
            ("example.org:443", False),
            ("ample.org", False),
            ("cloud", False),
            ("x.cloud.example.org", False),
            ("10.0.0.0/8", False),
            ("", False),
            (",", False),
            (".", False),
            ("*.", False),
        ):
            self.assertEqual(is_exempt(entries, SERVER), exempt, entries)

    def test_addresses(self) -> None:
        for url, entries, exempt in (
            ("https://10.1.2.3", "10.0.0.0/8", True),
            ("https://10.1.2.3", "10.1.2.3", True),
            ("https://10.1.2.3", "10.1.2.3:443", True),
            ("https://10.1.2.3", "10.1.2.3:444", False),
            ("https://10.1.2.3", "11.0.0.0/8", False),
            ("https://10.1.2.3", "2.3", False),
            ("https://10.1.2.3", "*", True),
            ("https://10.1.2.3", "fd00::/8", False),
            ("https://[fd00::1]", "fd00::/8", True),
            ("https://[fd00::1]", "[fd00::1]:443", True),
            ("https://[fd00::1]", "[fd00::1]", True),
            ("https://[fd00::1]", "[fd00::1]:444", False),
        ):
            self.assertEqual(is_exempt(entries, parse_origin(url)), exempt, entries)
