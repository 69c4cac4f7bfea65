"""A browser of few words, and the parts that stand behind our pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET

from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.registry.system import System
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.tunnel.exchange import OFFLINE, Presence
from cfos_cloud.tunnel.hello import Grant
from cfos_cloud.tunnel.scram import Verifier
from cfos_cloud.ui import ui_directory
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.login.landing import Landing
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.root import make_root
from cfos_cloud.web.session_state import SessionState
from tests.server.test_connection_recorder import Kept

LOGIN = "/ui/en/cloud-login.htm"
LOGOUT = "/ui/en/cloud-logout.htm"


@cache
def the_pages() -> Pages:
    return Pages(ui_directory())


class FakeTunnel:
    """A device that knows one admin password, and answers when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, int]] = []
        self.logged_out: list[str] = []
        self.is_slow = False
        #: ``None``: the ID itself.
        self.name_of_user: str | None = None
        self.pending: list[Deferred[Grant]] = []

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        self.asked.append((role, secret, client, ttl))
        answer: Deferred[Grant] = Deferred()
        self.pending.append(answer)
        if not self.is_slow:
            self.answer(secret in ("right", "0123456789"))
        return answer

    def answer(self, is_right: bool) -> None:
        number = len(self.asked)
        role, secret = self.asked[-1][:2]
        user = "admin" if role == "admin" else self.name_of_user or secret
        if is_right:
            self.pending.pop().callback(Grant(f"grant-{number}", role, user))
        else:
            self.pending.pop().errback(RpcError(-32001, "wrong secret"))

    def logout(self, grant: str) -> None:
        self.logged_out.append(grant)


class FakeExchange:
    def __init__(self) -> None:
        self.tunnels: dict[str, FakeTunnel] = {}
        self.up_since = datetime(2026, 11, 4, 14, 5, 59, 7, tzinfo=UTC)

    def presence(self, cloud_id: str) -> Presence:
        if self.session(cloud_id) is None:
            return OFFLINE
        return Presence(online=True, since=self.up_since)

    def session(self, cloud_id: str) -> FakeTunnel | None:
        return self.tunnels.get(cloud_id.lower())


def a_system(cloud_id: str, name: str = "", enabled: bool = True) -> System:
    verifier = Verifier(b"salt", b"stored", b"server", 4096)
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return System(cloud_id, name, verifier, enabled, created)


class FakeSystems:
    def __init__(self) -> None:
        self.systems = {
            each.cloud_id.lower(): each
            for each in (
                a_system("W00-008J", "Carport <b>"),
                a_system("other"),
                a_system("offline"),
                a_system("disabled", enabled=False),
            )
        }

    def get(self, cloud_id: str) -> System | None:
        return self.systems.get(cloud_id.lower())


class FromAddress(Resource):
    """Says where a request comes from, as the gateway does."""

    isLeaf = True

    def __init__(self, root: Resource, address: str, secure: bool) -> None:
        super().__init__()
        self.root, self.address, self.secure = root, address, secure

    def render(self, request: Any) -> object:
        request.client_address = self.address
        request.secure = self.secure
        request.render(getChildForRequest(self.root, request))
        return NOT_DONE_YET


@dataclass
class Reply:
    """What came back; ``status`` 0 until something does."""

    stub: Any
    deferred: Deferred[Any]
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def flush(self) -> None:
        self.stub.flush()

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return None if values is None else ", ".join(values)

    def all(self, name: str) -> list[str]:
        return list(self.headers.getRawHeaders(name, []))


class Browser:
    """Keeps cookies by name, and nothing else."""

    def __init__(
        self, root: Resource, address: str = "192.0.2.1", secure: bool = True
    ) -> None:
        self.root, self.address, self.secure = root, address, secure
        self.cookies: dict[str, str] = {}

    def cookie_pairs(self) -> list[tuple[str, str]]:
        return list(self.cookies.items())

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Reply:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [f"{name}={value}" for name, value in self.cookie_pairs()]
        if pairs:
            fields["cookie"] = "; ".join(pairs)
        stub: Any = StubTreq(FromAddress(self.root, self.address, self.secure))
        url = "https://cloud.example.org" + path
        sending = stub.request(
            method, url, headers=fields, data=body, allow_redirects=False
        )
        reply = Reply(stub, sending)

        def got(response: Any) -> Any:
            reply.status = response.code
            reply.headers = response.headers
            for value in reply.all("set-cookie"):
                pair, *attributes = value.split("; ")
                name, _, content = pair.partition("=")
                if "Path=/" not in attributes:
                    continue
                if "Max-Age=0" in attributes:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = content
            return stub.content(response).addCallback(read)

        def read(content: bytes) -> None:
            reply.body = content

        sending.addCallback(got)
        stub.flush()
        return reply

    def get(self, path: str = LOGIN, **headers: str) -> Reply:
        return self.request("GET", path, b"", **headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Reply:
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return self.request("POST", path, urlencode(form).encode(), **headers)

    def token(self) -> str:
        """The form's token, from the page that has it."""
        match = re.search(rb'name="csrf" value="([^"]+)"', self.get().body)
        return "" if match is None else match[1].decode()

    def log_in(
        self,
        cloud_id: str = "W00-008J",
        secret: str = "right",
        *,
        as_admin: bool = True,
        **headers: str,
    ) -> Reply:
        form = {"cloud_id": cloud_id, "cloud_user_id": secret, "csrf": self.token()}
        if as_admin:
            form["admin"] = "1"
        return self.post(LOGIN, form, **headers)


class Planted(Browser):
    """On plain HTTP, with cookies for a path, which come before those for all."""

    def __init__(self, root: Resource) -> None:
        super().__init__(root, secure=False)
        self.planted: dict[str, str] = {}

    def cookie_pairs(self) -> list[tuple[str, str]]:
        return [*self.planted.items(), *super().cookie_pairs()]


class PagesTestCase(SynchronousTestCase):
    """Our pages over a fake exchange, with two devices online."""

    #: Of the log-in page.
    address: PublicAddress | None = None

    def make_key_logins(self) -> KeyLogins | None:
        """Who lets people in by access keys, if there are any."""
        return None

    def make_landing(self) -> Landing | None:
        """Where log-ins lead to, if devices have hosts of their own."""
        return None

    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = FakeExchange()
        self.tunnel = self.exchange.tunnels["w00-008j"] = FakeTunnel()
        self.other = self.exchange.tunnels["other"] = FakeTunnel()
        self.systems = FakeSystems()
        self.sessions = SessionTable(self.clock.seconds)
        self.throttle = Throttle(self.clock.seconds)
        self.kept = Kept()
        login_pages = LoginPages(
            Authenticator(self.exchange, self.sessions, self.clock),
            self.sessions,
            self.systems,
            self.throttle,
            b"k" * 32,
            self.clock,
            the_pages(),
            self.kept,
            keys=self.make_key_logins(),
            landing=self.make_landing(),
            address=self.address,
        )
        self.root = make_root(
            login_pages,
            CommonPages(the_pages()),
            Echo(b"api"),
            Echo(b"health"),
            SessionState(self.sessions, self.systems, self.exchange, the_pages()),
        )
        self.browser = Browser(self.root)

    def failure(self, reply: Reply) -> Reply:
        """``reply`` after the wait that all failures have."""
        self.assertEqual(reply.status, 0, "answered at once")
        self.clock.advance(2.9)
        reply.flush()
        self.assertEqual(reply.status, 0, "answered before 3 s")
        self.clock.advance(0.1)
        reply.flush()
        return reply


class Echo(Resource):
    """Stands for a part that is tested elsewhere."""

    isLeaf = True

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self.name = name

    def render(self, request: IRequest) -> bytes:
        return self.name + b" " + b"/".join(request.postpath)
