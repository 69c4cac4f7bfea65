"""A whole site in memory: its sockets, its files, and a cloud that is played."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.accounts import Accounts
from cfos_cloud.demo.site.cloud_service import CloudService
from cfos_cloud.demo.site.front import SiteFactory
from cfos_cloud.demo.site.model.simulation import Simulation
from cfos_cloud.demo.site.pages import SitePages
from cfos_cloud.demo.site.settings import CloudSettings, SiteSettings
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.sockets import Sockets, make_sockets
from cfos_cloud.demo.site.store import SettingsStore, save_settings
from cfos_cloud.device.argon2_hash import SALT_BYTES, Recipe
from cfos_cloud.device.status import DeviceState, DeviceStatus, StatusListener
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.ui import ui_directory
from tests.memory import MemoryTransport, Message, parse_messages
from tests.registry.support import InlineWorker

NOW = 1_795_317_557.25
PASSWORD = "adminsecret"
GUEST_ID = "1234567890"
BERT_ID = "0987654321"
#: As the device end says it.
LOG_IN = "https://cloud.example.org:4443/ui/en/cloud-login.htm"
#: What the site knows its device end by.
DOOR = "open sesame"
Fields = Sequence[tuple[str, str]]
#: What the pages' scripts send with changes.
SCRIPT: Fields = (("X-Requested-With", "site"),)
FORM: Fields = (("Content-Type", "application/x-www-form-urlencoded"),)

_CHEAP = Recipe(bytes(SALT_BYTES), memory_kib=8, passes=1)


def basic(user: str, password: str) -> Fields:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (("Authorization", f"Basic {text}"),)


def cloud(role: str, user: str, url: str = LOG_IN) -> Fields:
    """As the device end asks."""
    said = (("Cfos-Role", role), ("Cfos-User", user), ("Cfos-Cloud", url))
    return said if role == "user" else (*said, ("Site-Door", DOOR))


ADMIN = basic("admin", PASSWORD)
GUEST = basic("user", GUEST_ID)


@cache
def the_pages() -> SitePages:
    return SitePages(ui_directory())


class FakeEnd:
    """A device end that does what the test says."""

    def __init__(self, settings: CloudSettings, told: StatusListener) -> None:
        self.settings = settings
        self.told = told
        self.is_running = False
        self.stopped: Deferred[None] | None = None
        #: Whether it ends as soon as it is told to.
        self.is_prompt = True

    def startService(self) -> None:
        self.is_running = True
        self.told(DeviceStatus(DeviceState.CONNECTING, NOW))

    def stopService(self) -> Deferred[None]:
        self.is_running = False
        if self.is_prompt:
            self.told(DeviceStatus(DeviceState.OFF, NOW))
            return succeed(None)
        self.stopped = Deferred()
        return self.stopped


class MemorySite:
    """
    The site after its first minute, with two users.

    :param now: what its clock shows.
    :param ran: for how many seconds it has run.
    """

    def __init__(
        self,
        directory: Path,
        password: str = PASSWORD,
        *,
        now: float = NOW,
        ran: int = 60,
        seed: int = 1,
    ) -> None:
        directory.mkdir()
        self.directory = directory
        self.clock = Clock()
        self.clock.advance(now)
        users = {"guest": GUEST_ID, "bert": BERT_ID}
        lines = [f"{name}:{_CHEAP.hash(id_)}\n" for name, id_ in users.items()]
        (directory / "users").write_text("".join(lines))
        (directory / "admin-password").write_text(f"{password}\n")
        save_settings(
            directory, SiteSettings("W00-008J", users={"guest": "E1", "bert": "E2"})
        )
        worker = InlineWorker()
        store = SettingsStore(directory, worker)
        accounts = Accounts(directory, worker, self.clock.seconds)
        chance = Random(seed)  # noqa: S311 - cars, no secrets
        simulation = Simulation(
            now - ran, 14_000, chance, user_of=lambda box: store.settings.user_of(box)
        )
        simulation.stage()
        self.ends: list[FakeEnd] = []
        self.site = ChargingSite(
            simulation,
            store,
            accounts,
            CloudService(self._make_end, self.clock.seconds),
            self.clock.seconds,
        )
        for second in range(1, ran + 1):
            self.site.tick(now - ran + second)
        self.sockets: Sockets = make_sockets(
            self.site, the_pages(), self.clock, self.clock.seconds, DOOR
        )

    def _make_end(self, settings: CloudSettings, told: StatusListener) -> FakeEnd:
        self.ends.append(FakeEnd(settings, told))
        return self.ends[-1]

    def connect(
        self, *, through_cloud: bool = False, source: str = "192.0.2.7"
    ) -> tuple[RequestChannel, MemoryTransport]:
        """A connection to one of the sockets."""
        factory: SiteFactory = (
            self.sockets.cloud if through_cloud else self.sockets.local
        )
        channel = factory.buildProtocol(IPv4Address("TCP", source, 50_000))
        transport = MemoryTransport()
        channel.makeConnection(transport)
        return channel, transport

    def settle(self) -> None:
        """Let what is due happen."""
        for _ in range(20):
            self.clock.advance(0)

    def ask(
        self,
        method: str,
        path: str,
        fields: Fields = (),
        body: bytes = b"",
        *,
        source: str = "192.0.2.7",
    ) -> Message:
        """One request on a connection of its own, and its answer."""
        through_cloud = any(name.startswith("Cfos-") for name, _ in fields)
        channel, transport = self.connect(through_cloud=through_cloud, source=source)
        host = "127.0.0.1:4711" if through_cloud else "site"
        channel.dataReceived(request(method, path, fields, body, host))
        self.settle()
        messages = parse_messages(transport.take(), bodiless=method == "HEAD")
        return messages[-1]


def request(
    method: str, path: str, fields: Fields = (), body: bytes = b"", host: str = "site"
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class SiteTestCase(SynchronousTestCase):
    """Tests with a site in memory."""

    def setUp(self) -> None:
        self.memory = MemorySite(Path(self.mktemp()))
        self.site = self.memory.site
        self.clock = self.memory.clock

    def get(self, path: str, fields: Fields = ADMIN) -> Message:
        return self.memory.ask("GET", path, fields)

    def get_json(self, path: str, fields: Fields = ADMIN, status: int = 200) -> Any:
        answer = self.get(path, fields)
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.get(b"content-type"), b"application/json")
        self.assertEqual(answer.get(b"cache-control"), b"no-store")
        return json.loads(answer.body)

    def send_json(
        self,
        path: str,
        document: object,
        fields: Fields = ADMIN,
        *,
        method: str = "POST",
        status: int = 200,
    ) -> Any:
        body = json.dumps(document).encode()
        answer = self.memory.ask(method, path, (*fields, *SCRIPT), body)
        self.assertEqual(answer.status, status, answer)
        return json.loads(answer.body) if answer.body else None

    def send_form(
        self, path: str, fields: str, who: Fields = ADMIN, more: Fields = ()
    ) -> Message:
        return self.memory.ask("POST", path, (*who, *FORM, *more), fields.encode())
