"""Where a request goes if each device has a host of its own."""

from __future__ import annotations

from twisted.web.server import Site

from cfos_cloud.gateway.bookmarks import mark_of
from cfos_cloud.gateway.hosts import DomainHosts
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.keys.issuer import Issued
from cfos_cloud.keys.key import Role
from cfos_cloud.tunnel.devices import NamedDevice
from tests.gateway.key_support import READ, REFUSED, KeyCase
from tests.gateway.support import HTML, JSON, DeviceCase, GatewayCase, OurPages
from tests.memory import Message

MAIN = b"cloud.example.org"
A, B = b"w00-a.cloud.example.org", b"w00-b.cloud.example.org"
METER = b"meter--w00-a.cloud.example.org"
LOGIN = b"https://cloud.example.org/ui/en/cloud-login.htm"


def give_hosts(case: GatewayCase) -> OurPages:
    """The pages of ours on the hosts of devices."""
    pages = OurPages()
    case.gateway.hosts = DomainHosts("cloud.example.org")
    case.gateway.device_site = Site(pages)
    return pages


class StrangerTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.device_pages = give_hosts(self)

    def fetch(self, target: bytes, *lines: bytes, **more: bytes) -> Message:
        return self.browser().fetch(target, *lines, **more)

    def test_a_bookmark_leads_to_the_log_in_of_the_own_host(self) -> None:
        message = self.fetch(b"/a/b", HTML, host=A)
        self.assertEqual(message.status, 303)
        self.assertEqual(message.get(b"location"), LOGIN + b"?system=w00-a&back=/a/b")
        self.assertEqual(message.get(b"cache-control"), b"no-store")
        self.assertIsNone(message.get(b"set-cookie"))

    def test_the_port_and_the_scheme_stay(self) -> None:
        message = self.browser(secure=False).fetch(b"/", HTML, host=A + b":4443")
        self.assertEqual(
            message.get(b"location"),
            b"http://cloud.example.org:4443/ui/en/cloud-login.htm?system=w00-a",
        )

    def test_a_query_that_somebody_typed_comes_along(self) -> None:
        for lines in ([], [b"Sec-Fetch-Site: none"], [b"Sec-Fetch-Site: same-origin"]):
            message = self.fetch(b"/a?b=c", HTML, *lines, host=A)
            self.assertEqual(
                message.get(b"location"), LOGIN + b"?system=w00-a&back=/a%3Fb%3Dc"
            )
            self.assertIn(mark_of(b"/a?b=c"), message.get(b"set-cookie") or b"")

    def test_one_that_another_site_has_made_up_does_not(self) -> None:
        for site in (b"cross-site", b"same-site"):
            message = self.fetch(
                b"/a?b=c",
                HTML,
                b"Sec-Fetch-Site: " + site,
                b"Sec-Fetch-Mode: navigate",
                b"Sec-Fetch-Dest: document",
                host=A,
            )
            self.assertEqual(message.get(b"location"), LOGIN + b"?system=w00-a&back=/a")
            self.assertIsNone(message.get(b"set-cookie"))

    def test_nobody_learns_which_systems_there_are(self) -> None:
        answers = []
        for name in (b"w00-a", b"nobody"):
            host = name + b".cloud.example.org"
            for target, line, method in (
                (b"/x", HTML, b"GET"),
                (b"/x", JSON, b"GET"),
                (b"/x", HTML, b"POST"),
                (b"/api/json/x", JSON, b"GET"),
                (b"/ui/en/cloud-login.htm", HTML, b"GET"),
            ):
                message = self.fetch(target, line, host=host, method=method)
                place = (message.get(b"location") or b"").replace(name, b"NAME")
                size = len(message.body)
                answers.append((message.status, place, size, len(message.fields)))
        half = len(answers) // 2
        self.assertEqual(answers[:half], answers[half:])

    def test_nobody_is_led_from_a_host_of_end_to_end_to_our_log_in(self) -> None:
        for name in (b"W00-sealed", b"meter--w00-sealed"):
            host = name + b".cloud.example.org:4443"
            for target in (b"/a?b=c", b"/ui/en/cloud-login.htm", b"/cloud/enter"):
                message = self.browser(secure=False).fetch(target, HTML, host=host)
                self.assertEqual(message.status, 308)
                self.assertEqual(message.get(b"location"), b"https://" + host + target)
                # Over TLS such a host was not the one that the ClientHello named.
                message = self.fetch(target, HTML, host=host)
                self.assertEqual((message.status, message.body), (421, b""))
            message = self.browser(secure=False).fetch(b"/", host=host, method=b"POST")
            self.assertEqual(message.status, 421)

    def test_what_is_for_no_page_is_a_401(self) -> None:
        self.assertEqual(self.fetch(b"/x", JSON, host=A).status, 401)
        self.assertEqual(self.fetch(b"/x", HTML, host=A, method=b"POST").status, 401)
        message = self.fetch(b"/api/json/x", HTML, host=A)
        self.assertEqual((message.status, message.body), (401, b""))

    def test_an_error_page_names_no_system(self) -> None:
        message = self.fetch(b"/x", HTML, host=A, method=b"POST")
        self.assertNotIn(b"Carport", message.body)

    def test_the_own_host_has_no_device(self) -> None:
        for host in (MAIN, b"localhost", b"203.0.113.1", b"x.y.cloud.example.org"):
            message = self.fetch(b"/x", HTML, host=host)
            self.assertEqual(message.status, 303)
            self.assertEqual(message.get(b"location"), b"/ui/en/cloud-login.htm")

    def test_our_pages_are_others_on_the_hosts_of_devices(self) -> None:
        for path in (b"/ui/en/cloud-admin.htm", b"/cloud/health", b"/robots.txt"):
            self.fetch(path, host=MAIN)
            self.fetch(path, host=A)
        self.assertEqual(len(self.pages.requests), 3)
        self.assertEqual(
            [each.device for each in self.device_pages.requests],
            [DeviceHost("w00-a")] * 3,
        )
        self.assertEqual([each.device for each in self.pages.requests], [None] * 3)


class SessionTests(DeviceCase):
    def setUp(self) -> None:
        super().setUp()
        self.device_pages = give_hosts(self)
        self.session.host = DeviceHost("w00-a")

    def status(self, session: Session, host: bytes, *lines: bytes) -> int:
        browser = self.browser(session)
        browser.ask(b"/x", HTML, *lines, host=host)
        self.pump()
        got = browser.got()
        return got[0].status if got else 0

    def test_it_leads_to_its_device_on_its_host(self) -> None:
        self.assertEqual(self.status(self.session, A), 0)
        self.assertEqual(self.stream.preamble["host"], A.decode())
        self.assertEqual(self.status(self.session, A.upper() + b":4443"), 0)
        self.assertEqual(len(self.streams), 2)

    def test_on_every_other_host_it_is_none(self) -> None:
        for host in (MAIN, B, METER, b"localhost", b"nobody.cloud.example.org"):
            self.assertEqual(self.status(self.session, host), 303, host)
        self.assertEqual(self.streams, [])

    def test_that_of_a_further_device_is_for_that_one(self) -> None:
        self.session.host = DeviceHost("w00-a", "meter")
        self.assertEqual(self.status(self.session, A), 303)
        self.assertEqual(self.status(self.session, METER), 0)
        self.assertEqual(self.stream.preamble["host"], METER.decode())

    def test_one_that_was_handed_over_to_no_host_is_none(self) -> None:
        self.session.host = None
        for host in (A, METER, MAIN):
            self.assertEqual(self.status(self.session, host), 303)

    def test_another_device_s_page_is_another_site(self) -> None:
        for lines in (
            [b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Mode: cors"],
            [b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Dest: iframe"],
            [b"Origin: https://" + B],
            [b"Origin: https://" + MAIN],
        ):
            self.assertEqual(self.status(self.session, A, *lines), 403, lines)
        self.assertEqual(self.streams, [])

    def test_the_device_may_have_service_workers(self) -> None:
        lines = (b"Service-Worker: script", b"Sec-Fetch-Site: same-origin")
        self.assertEqual(self.status(self.session, A, *lines), 0)
        self.assertEqual(len(self.streams), 1)

    def test_but_not_where_the_session_opens_other_devices_too(self) -> None:
        # It would see the code of the next one, on its way to its host.
        lines = (b"Service-Worker: script", b"Sec-Fetch-Site: same-origin")
        self.session.devices = (NamedDevice("meter"),)
        self.assertEqual(self.status(self.session, A, *lines), 403)
        self.session.devices, self.session.is_further = (), True
        self.assertEqual(self.status(self.session, A, *lines), 403)
        self.session.is_further, self.session.key_id = False, "key"
        self.assertEqual(self.status(self.session, A, *lines), 403)
        self.assertEqual(self.streams, [])

    def test_when_the_session_ends_the_person_is_led_to_the_log_in(self) -> None:
        browser = self.browser(self.session)
        browser.ask(b"/x", HTML, host=A)
        self.pump()
        self.sessions.end(self.session)
        self.revocation_over()
        self.assertEqual(
            browser.one().get(b"location"), LOGIN + b"?system=w00-a&back=/x"
        )

    def test_cookies_of_a_device_are_for_its_host_alone(self) -> None:
        browser = self.browser(self.session)
        browser.ask(b"/x", HTML, host=A)
        self.pump()
        line = b"Set-Cookie: a=b; Domain=cloud.example.org; Path=/; domain = x\r\n"
        self.stream.answer(b"ok", fields=line)
        self.pump()
        self.assertEqual(browser.one().get(b"set-cookie"), b"a=b; Path=/")


class KeyTests(KeyCase):
    def setUp(self) -> None:
        super().setUp()
        give_hosts(self)

    def is_passed_on(self, host: bytes, target: bytes, issued: Issued) -> bool:
        """Whether the device is asked; else it is a key that is none."""
        before = len(self.streams)
        app = self.browser()
        app.ask(target, *self.bearing(issued), host=host)
        self.pump()
        if len(self.streams) > before:
            return True
        self.assertEqual(app.wire.take(), REFUSED)
        return False

    def test_a_key_leads_to_its_device_on_its_own_host(self) -> None:
        admin, reader = self.issue(), self.issue(Role.API)
        self.assertTrue(self.is_passed_on(A, b"/settings", admin))
        self.assertTrue(self.is_passed_on(A, READ, reader))
        self.assertFalse(self.is_passed_on(A, b"/settings", reader))

    def test_and_on_the_cloud_s_own_for_the_interface_alone(self) -> None:
        admin = self.issue()
        self.assertTrue(self.is_passed_on(MAIN, READ, admin))
        self.assertTrue(self.is_passed_on(b"127.0.0.1:4443", READ, admin))
        self.assertFalse(self.is_passed_on(MAIN, b"/settings", admin))

    def test_on_another_system_s_host_it_is_none(self) -> None:
        for host in (B, b"nobody.cloud.example.org", b"meter--w00-b.cloud.example.org"):
            self.assertFalse(self.is_passed_on(host, READ, self.issue()), host)

    def test_nor_is_the_operator_s_on_any_device_s(self) -> None:
        self.assertFalse(self.is_passed_on(A, READ, self.issue(cloud_id=None)))
