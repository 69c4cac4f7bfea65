"""Which names the site answers to."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.hosts import is_home_name, is_loopback
from tests.demo.site.support import ADMIN, SiteTestCase, cloud, request
from tests.memory import parse_messages

STRANGE = (
    b"evil.example",
    b"evil.example:8080",
    b"192.0.2.7.evil.example",
    b"localhost.evil.example",
    b"evil.notlocal",
    b"evilfritz.box",
    b"evil.example.",
    b"a b",
    b"",
    b"2001:db8::1",
    b"127.0.0.1,evil.example",
    b"192.0.2.7:8080:1",
)


class NameTests(SynchronousTestCase):
    def test_addresses_and_names_of_a_home_are_answered(self) -> None:
        for host in (
            "192.168.1.20",
            "192.168.1.20:8080",
            "[fe80::1]:8080",
            "[::1]",
            "localhost:8080",
            "LOCALHOST",
            "wallbox",
            "wallbox.",
            "Wallbox.local",
            "wallbox.lan:80",
            "wallbox.fritz.box",
            socket.gethostname(),
        ):
            self.assertTrue(is_home_name(host.encode()), host)

    def test_names_that_somebody_on_the_internet_can_have_are_not(self) -> None:
        for host in STRANGE:
            self.assertFalse(is_home_name(host), host)

    def test_the_device_end_s_socket_knows_loopback_alone(self) -> None:
        for host in (b"127.0.0.1", b"127.0.0.1:4711", b"[::1]:80"):
            self.assertTrue(is_loopback(host), host)
        for host in (*STRANGE, b"localhost", b"192.168.1.20", b"wallbox"):
            self.assertFalse(is_loopback(host), host)


class RebindingTests(SiteTestCase):
    def status(self, host: str, path: str, *, through_cloud: bool = False) -> int:
        channel, transport = self.memory.connect(through_cloud=through_cloud)
        fields = cloud("admin", "admin") if through_cloud else ADMIN
        channel.dataReceived(request("GET", path, fields, host=host))
        self.memory.settle()
        message = parse_messages(transport.take())[-1]
        if message.status == 421:
            self.assertEqual(len(message.body.splitlines()), 1)
            self.assertIn(b"address", message.body)
        return message.status

    def test_a_page_s_own_name_for_this_address_leads_nowhere(self) -> None:
        for path in ("/", "/api/site/state", "/vendor", "/ui/en/site.css"):
            for through_cloud in (False, True):
                host = "evil.example:8080"
                status = self.status(host, path, through_cloud=through_cloud)
                self.assertEqual(status, 421, path)

    def test_by_its_address_it_is_there(self) -> None:
        for through_cloud in (False, True):
            for host in ("127.0.0.1:4711", "[::1]:4711"):
                status = self.status(
                    host, "/api/site/state", through_cloud=through_cloud
                )
                self.assertEqual(status, 200)

    def test_live_values_and_uploads_too(self) -> None:
        for method, path, more in (
            ("GET", "/api/site/live", (("Upgrade", "websocket"),)),
            ("POST", "/api/site/firmware", ()),
            ("POST", "/upload", ()),
        ):
            channel, transport = self.memory.connect()
            fields = (*ADMIN, *more)
            if more:
                fields = (*fields, ("Connection", "Upgrade"))
            channel.dataReceived(request(method, path, fields, host="evil.example"))
            self.memory.settle()
            self.assertEqual(parse_messages(transport.take())[-1].status, 421, path)
