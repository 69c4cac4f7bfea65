"""A gateway in memory: browsers at one side, scripted devices at the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from cfos_cloud.gateway.client import ProxyTrust, parse_network
from cfos_cloud.gateway.door import TunnelDoor
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.front import REVOCATION_SECONDS
from cfos_cloud.gateway.gateway import FrontFactory, Gateway
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.scram import FakeVerifiers
from cfos_cloud.ui import ui_directory
from tests.memory import MemoryTransport, Message, parse_messages
from tests.tunnel.support import GRANT, DeviceStream, MemoryTunnel, make_tunnel

HOST = b"cloud.example.org"
LAST_SEEN = datetime(2026, 11, 4, 14, 5, tzinfo=UTC)
HTML = b"Accept: text/html"
JSON = b"Accept: application/json"


@cache
def the_error_pages() -> ErrorPages:
    return ErrorPages(Pages(ui_directory()))


class OurPages(Resource):
    """Stands for all that is not the device's."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> bytes:
        self.requests.append(request)
        words = (b"ours", request.method, request.path)
        address: bytes = request.client_address.encode()
        return b" ".join((*words, address, b"https" if request.secure else b"http"))


@dataclass(frozen=True)
class Note:
    name: str
    last_seen: datetime | None
    end_to_end: bool = False


class Directory:
    """One system that has a name, one that has none, and one that is end to end."""

    systems = {  # noqa: RUF012
        "w00-a": Note("Carport <b>", LAST_SEEN),
        "w00-b": Note("", None),
        "w00-sealed": Note("", None, end_to_end=True),
    }

    def get(self, cloud_id: str) -> Note | None:
        return self.systems.get(cloud_id.lower())


class Browser:
    """One connection; it has the cookie of ``session``."""

    def __init__(
        self,
        factory: FrontFactory,
        clock: Clock,
        address: str,
        secure: bool,
        wire: MemoryTransport | None = None,
    ) -> None:
        self.clock = clock
        self.secure = secure
        self.session: Session | None = None
        self.wire = MemoryTransport() if wire is None else wire
        self.channel = factory.buildProtocol(IPv4Address("TCP", address, 50_000))
        self.channel.makeConnection(self.wire)

    def head(
        self,
        target: bytes = b"/page",
        *lines: bytes,
        method: bytes = b"GET",
        host: bytes = HOST,
    ) -> bytes:
        """A request's head, with our cookie if there is a session."""
        out = [b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *lines]
        if self.session is not None:
            name = b"__Host-cfos" if self.secure else b"cfos"
            out.append(b"Cookie: %b=%b" % (name, self.session.token))
        return b"\r\n".join((*out, b"", b""))

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def ask(self, *head: bytes, **more: bytes) -> None:
        """Send a request without a body."""
        self.send(self.head(*head, **more))

    def got(self, *, bodiless: bool = False) -> list[Message]:
        """The answers since the last call."""
        return parse_messages(self.wire.take(), bodiless=bodiless)

    def one(self, *, bodiless: bool = False) -> Message:
        """The one answer since the last call."""
        [message] = self.got(bodiless=bodiless)
        return message

    def fetch(self, *head: bytes, **more: bytes) -> Message:
        """A request that is answered at once."""
        self.ask(*head, **more)
        self.clock.advance(0)
        return self.one(bodiless=more.get("method") == b"HEAD")

    def leave(self, *, clean: bool = True) -> None:
        why = ConnectionDone() if clean else ConnectionLost()
        self.channel.connectionLost(Failure(why))


class GatewayCase(SynchronousTestCase):
    """A gateway with nobody online."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pages = OurPages()
        self.exchange = Exchange()
        self.sessions = SessionTable(self.clock.seconds)
        self.exchange.when_revoked(self.sessions.end_grant)
        door = TunnelDoor(
            lambda cloud_id: None,
            FakeVerifiers(b"secret"),
            self.exchange,
            Throttle(self.clock.seconds),
            self.clock,
        )
        self.gateway = Gateway(
            clock=self.clock,
            exchange=self.exchange,
            systems=Directory(),
            sessions=self.sessions,
            door=door,
            error_pages=the_error_pages(),
            site=Site(self.pages),
            proxies=ProxyTrust([parse_network("10.0.0.0/8")]),
        )

    def browser(
        self,
        session: Session | None = None,
        *,
        address: str = "203.0.113.7",
        secure: bool = True,
    ) -> Browser:
        factory = FrontFactory(self.gateway, secure=secure)
        browser = Browser(factory, self.clock, address, secure)
        browser.session = session
        return browser

    def log_in(self, cloud_id: str = "W00-A", grant: str = GRANT) -> Session:
        return self.sessions.create(cloud_id, grant, "admin", "admin", "203.0.113.7")


class DeviceCase(GatewayCase):
    """A device that is online, and a browser that is logged in to it."""

    def setUp(self) -> None:
        super().setUp()
        self.tunnel = make_tunnel(self.clock, self.exchange)
        self.session = self.log_in()
        self.user = self.browser(self.session)

    def pump(self) -> None:
        self.tunnel.pump()

    @property
    def streams(self) -> list[DeviceStream]:
        """All that the device has seen of streams."""
        return self.tunnel.device.streams

    @property
    def stream(self) -> DeviceStream:
        return self.streams[-1]

    def ask(self, *head: bytes, **more: bytes) -> DeviceStream:
        """A request of the user's: the stream on which it reached the device."""
        self.user.ask(*head, **more)
        self.pump()
        return self.stream

    def serve(self, body: bytes = b"ok", *head: bytes, **more: bytes) -> Message:
        """A request of the user's, and its answer by the device."""
        self.ask(*head, **more).answer(body)
        self.pump()
        return self.user.one()

    def revocation_over(self) -> None:
        """The time in which a device may say why it has reset a stream."""
        self.clock.advance(REVOCATION_SECONDS)

    def newcomer(self) -> MemoryTunnel:
        """Another device end of the same system takes over."""
        old, self.tunnel = self.tunnel, make_tunnel(self.clock, self.exchange)
        old.pump()
        return old
