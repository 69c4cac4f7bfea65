"""``/cloud/``: which devices somebody sees, how they stand, and the way to each."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from cfos_cloud.gateway.further_sessions import FurtherSessions
from cfos_cloud.gateway.hosts import hosts_of
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.devices import NamedDevice
from cfos_cloud.tunnel.hello import Grant
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.overview.page import OverviewPages
from cfos_cloud.web.overview.parts import OverviewParts
from cfos_cloud.web.root import put_overview
from tests.test_pages import check
from tests.web.support import (
    FakeTunnel,
    PagesTestCase,
    Reply,
    the_pages,
)

HOST = "w00-008j.cloud.example.org:4443"
METER_HOST = f"meter--{HOST}"
DOCUMENT = {"sec_fetch_dest": "document", "sec_fetch_mode": "navigate"}


class SiteTunnel(FakeTunnel):
    """Tells of itself, and which devices who logs in may see."""

    def __init__(self, devices: tuple[NamedDevice, ...] = ()) -> None:
        super().__init__()
        self.status: JSONObject = {}
        self.status_at = datetime(2026, 11, 4, 14, 10, tzinfo=UTC)
        self.devices = devices

    def answer(self, is_right: bool) -> None:
        role = self.asked[-1][0]
        self.pending.pop().callback(Grant("grant-1", role, "anna", self.devices))


class FakeCodes:
    def __init__(self) -> None:
        self.issued: list[tuple[Session, DeviceHost, bytes]] = []

    def issue(self, session: Session, device: DeviceHost, path: bytes) -> str:
        self.issued.append((session, device, path))
        return f"code-{len(self.issued)}"


class OverviewCase(PagesTestCase):
    domain: str | None = "cloud.example.org"
    host = HOST

    def setUp(self) -> None:
        super().setUp()
        self.site = SiteTunnel((NamedDevice("meter"), NamedDevice("pv", "Roof <b>")))
        self.exchange.tunnels["w00-008j"] = self.site
        self.codes = FakeCodes()
        parts = OverviewParts(
            self.sessions,
            self.systems,
            self.exchange,  # type: ignore[arg-type]
            hosts_of(self.domain),
            FurtherSessions(self.sessions),
            Csrf(b"k" * 32),
            None if self.domain is None else self.codes,
        )
        cloud = self.root.children[b"cloud"]
        put_overview(cloud, OverviewPages(parts, the_pages()))

    def log_in(self, *, as_admin: bool = True) -> None:
        self.browser.log_in(as_admin=as_admin)

    def get(self, path: str = "/cloud/", **fields: str) -> Reply:
        return self.browser.get(path, **{"host": self.host} | DOCUMENT | fields)

    def page(self, **fields: str) -> str:
        reply = self.get(**fields)
        self.assertEqual(reply.status, 200, reply.body)
        text = reply.body.decode("utf-8")
        check(self, text)
        return text

    def rows(self, **fields: str) -> list[tuple[str, str]]:
        """Each device's title, and its state in words."""
        page = self.page(**fields)
        found = re.findall(
            r'<h2 id="device-[^"]*">(.*?)</h2>.*?<p class="device-state">(.*?)</p>',
            page,
            re.DOTALL,
        )
        return [(title, " ".join(_TAG.sub("", s).split())) for title, s in found]


_TAG = re.compile(r"<[^>]*>")


class ShowTests(OverviewCase):
    def test_an_admin_sees_all_devices_and_how_they_stand(self) -> None:
        self.site.status = {
            "targets": [
                {"state": "up", "seconds": 3600},
                {"name": "meter", "state": "down", "seconds": 60},
                {"name": "pv"},
                {"name": "new", "state": "up"},
            ]
        }
        self.log_in()
        self.assertEqual(
            self.rows(),
            [
                (MAIN, "Reachable since 4 Nov 2026, 13:10 UTC"),
                ("meter", "Not reachable since 4 Nov 2026, 14:09 UTC"),
                ("Roof &lt;b&gt;", "Not known yet"),
                ("new", "Reachable"),
            ],
        )

    def test_a_user_sees_what_the_log_in_named_and_nothing_else(self) -> None:
        self.site.devices = (NamedDevice("meter"),)
        self.site.status = {"targets": [{"name": "meter"}, {"name": "secret"}]}
        self.log_in(as_admin=False)
        self.assertEqual([title for title, _ in self.rows()], [MAIN, "meter"])
        self.assertNotIn("secret", self.page())

    def test_offline_there_is_no_state_but_since_when(self) -> None:
        self.log_in()
        del self.exchange.tunnels["w00-008j"]
        system = self.systems.systems["w00-008j"]
        last_seen = datetime(2026, 11, 4, 15, 1, tzinfo=UTC)
        self.systems.systems["w00-008j"] = replace(system, last_seen=last_seen)
        states = [state for _, state in self.rows()]
        self.assertEqual(states, ["Offline"] * 3)
        page = self.page()
        self.assertIn('<time datetime="2026-11-04T15:01:00Z" data-moment>', page)
        self.assertIn("has no connection to this server just now", page)
        self.assertNotIn("/cloud/open/", page)

    def test_one_device_alone_says_how_there_are_more(self) -> None:
        self.site.devices = ()
        self.log_in()
        self.assertIn("can be added at the site", self.page())
        self.sessions.end_system("W00-008J")
        self.log_in(as_admin=False)
        page = self.page()
        self.assertNotIn("can be added at the site", page)
        self.assertIn("whoever runs it can let you see them", page)
        self.assertEqual(len(self.rows()), 1)

    def test_what_to_check_stands_there_when_there_is_need(self) -> None:
        self.log_in()
        for state, shown in (("up", False), ("down", True)):
            self.site.status = {"targets": [{"name": "meter", "state": state}]}
            self.assertEqual("Is it switched on" in self.page(), shown)

    def test_it_speaks_the_language_of_the_log_in(self) -> None:
        self.log_in()
        (session,) = self.sessions.of_system("W00-008J")
        for language, words in (("de", "Geräte dieser"), ("pt", "Dispositivos desta")):
            session.language = language
            page = self.page(accept_language="en")
            self.assertIn(f'<html lang="{language}">', page)
            self.assertIn(words, page)

    def test_only_the_admin_by_password_is_led_to_the_access_keys(self) -> None:
        for as_admin in (True, False):
            self.log_in(as_admin=as_admin)
            self.assertEqual("cloud-keys.htm" in self.page(), as_admin)

    def test_who_is_not_logged_in_is_led_there(self) -> None:
        for path in ("/cloud/", "/cloud/open/meter", "/cloud/open/"):
            reply = self.get(path)
            self.assertEqual(
                (reply.status, reply.header("location")),
                (303, "/ui/en/cloud-login.htm"),
            )

    def test_no_script_and_no_other_site_reads_it(self) -> None:
        self.log_in()
        for fields in (
            {"sec_fetch_dest": "empty", "sec_fetch_mode": "cors"},
            {"sec_fetch_dest": "iframe"},
            {"origin": "https://evil.example"},
        ):
            for path in ("/cloud/", "/cloud/open/meter"):
                reply = self.get(path, **fields)
                self.assertEqual(reply.status, 403, fields)
                self.assertNotIn(b"meter", reply.body)
        self.assertEqual(self.codes.issued, [])

    def test_nobody_stores_it_or_changes_anything(self) -> None:
        self.log_in()
        self.assertEqual(self.get().header("cache-control"), "no-store")
        for path in ("/cloud/", "/cloud/open/meter"):
            self.assertEqual(self.browser.post(path, {}).status, 405)


class OpenTests(OverviewCase):
    def test_a_further_device_is_opened_on_its_own_host_by_a_code(self) -> None:
        self.log_in()
        (first,) = self.sessions.of_system("W00-008J")
        reply = self.get("/cloud/open/meter")
        self.assertEqual(reply.status, 303)
        self.assertEqual(
            reply.header("location"), f"https://{METER_HOST}/cloud/enter/code-1"
        )
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.all("set-cookie"), [])
        ((session, device, path),) = self.codes.issued
        self.assertEqual((device, path), (DeviceHost("w00-008j", "meter"), b"/"))
        self.assertIsNot(session, first)
        self.assertTrue(session.is_further)

    def test_on_its_own_host_a_device_is_where_it_was(self) -> None:
        self.log_in()
        self.assertEqual(self.get("/cloud/open/").header("location"), "/")
        self.host = METER_HOST
        self.assertEqual(self.get("/cloud/open/meter").header("location"), "/")
        self.assertEqual(self.codes.issued, [])

    def test_from_there_the_main_device_is_where_the_log_in_was(self) -> None:
        self.log_in()
        self.get("/cloud/open/meter")
        ((session, _, _),) = self.codes.issued
        self.browser.cookies["__Host-cfos"] = session.token.decode()
        self.host = METER_HOST
        self.assertEqual(
            self.get("/cloud/open/").header("location"), f"https://{HOST}/"
        )
        self.assertEqual(
            self.get("/cloud/open/pv").header("location"),
            f"https://pv--{HOST}/cloud/enter/code-2",
        )

    def test_what_there_is_not_and_what_is_for_others_is_not_found_alike(self) -> None:
        self.site.devices = (NamedDevice("meter"),)
        self.site.status = {"targets": [{"name": "secret", "state": "up"}]}
        self.log_in(as_admin=False)
        bodies = set()
        for name in ("secret", "nothing", "w00-008j", "192.168.1.30", "%2e%2e", "x--y"):
            reply = self.get(f"/cloud/open/{name}")
            self.assertEqual(reply.status, 404, name)
            self.assertIsNone(reply.header("location"))
            bodies.add(re.sub(rb"<code>\w+</code>", b"", reply.body))
        self.assertEqual(len(bodies), 1)
        self.assertEqual(self.codes.issued, [])
        self.assertEqual(len(self.sessions), 1)


class SharedOriginTests(OverviewCase):
    domain = None
    host = "cloud.example.org:4443"

    def test_it_shows_all_and_opens_the_main_device_only(self) -> None:
        self.log_in()
        self.assertEqual(len(self.rows()), 3)
        page = self.page()
        self.assertIn("each further one needs an address of its own", page)
        self.assertEqual(re.findall(r'href="(/cloud/open/[^"]*)"', page), [OPEN_MAIN])

    def test_its_way_leads_to_the_device_and_no_other_does(self) -> None:
        self.log_in()
        self.assertEqual(self.get("/cloud/open/").header("location"), "/")
        self.assertEqual(self.get("/cloud/open/meter").header("location"), "/cloud/")
        self.assertEqual(len(self.sessions), 1)


MAIN = "Carport &lt;b&gt;"
OPEN_MAIN = "/cloud/open/"
