"""Who is at the other end, and whose word on it counts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.client import Client, ProxyTrust, parse_network, plain_address
from cfos_cloud.http.message import Field

PROXY = Client("10.0.0.1", False)
STRANGER = Client("192.0.2.9", False)


def fields(*lines: str) -> list[Field]:
    """``Name: value`` as the parser gives it."""
    pairs = (line.encode("latin-1").split(b": ", 1) for line in lines)
    return [(name.lower(), name, value) for name, value in pairs]


class AddressTests(SynchronousTestCase):
    def test_zone_and_mapping_are_no_part_of_it(self) -> None:
        for host, address in (
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::FFFF:c000:207", "192.0.2.7"),
            ("fe80::1%eth0", "fe80::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("a socket's path", "a socket's path"),
            ("", ""),
        ):
            self.assertEqual(plain_address(host), address)

    def test_the_scheme_is_that_of_the_client_s_address_bar(self) -> None:
        self.assertEqual(Client("::1", True).scheme, b"https")
        self.assertEqual(Client("::1", False).scheme, b"http")

    def test_a_network_may_be_one_address_and_may_have_host_bits(self) -> None:
        self.assertEqual(str(parse_network("10.1.2.3")), "10.1.2.3/32")
        self.assertEqual(str(parse_network("10.1.2.3/8")), "10.0.0.0/8")
        self.assertEqual(str(parse_network("fd00::1/8")), "fd00::/8")
        for text in ("", "10.0.0.0/33", "proxy"):
            self.assertRaises(ValueError, parse_network, text)


class TrustTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.trust = ProxyTrust(
            [parse_network("10.0.0.0/8"), parse_network("fd00::/8")]
        )

    def client(self, peer: Client, *lines: str) -> Client:
        return self.trust.client_of(peer, fields(*lines))

    def address(self, forwarded_for: str) -> str:
        """What the proxy's word makes of it."""
        return self.client(PROXY, f"X-Forwarded-For: {forwarded_for}").address

    def test_without_proxies_nobody_is_believed(self) -> None:
        nobody = ProxyTrust()
        self.assertFalse(nobody)
        self.assertTrue(self.trust)
        spoken = fields("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
        self.assertEqual(nobody.client_of(PROXY, spoken), PROXY)

    def test_a_stranger_is_not_believed(self) -> None:
        self.assertEqual(
            self.client(
                STRANGER, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"
            ),
            STRANGER,
        )

    def test_a_proxy_is_believed(self) -> None:
        self.assertEqual(
            self.client(PROXY, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"),
            Client("1.2.3.4", True, by_proxy=True),
        )

    def test_a_proxy_that_says_nothing_is_the_client(self) -> None:
        silent = Client(PROXY.address, PROXY.secure, by_proxy=True)
        self.assertEqual(self.client(PROXY), silent)
        self.assertEqual(self.client(PROXY, "Forwarded: for=1.2.3.4"), silent)

    def test_the_last_that_is_no_proxy_of_ours_is_the_client(self) -> None:
        for forwarded_for, address in (
            ("1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("6.6.6.6,1.2.3.4 , 10.0.0.2", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.0.0.2, fd00::9", "1.2.3.4"),
            ("2001:db8::7", "2001:db8::7"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.1"),
        ):
            self.assertEqual(self.address(forwarded_for), address, forwarded_for)

    def test_several_fields_are_one_list(self) -> None:
        self.assertEqual(
            self.client(
                PROXY, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 1.2.3.4"
            ).address,
            "1.2.3.4",
        )

    def test_nothing_before_what_is_no_address_is_believed(self) -> None:
        for forwarded_for in (
            "",
            "unknown",
            "1.2.3.4, unknown",
            "1.2.3.4, _hidden, 10.0.0.2",
            "1.2.3.4,",
            "1.2.3.4, 10.0.0.2:8080",
            "\xff",
        ):
            self.assertEqual(self.address(forwarded_for), "10.0.0.1", forwarded_for)

    def test_the_scheme_is_what_the_proxy_says(self) -> None:
        for peer_secure, word, secure in (
            (False, "https", True),
            (False, "HTTPS", True),
            (False, "http", False),
            (True, "http", False),
            (True, "https", True),
            (False, "", False),
            (True, "ws", False),
        ):
            client = self.client(
                Client("10.0.0.1", peer_secure), f"X-Forwarded-Proto: {word}"
            )
            self.assertEqual(client.secure, secure, (peer_secure, word))

    def test_without_a_word_on_the_scheme_it_is_the_connection_s(self) -> None:
        for secure in (True, False):
            client = self.client(Client("10.0.0.1", secure), "X-Forwarded-For: 1.2.3.4")
            self.assertEqual(client, Client("1.2.3.4", secure, by_proxy=True))

    def test_of_several_words_on_the_scheme_the_proxy_s_own_is_the_last(self) -> None:
        # A proxy that adds its own to what a client has made up.
        client = self.client(
            PROXY, "X-Forwarded-Proto: https", "X-Forwarded-Proto: http"
        )
        self.assertFalse(client.secure)

    def test_a_network_holds_its_own_kind_of_addresses_only(self) -> None:
        everything = ProxyTrust([parse_network("0.0.0.0/0")])
        self.assertTrue(everything.trusts("192.0.2.1"))
        self.assertTrue(everything.trusts("::ffff:192.0.2.1"))
        self.assertFalse(everything.trusts("2001:db8::1"))
        self.assertFalse(everything.trusts(""))
