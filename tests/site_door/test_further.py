"""Further devices of a site behind its door: hosts, sessions, and who sees what."""

from __future__ import annotations

import re
from itertools import count
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThread

from cfos_cloud.device.further import FurtherDevice
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.users import Users
from cfos_cloud.secret_files import write_secret
from tests.device.certificates import make_certificate
from tests.device.tunnel_server import CLOUD_ID
from tests.end_to_end.client import LOGIN, LOGOUT, Answer, Client
from tests.end_to_end.target import Target
from tests.site_door.case import ADMIN, DoorCase
from tests.site_door.server import HOST, BrowserPort
from tests.site_door.test_certificates import write_pair

METER, PV = f"meter--{HOST}", f"pv--{HOST}"
USER_ID = "4711-4711-4711"
DOCUMENT = (("Sec-Fetch-Dest", "document"), ("Accept-Language", "en"))
#: A link on a page of another device of the site.
LINK = (
    ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
)


class SiteBrowser:
    """One browser on all hosts of the site."""

    def __init__(self, case: FurtherCase) -> None:
        self._case = case
        self._clients: dict[str, Client] = {}
        self._sources = count()

    def at(self, host: str = HOST) -> Client:
        if host not in self._clients:
            port = self._case.port_of[host]
            self._clients[host] = Client(port, authority=host)
        client = self._clients[host]
        # Each request has a connection of its own, and a source may not have many.
        client.source = f"127.0.0.{10 + next(self._sources) % 20}"
        return client

    def get(self, url: str, *fields: tuple[str, str]) -> Answer:
        """GET, wherever it is."""
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return self.at(parts.netloc).get(f"{parts.path or '/'}{query}", *fields)

    def go(self, url: str, *fields: tuple[str, str]) -> tuple[str, Answer]:
        """The same, to where that leads at last."""
        for _ in range(6):
            answer = self.get(url, *fields)
            on = answer.field("Location") or answer.field("Refresh")
            if on is None:
                return url, answer
            on = on.removeprefix("0; url=")
            url = on if on.startswith("https:") else f"https://{_host(url)}{on}"
        raise AssertionError(f"it never ends: {url}")

    def log_in(self, url: str, secret: str = ADMIN, *, as_admin: bool = True) -> str:
        """By the form at ``url``; where that leads."""
        page = self.get(url).body.decode()
        actions: list[str] = re.findall(
            'class="form login-form"[^>]* action="([^"]+)"', page
        )
        assert actions, page
        form = {"cloud_id": CLOUD_ID, "cloud_user_id": secret}
        if as_admin:
            form["admin"] = "1"
        answer = self.at(_host(url)).post_form(actions[0].replace("&amp;", "&"), form)
        assert answer.status == 303, answer
        location = answer.field("Location") or ""
        return location if "://" in location else f"https://{_host(url)}{location}"

    def log_out(self, host: str) -> str:
        """By the form on our page there; where that leads."""
        answer = self.at(host).log_out()
        on = answer.field("Location") or answer.field("Refresh") or ""
        on = on.removeprefix("0; url=")
        return self.go(on if "://" in on else f"https://{host}{on}")[0]


def _host(url: str) -> str:
    return urlsplit(url).netloc


class FurtherCase(DoorCase):
    def setUp(self) -> None:
        super().setUp()
        self.meter, self.pv = Target(), Target()
        for target in (self.meter, self.pv):
            self.addCleanup(deferToThread, target.close)
        self.also = tuple(
            FurtherDevice(name, parse_origin(target.url))
            for name, target in (("meter", self.meter), ("pv", self.pv))
        )
        self.port_of: dict[str, int] = {}

    async def start(self, **end_to_end: object) -> None:
        await super().start(**end_to_end)
        self.port_of[HOST] = self.port
        for host in (METER, PV, f"nothing--{HOST}"):
            ports = BrowserPort(lambda: self.servers[-1], self.heard, host)
            self.port_of[host] = self._listen(ports)


class VisitTests(FurtherCase):
    async def test_one_log_in_is_for_all_and_so_is_a_log_out(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            self.assertEqual(
                browser.log_in(f"https://{HOST}{LOGIN}"), f"https://{HOST}/"
            )
            overview = browser.get(f"https://{HOST}/cloud/", *DOCUMENT).body.decode()
            titles = re.findall(r'<h2 id="device-\w+">(.*?)</h2>', overview)
            self.assertEqual(titles, [CLOUD_ID, "meter", "pv"])
            self.assertIn("cloud-keys", overview)
            for host, target in ((METER, self.meter), (PV, self.pv)):
                name = host.partition("--")[0]
                url, answer = browser.go(f"https://{HOST}/cloud/open/{name}", *DOCUMENT)
                self.assertEqual(url, f"https://{host}/")
                answer = browser.get(f"https://{host}/echo")
                text = answer.body.decode()
                self.assertIn(f"\r\nHost: {target.authority}\r\n", f"\r\n{text}")
                self.assertIn("Cfos-Role: admin", text)
                self.assertNotIn("__Host-cfos", text)
            # No host has the session of another.
            cookies = [browser.at(h).cookies["__Host-cfos"] for h in (HOST, METER, PV)]
            self.assertEqual(len(set(cookies)), 3)
            page = browser.get(f"https://{METER}{LOGIN}").body
            self.assertIn(b"compare the fingerprint", page)
            left = browser.log_out(METER)
            self.assertEqual(left, f"https://{HOST}{LOGIN}#logged_out")
            for host in (HOST, METER, PV):
                self.assertEqual(browser.get(f"https://{host}/echo").status, 303)

        await deferToThread(visit)
        self.assertEqual(len(self.door.sessions), 0)
        self.assertEqual(len(self.end.grants), 0)

    async def test_logging_out_at_the_main_device_ends_the_further_ones(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            self.assertEqual(browser.get(f"https://{METER}/echo").status, 200)
            browser.log_out(HOST)
            self.assertEqual(browser.get(f"https://{METER}/echo").status, 303)

        await deferToThread(visit)

    async def test_a_bookmark_leads_to_the_log_in_and_back_to_that_very_page(
        self,
    ) -> None:
        await self.start()
        for host in (METER, HOST):
            browser = SiteBrowser(self)

            def visit(host: str = host, browser: SiteBrowser = browser) -> None:
                wanted = f"https://{host}/echo?wallbox=2&from=%C3%A4"
                login, page = browser.go(wanted)
                self.assertEqual(_host(login), HOST)
                self.assertEqual(urlsplit(login).path, LOGIN)
                policy = page.field("Content-Security-Policy") or ""
                self.assertIn(
                    f"form-action 'self' https://{METER} https://{PV};", policy
                )
                url, answer = browser.go(browser.log_in(login))
                self.assertEqual((url, answer.status), (wanted, 200))
                # A query that came by a stranger's link is not gone back to.
                forged = login.replace("wallbox", "command")
                url, answer = browser.go(browser.log_in(forged))
                self.assertEqual(url, f"https://{host}/echo")

            await deferToThread(visit)

    async def test_who_has_logged_in_need_not_do_so_again_for_another_device(
        self,
    ) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            wanted = f"https://{METER}/echo?a=b"
            url, answer = browser.go(wanted, *DOCUMENT)
            self.assertEqual((url, answer.status), (wanted, 200))
            # A browser that does not keep the cookie is not sent round for ever.
            browser.at(METER).cookies.clear()
            url, answer = browser.go(wanted, *LINK)
            self.assertEqual((_host(url), answer.status), (HOST, 200))
            self.assertIn(b"You are logged in", answer.body)
            # What looks ahead gets no session, nor does a part of another page.
            path = f"https://{HOST}{LOGIN}?system=pv--{CLOUD_ID.lower()}"
            for field in (("Sec-Purpose", "prefetch"), ("Sec-Fetch-Dest", "iframe")):
                self.assertIsNone(browser.get(path, field).field("Location"), field)
            self.assertIsNotNone(browser.get(path, *LINK).field("Location"))

        await deferToThread(visit)

    async def test_a_user_sees_what_the_site_allows(self) -> None:
        self.users_file = self.directory / "users"
        hashed = Users().recipe().hash(USER_ID)
        write_secret(self.users_file, f"anna:{hashed}:meter\n")
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}", USER_ID, as_admin=False)
            overview = browser.get(f"https://{HOST}/cloud/", *DOCUMENT).body
            self.assertIn(b"device-meter", overview)
            self.assertNotIn(b"device-pv", overview)
            url, _ = browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            self.assertEqual(url, f"https://{METER}/")
            _, refused = browser.go(f"https://{HOST}/cloud/open/pv", *DOCUMENT)
            _, unknown = browser.go(f"https://{HOST}/cloud/open/nothing", *DOCUMENT)
            self.assertEqual((refused.status, unknown.status), (404, 404))
            # By its own address, too.
            url, answer = browser.go(f"https://{PV}/echo", *DOCUMENT)
            self.assertEqual((_host(url), answer.status), (PV, 403))
            self.assertEqual(self.pv.paths(), [])

        await deferToThread(visit)

    async def test_the_overview_says_how_each_stands(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def states() -> list[str]:
            page = browser.get(f"https://{HOST}/cloud/", *DOCUMENT).body.decode()
            return re.findall(r'class="badge[^>]*>([^<]*)<', page)

        def visit() -> list[str]:
            browser.log_in(f"https://{HOST}{LOGIN}")
            self.pv.close()
            browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            url, answer = browser.go(f"https://{HOST}/cloud/open/pv", *DOCUMENT)
            self.assertEqual(answer.status, 502, url)
            browser.get(f"https://{HOST}/echo")
            return states()

        found = await deferToThread(visit)
        self.assertEqual(found, ["Reachable", "Reachable", "Not reachable"])

    async def test_on_a_further_host_the_overview_is_the_main_device_s(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            url, answer = browser.go(f"https://{METER}/cloud/", *LINK)
            self.assertEqual((url, answer.status), (f"https://{HOST}/cloud/", 200))
            url, _ = browser.go(f"https://{METER}/cloud/open/pv", *LINK)
            self.assertEqual(url, f"https://{PV}/")

        await deferToThread(visit)


class FenceTests(FurtherCase):
    async def test_a_name_that_is_not_configured_is_nobody_s(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            with self.assertRaises(OSError):
                browser.get(f"https://nothing--{HOST}/")
            # Nor does an address of the log-in lead there.
            label = f"nothing--{CLOUD_ID.lower()}"
            url = browser.log_in(f"https://{HOST}{LOGIN}?system={label}&back=/echo")
            self.assertEqual(url, f"https://{HOST}/")

        await deferToThread(visit)
        self.assertIn("it asks for another name than ours", self.log)

    async def test_a_session_is_good_on_its_own_host_only(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            for ours, other in ((HOST, METER), (METER, HOST), (METER, PV)):
                thief = Client(self.port_of[other], authority=other)
                thief.cookies = dict(browser.at(ours).cookies)
                self.assertEqual(thief.get("/echo").status, 303, (ours, other))
            self.assertEqual(self.pv.paths(), [])

        await deferToThread(visit)

    async def test_a_code_is_good_once_and_on_its_own_host_only(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            opened = f"https://{HOST}/cloud/open/meter"
            code = browser.get(opened, *DOCUMENT).field("Location") or ""
            self.assertEqual(_host(code), METER)
            elsewhere = code.replace(METER, PV)
            self.assertEqual(SiteBrowser(self).get(elsewhere).status, 410)
            late = browser.get(code)
            self.assertEqual(late.status, 410)
            # Whoever took too long, over a warning of the browser's say, is led on.
            link = re.search(r'href="(https:[^"]+)"', late.body.decode())
            assert link is not None
            url, _ = browser.go(link[1], *LINK)
            self.assertEqual(url, f"https://{METER}/")
            code = browser.get(opened, *DOCUMENT).field("Location") or ""
            self.assertEqual(browser.get(code).status, 200)
            self.assertEqual(SiteBrowser(self).get(code).status, 410)

        await deferToThread(visit)

    async def test_a_stranger_s_page_can_not_clear_what_a_browser_keeps(self) -> None:
        await self.start()

        def visit() -> None:
            for kind, clears in (("document", True), ("image", False)):
                answer = self.browser().get(LOGOUT, ("Sec-Fetch-Dest", kind))
                self.assertEqual(answer.status, 303)
                fields = (answer.field("Clear-Site-Data"), answer.all("Set-Cookie"))
                self.assertEqual(all(fields), clears, kind)

        await deferToThread(visit)

    async def test_one_device_s_page_can_not_act_on_another(self) -> None:
        await self.start()
        browser = SiteBrowser(self)

        def visit() -> None:
            browser.log_in(f"https://{HOST}{LOGIN}")
            browser.go(f"https://{HOST}/cloud/open/meter", *DOCUMENT)
            for host in (HOST, METER):
                answer = browser.get(f"https://{host}/cnf?cmd=set", *LINK)
                self.assertEqual(answer.status, 403, host)
            # On its own host a device may have a service worker, but not where
            # people log in.
            worker = ("Service-Worker", "script")
            self.assertEqual(browser.get(f"https://{HOST}/echo", worker).status, 403)
            self.assertEqual(browser.get(f"https://{METER}/echo", worker).status, 200)

        await deferToThread(visit)
        self.assertNotIn("/cnf", self.target.paths() + self.meter.paths())


class CertificateTests(FurtherCase):
    async def test_it_is_for_all_hosts(self) -> None:
        await self.start()
        self.assertEqual(self.door.certificate.names, (HOST, METER, PV))
        self.assertNotIn("browsers will warn", self.log)

    async def test_names_that_files_leave_out_are_said(self) -> None:
        files = write_pair(self.directory, make_certificate(HOST))
        await self.start(certificate_file=files[0], key_file=files[1])
        self.assertIn(f"the certificate is not for {METER}, {PV}", self.log)
