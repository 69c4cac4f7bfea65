"""Our pages where each device has a host of its own, with a browser that goes round."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from twisted.web.resource import Resource

from cfos_cloud.gateway.handover import Handovers
from cfos_cloud.gateway.hosts import DomainHosts
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.sessions import Ending, Session
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.hosts.landing import OwnOrigins, Places
from cfos_cloud.web.hosts.pages import HostPages, HostParts
from cfos_cloud.web.login.landing import Entrance, Landing
from cfos_cloud.web.root import make_device_root
from cfos_cloud.web.session_state import SessionState
from tests.web.support import Browser, Echo, PagesTestCase, Reply, the_pages

DOMAIN = "cloud.example.org"
A, OTHER = f"w00-008j.{DOMAIN}", f"other.{DOMAIN}"
METER = f"meter--w00-008j.{DOMAIN}"
SESSION = "__Host-cfos"
_KEY = b"k" * 32


class HostBrowser(Browser):
    """On one of the hosts; ``jars`` has the cookies of all of them."""

    def __init__(
        self, case: HostsCase, host: str, jars: dict[str, dict[str, str]]
    ) -> None:
        root = case.root if host == DOMAIN else case.device_root
        super().__init__(root)
        self.case, self.host, self.jars = case, host, jars
        self.cookies = jars.setdefault(host, {})

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Reply:
        headers.setdefault("host", self.host)
        self.case.at = self.host
        return super().request(method, path, body, **headers)

    def at(self, host: str) -> HostBrowser:
        """The same browser on another host."""
        return HostBrowser(self.case, host, self.jars)

    def follow(self, url: str, **headers: str) -> Reply:
        """GET, wherever it is."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self.at(parts.netloc).get(path, **headers)

    def session(self) -> Session | None:
        """That of this host."""
        token = self.cookies.get(SESSION, "").encode()
        return self.case.sessions.find(token, self.case.hosts.device_of(self.netloc))

    @property
    def netloc(self) -> bytes:
        return self.host.encode()


class HostsCase(PagesTestCase):
    def make_landing(self) -> Landing | None:
        self.hosts = DomainHosts(DOMAIN)
        self.handovers = Handovers(
            self.clock.seconds, lambda each: self.sessions.end(each, Ending.EXPIRED)
        )
        entrance = Entrance(self.sessions, KnownBrowsers(_KEY))
        self.landing = OwnOrigins(Places(self.hosts), self.handovers, entrance)
        return self.landing

    def setUp(self) -> None:
        super().setUp()
        parts = HostParts(
            self.landing, self.handovers, self.sessions, self.systems, Csrf(_KEY)
        )
        root = make_device_root(
            HostPages(parts, the_pages()),
            CommonPages(the_pages()),
            Echo(b"api"),
            Echo(b"health"),
            SessionState(self.sessions, self.systems, self.exchange, the_pages()),
        )
        self.at = DOMAIN
        self.device_root = OnDevice(root, self)
        self.browser: HostBrowser = HostBrowser(self, DOMAIN, {})

    def enter(
        self, cloud_id: str = "W00-008J", query: str = "", **more: Any
    ) -> tuple[HostBrowser, Reply]:
        """Log in and go along: the browser at the device's host, and its answer."""
        reply = self.log_in(cloud_id, query, **more)
        self.assertEqual(reply.status, 303)
        location = reply.header("location") or ""
        return self.browser.at(urlsplit(location).netloc), self.browser.follow(location)

    def log_in(
        self,
        cloud_id: str = "W00-008J",
        query: str = "",
        *,
        secret: str = "right",
        as_admin: bool = True,
    ) -> Reply:
        form = {
            "cloud_id": cloud_id,
            "cloud_user_id": secret,
            "csrf": self.browser.token(),
        }
        if as_admin:
            form["admin"] = "1"
        return self.browser.post(f"/ui/en/cloud-login.htm{query}", form)

    def goes_on_to(self, reply: Reply) -> str:
        """Where a page leads by itself, which a person can do as well."""
        match = re.fullmatch(r"0; url=(.*)", reply.header("refresh") or "")
        assert match is not None, reply.status
        link = re.search(r'class="button primary" href="([^"]*)"', reply.body.decode())
        assert link is not None
        self.assertEqual(link[1].replace("&amp;", "&").replace("&#39;", "'"), match[1])
        return match[1]


class OnDevice(Resource):
    """A root that tells its requests whose host they came to, as the gateway does."""

    def __init__(self, root: Resource, case: HostsCase) -> None:
        super().__init__()
        self._root, self._case = root, case

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        request.device = self._case.hosts.device_of(self._case.at.encode())
        return self._root.getChildWithDefault(path, request)
