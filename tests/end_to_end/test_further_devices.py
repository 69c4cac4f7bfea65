"""Several devices behind one device end, as people reach them."""

from __future__ import annotations

import re
from functools import cached_property

from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Answer, Client
from tests.end_to_end.daemons import ADMIN_SECRET, USER, USER_ID
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Target

DOCUMENT = (("Sec-Fetch-Dest", "document"), ("Accept-Language", "en"))


class FurtherDeviceTests(EndToEndTestCase):
    @cached_property
    def meter(self) -> Target:
        return self.make_target()

    @cached_property
    def inverter(self) -> Target:
        return self.make_target()

    @cached_property
    def several(self) -> Site:
        site = self.make_site(
            f"--also=meter={self.meter.url}", f"--also=inverter={self.inverter.url}"
        )
        site.device.allow_users({USER: USER_ID}, {USER: "meter"})
        return site

    def host(self, name: str | None = None) -> str:
        label = self.several.device.cloud_id.lower()
        label = label if name is None else f"{name}--{label}"
        return f"{label}.cloud.test:{self.server.port}"

    def admin_of_site(self) -> Client:
        client = self.server.client()
        client.log_in(self.several.device.cloud_id, ADMIN_SECRET, as_admin=True)
        return client

    def guest(self) -> Client:
        """Once the device end has read who may see the meter."""

        def logged_in() -> bool:
            client.log_in(self.several.device.cloud_id, USER_ID)
            return self.ask(client, "meter").status == 200

        client = self.server.client()
        wait_until(logged_in, "the guest may see the meter")
        return client

    def ask(self, client: Client, name: str | None = None) -> Answer:
        other = self.server.client(authority=self.host(name))
        other.cookies = client.cookies
        return other.request("GET", "/where")

    def overview(self, client: Client) -> str:
        return client.request("GET", "/cloud/", b"", DOCUMENT).body.decode()

    def test_each_is_reached_by_its_host_with_an_address_of_its_own(self) -> None:
        admin = self.admin_of_site()
        for name, target in (
            (None, self.several.target),
            ("meter", self.meter),
            ("inverter", self.inverter),
        ):
            answer = self.ask(admin, name)
            self.assertEqual(answer.status, 200)
            self.assertIn(f"\r\nHost: {target.authority}\r\n".encode(), answer.body)
            self.assertEqual(target.paths(), ["/where"])

    def test_a_host_that_names_another_address_reaches_nothing_there(self) -> None:
        stranger = self.make_target()
        admin = self.admin_of_site()
        for authority in (
            stranger.authority,
            f"meter--{stranger.authority}",
            f"{stranger.authority.replace('.', '-')}--x.cloud.test",
        ):
            other = self.server.client(authority=authority)
            other.cookies = admin.cookies
            other.request("GET", "/where")
        self.assertEqual(self.ask(admin, "127").status, 404)
        self.assertEqual((stranger.accepted, self.meter.paths()), (0, []))

    def test_a_user_sees_what_the_site_allows_and_learns_of_nothing_else(self) -> None:
        guest = self.guest()
        self.assertEqual(self.ask(guest).status, 200)
        refused = [self.ask(guest, name) for name in ("inverter", "nothing")]
        self.assertEqual([answer.status for answer in refused], [403, 403])
        one, other = (re.sub(rb"<code>\w+</code>", b"", a.body) for a in refused)
        self.assertEqual(one, other)
        self.assertIn(b"not for you to see", one)
        self.assertNotIn("inverter", self.overview(guest))
        self.assertIn("meter", self.overview(guest))
        self.assertEqual(self.inverter.paths(), [])

    def test_what_is_taken_back_ends_at_once(self) -> None:
        guest = self.guest()
        self.several.device.allow_users({USER: USER_ID})
        wait_until(lambda: self.ask(guest, "meter").status == 303, "logged out")
        guest.log_in(self.several.device.cloud_id, USER_ID)
        self.assertEqual(self.ask(guest, "meter").status, 403)

    def test_an_admin_sees_how_each_stands(self) -> None:
        admin = self.admin_of_site()

        def states() -> list[str]:
            return re.findall(r'class="badge[^>]*>([^<]*)<', self.overview(admin))

        wait_until(lambda: states() == ["Reachable"] * 3, "all can be reached")
        self.inverter.close()
        self.assertEqual(self.ask(admin, "inverter").status, 502)
        wait_until(
            lambda: states() == ["Reachable", "Reachable", "Not reachable"],
            "the inverter can't be reached",
        )
        self.assertEqual(self.ask(admin, "meter").status, 200)
