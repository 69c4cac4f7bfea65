"""A host for each device, with real daemons."""

from __future__ import annotations

import atexit
import base64
import json
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from tests.end_to_end import websocket
from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import LOGIN, Answer, Client
from tests.end_to_end.daemons import (
    ADMIN_SECRET,
    OPERATOR_PASSWORD,
    USER_ID,
    DeviceEnd,
    Server,
)
from tests.end_to_end.hosts import DOMAIN, Traveller, refresh
from tests.end_to_end.target import Target

HTML = ("Accept", "text/html")
UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", websocket.new_key()),
)


class Daemons:
    """One server and two systems for all tests here, which leave them as they were."""

    def __init__(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-hosts-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        self.server = Server(directory, f"--domain={DOMAIN}", "--allow-http")
        atexit.register(self.server.close)
        self.sites = [self._site(name, directory) for name in ("Carport", "Depot")]

    def _site(self, name: str, directory: Path) -> Site:
        target = Target()
        password = self.server.add_system(name)
        device = DeviceEnd(self.server, name, password, target.url, directory)
        atexit.register(device.close)
        return Site(device, target)


@cache
def the_daemons() -> Daemons:
    return Daemons()


class HostsTests(EndToEndTestCase):
    tls = True

    def setUp(self) -> None:
        super().setUp()
        daemons = the_daemons()
        self.own = daemons.server
        self.first, self.second = daemons.sites
        for site in daemons.sites:
            site.target.requests.clear()
        self.browser = self.traveller()

    def traveller(self) -> Traveller:
        return Traveller(self.own, tls=self.tls)

    def seen_by(self, site: Site, client: Client, path: str) -> bool:
        """Whether a request gets to the site's target."""
        before = len(site.target.requests)
        client.get(path)
        return len(site.target.requests) > before

    def key_request(
        self, client: Client, site: Site, path: str = "", **document: str
    ) -> Answer:
        cloud_id = site.device.cloud_id
        return client.request(
            "POST",
            f"/cloud/api/v1/systems/{cloud_id}/keys{path}",
            json.dumps(document).encode(),
            [("Content-Type", "application/json")],
        )

    def test_two_systems_are_open_side_by_side(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        b = self.browser.log_in(self.second.device.cloud_id, USER_ID, as_admin=False)
        for client, site, user in ((a, self.first, "admin"), (b, self.second, "guest")):
            self.assertTrue(self.seen_by(site, client, "/x"))
            request = site.target.requests[-1]
            self.assertEqual(request.field("Cfos-User"), user)
            self.assertEqual(request.field("Cfos-Cloud"), f"{client.origin}{LOGIN}")
        self.assertFalse(
            any(
                "cfos" in name
                for name in self.browser.home.cookies
                if not name.endswith(("-csrf", "-known", "-last"))
            )
        )

    def test_a_session_is_good_on_its_host_alone(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        for authority in (
            self.browser.device("depot").authority,
            self.browser.device("nobody").authority,
            self.browser.home.authority,
            f"127.0.0.1:{self.own.port}",
        ):
            thief = self.own.client(authority=authority, tls=self.tls)
            thief.cookies = dict(a.cookies)
            for path in ("/headers", LOGIN, "/cloud/session"):
                answer = thief.get(path, HTML)
                self.assertIn(answer.status, (200, 303, 401), (authority, path))
                self.assertNotIn(b"Site Carport", answer.body)
            api = thief.get("/cloud/api/v1/systems/Carport/keys")
            self.assertEqual(api.status, 401)
        for site in (self.first, self.second):
            self.assertEqual(site.target.requests, [])

    def test_a_bookmark_leads_back_to_its_page_and_query(self) -> None:
        device = self.browser.device("carport")
        answer = device.get("/headers?a=b&c=%20d", HTML)
        self.assertEqual(answer.status, 303)
        location = answer.field("Location") or ""
        self.assertTrue(location.startswith(f"{self.browser.home.origin}{LOGIN}?"))
        page = self.browser.follow(location)
        self.assertRegex(page.body.decode(), r'name="cloud_id"[^>]* value="carport"')
        form = re.search(
            r'class="form login-form"[^>]* action="([^"]+)"', page.body.decode()
        )
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.body.decode())
        assert form is not None
        assert csrf is not None
        fields = {"cloud_id": "carport", "cloud_user_id": ADMIN_SECRET, "admin": "1"}
        answer = self.browser.home.request(
            "POST",
            form[1].replace("&amp;", "&"),
            urlencode({**fields, "csrf": csrf[1]}).encode(),
            [("Content-Type", "application/x-www-form-urlencoded")],
        )
        answer = self.browser.follow(answer.field("Location") or "")
        self.assertEqual(refresh(answer), "/headers?a=b&c=%20d")
        self.assertEqual(device.get(refresh(answer)).status, 200)
        self.assertEqual(self.first.target.requests[-1].target, "/headers?a=b&c=%20d")

    def test_the_end_of_one_session_leaves_the_others(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        b = self.browser.log_in(self.second.device.cloud_id)
        answer = self.browser.log_out(a)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.field("Clear-Site-Data"), '"cache", "storage"')
        location = self.browser.follow(refresh(answer)).field("Location")
        self.assertEqual(location, f"{LOGIN}#logged_out")
        self.assertEqual(a.get("/headers", HTML).status, 303)
        self.assertEqual(b.get("/headers").status, 200)

    def test_hosts_of_devices_have_nothing_of_the_operator_s(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        basic = base64.b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
        for client, status in ((a, 404), (self.browser.home, 200)):
            for path in (
                "/ui/en/cloud-admin.htm",
                "/cloud/api/v1/systems",
                "/cloud/api/v1/status",
                "/cloud/metrics",
            ):
                answer = client.get(path, ("Authorization", f"Basic {basic}"))
                self.assertEqual(answer.status, status, (client.authority, path))

    def test_keys_are_made_on_the_host_of_their_system(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        self.assertEqual(a.get("/ui/en/cloud-keys.htm").status, 200)
        made = self.key_request(a, self.first, name="evcc", role="api")
        self.assertEqual(made.status, 201)
        key = json.loads(made.body)
        agreed = self.key_request(
            a, self.first, f"/{key['id']}/authorize", admin_secret=ADMIN_SECRET
        )
        self.assertEqual(agreed.status, 200)
        bearer = ("Authorization", f"Bearer {key['key']}")
        for host, status in (
            ("carport", 200),
            ("", 200),
            ("depot", 401),
            ("nobody", 401),
        ):
            browser = self.traveller()
            client = browser.device(host) if host else browser.home
            answer = client.get("/api/json/headers", bearer)
            self.assertEqual(answer.status, status, host)
        # Of another system's keys nobody hears on this host.
        other = self.key_request(a, self.second, name="evcc", role="api")
        self.assertEqual(other.status, 403)

    def test_what_other_hosts_ask_for_with_the_session_is_refused(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        b = self.browser.device("depot")
        before = len(self.first.target.requests)
        for origin in (b.origin, self.browser.home.origin, "https://evil.example"):
            for fields in (
                [("Origin", origin)],
                [("Origin", origin), *UPGRADE],
                [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors")],
                [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Dest", "iframe")],
            ):
                wire = self.begin("/headers", fields, client=a)
                self.assertEqual(wire.read_head()[0], 403, fields)
        self.assertEqual(len(self.first.target.requests), before)

    def test_a_websocket_of_the_device_s_own_page_passes(self) -> None:
        a = self.browser.log_in(self.first.device.cloud_id)
        fields = [("Origin", a.origin), ("Sec-Fetch-Site", "same-origin"), *UPGRADE]
        wire = self.begin("/websocket", fields, client=a)
        self.assertEqual(wire.read_head()[0], 101)

    def test_a_system_that_nobody_has_looks_like_any_other(self) -> None:
        answers = []
        for name in ("carport", "nobody"):
            client = self.traveller().device(name)
            for path in ("/", "/x?y", LOGIN, "/cloud/enter/x", "/cloud/enter"):
                answer = client.get(path, HTML)
                fields = [
                    (key, value.replace(name, "NAME"))
                    for key, value in answer.fields
                    if key.lower() not in ("content-length", "date", "set-cookie")
                ]
                text = answer.body.decode().replace(name, "NAME")
                answers.append((answer.status, fields, text))
        half = len(answers) // 2
        self.assertEqual(answers[:half], answers[half:])


class PlainHTTPTests(HostsTests):
    """The same without TLS."""

    tls = False
