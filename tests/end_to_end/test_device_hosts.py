"""Further devices on hosts of their own, from the overview to each and back."""

from __future__ import annotations

from functools import cached_property

from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import USER, USER_ID, Server
from tests.end_to_end.hosts import DOMAIN, Traveller
from tests.end_to_end.target import Target

DOCUMENT = ("Sec-Fetch-Dest", "document")


class DeviceHostTests(EndToEndTestCase):
    @cached_property
    def own_server(self) -> Server:
        return self.make_server(f"--domain={DOMAIN}")

    @cached_property
    def meter(self) -> Target:
        return self.make_target()

    @cached_property
    def several(self) -> Site:
        site = self.make_site(
            f"--also=meter={self.meter.url}",
            f"--also=pv={self.make_target().url}",
            server=self.own_server,
        )
        site.device.allow_users({USER: USER_ID}, {USER: "meter"})
        # Which ends who has logged in before.
        site.device.process.wait_for_log("the users have changed")
        return site

    def setUp(self) -> None:
        super().setUp()
        self.cloud_label = self.several.device.cloud_id
        self.traveller = Traveller(self.own_server)

    def open(self, client: Client, name: str = "") -> int:
        """The way of a button on the overview."""
        answer = client.request("GET", f"/cloud/open/{name}", b"", (DOCUMENT,))
        location = answer.field("Location")
        if answer.status != 303 or location is None:
            return answer.status
        if location.startswith("/"):
            return client.get(location).status
        return self.traveller.follow(location).status

    def at(self, name: str) -> Client:
        return self.traveller.device(f"{name}--{self.cloud_label}")

    def test_one_log_in_opens_all_and_one_log_out_ends_all(self) -> None:
        main = self.traveller.log_in(self.cloud_label)
        page = main.request("GET", "/cloud/", b"", (DOCUMENT,)).body
        self.assertIn(b'href="/cloud/open/meter"', page)
        self.assertEqual(self.open(main, "meter"), 200)
        meter = self.at("meter")
        head = meter.get("/where").body
        self.assertIn(f"\r\nHost: {self.meter.authority}\r\n".encode(), head)
        self.assertIn(b"\r\nCfos-User: admin\r\n", head)
        self.assertNotEqual(meter.cookies["__Host-cfos"], main.cookies["__Host-cfos"])
        self.assertEqual(self.open(meter, "pv"), 200)
        self.assertEqual(self.open(meter), 200)
        self.assertEqual(main.get("/").status, 200)
        meter.log_out()
        for client in (main, meter, self.at("pv")):
            answer = client.get("/")
            self.assertEqual(answer.status, 303)
            self.assertIn("cloud-login.htm", answer.field("Location") or "")

    def test_a_cookie_of_one_host_is_none_on_another(self) -> None:
        main = self.traveller.log_in(self.cloud_label)
        meter = self.at("meter")
        meter.cookies = dict(main.cookies)
        self.assertEqual(meter.get("/").status, 303)
        self.assertEqual(self.meter.paths(), [])

    def test_a_user_is_led_where_the_site_allows(self) -> None:
        main = self.traveller.log_in(self.cloud_label, USER_ID, as_admin=False)
        self.assertEqual(self.open(main, "meter"), 200)
        self.assertEqual(self.open(main, "pv"), 404)
        self.assertEqual(self.at("meter").get("/where").status, 200)
