"""Access keys at a gateway in memory: real tokens, rows in a dict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cfos_cloud.gateway.key_access import KeyAccesses
from cfos_cloud.gateway.key_requests import KeyGate
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.safe_fields import complete
from tests.gateway.support import Browser, DeviceCase
from tests.memory import Message

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "https://cloud.example.org"

UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)
REFUSED = b"HTTP/1.1 401 Unauthorized\r\n%bContent-Length: 0\r\n\r\n" % complete(
    b"Cache-Control: no-store\r\n"
)
READ = b"/api/json/charge"
#: An upload of nothing, and one of something.
EMPTY = (b"Content-Length: 0",)
BODY = (b"Content-Length: 2",)
CHUNKED = (b"Transfer-Encoding: chunked",)


@dataclass(frozen=True)
class Change:
    key: AccessKey


@dataclass
class Rows:
    """Stands for the registry's keys."""

    accesses: KeyAccesses | None = None
    rows: dict[str, AccessKey] = field(default_factory=dict)
    uses: list[tuple[str, str]] = field(default_factory=list)

    def get(self, key_id: str) -> AccessKey | None:
        return self.rows.get(key_id)

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None:
        for key in self.rows.values():
            if (key.cloud_id, key.consent) == (cloud_id, consent):
                return key
        return None

    def used(self, key_id: str, client: str) -> None:
        self.uses.append((key_id, client))

    def put(self, key: AccessKey) -> None:
        """A row is new, or another."""
        self.rows[key.id] = key
        self._tell(key)

    def remove(self, key: AccessKey) -> None:
        del self.rows[key.id]
        self._tell(key)

    def _tell(self, key: AccessKey) -> None:
        if self.accesses is not None:
            self.accesses.key_changed(Change(key))


@dataclass(frozen=True)
class Enabled:
    enabled: bool
    end_to_end: bool = False


@dataclass
class Stream:
    """Lives by an access, and does nothing else."""

    ended: int = 0

    def __hash__(self) -> int:
        return id(self)

    def abort(self) -> None:
        self.ended += 1


class KeyCase(DeviceCase):
    """The device is online, and keys of it, of another system and of the cloud."""

    def setUp(self) -> None:
        super().setUp()
        directory = Path(self.mktemp())
        directory.mkdir(mode=0o700)
        self.signing = SigningKeys.in_directory(directory, self.now)
        self.issuer = KeyIssuer(self.signing, ISSUER, self.now)
        self.rows = Rows()
        self.systems = {"W00-A": Enabled(True), "W00-B": Enabled(True)}
        self.accesses = self.rows.accesses = KeyAccesses(
            KeyAuthority(self.signing, ISSUER, self.rows, self.now),
            self.rows,
            self.systems,
            self.now,
        )
        self.exchange.when_revoked(self._revoked)
        self.gateway.keys = KeyGate(
            self.accesses, self.clock.seconds, self.exchange.session
        )
        self.app = self.browser()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds())

    def issue(
        self,
        role: Role = Role.ADMIN,
        cloud_id: str | None = "W00-A",
        *,
        seconds: float | None = None,
        authorised: bool = True,
    ) -> Issued:
        """A key; ``seconds`` is how long it lasts."""
        expires = None if seconds is None else self.now() + timedelta(seconds=seconds)
        issued = self.issuer.issue(cloud_id, "An application", role, expires)
        if authorised:
            issued = replace(issued, key=replace(issued.key, authorised=self.now()))
        self.rows.put(issued.key)
        return issued

    def revoke(self, issued: Issued) -> None:
        self.rows.put(replace(issued.key, revoked=self.now()))

    def suspend(self, issued: Issued) -> None:
        self.rows.put(replace(issued.key, authorised=None))

    def bearing(self, issued: Issued | str, *lines: bytes) -> tuple[bytes, ...]:
        """The fields of a request with this key."""
        token = issued if isinstance(issued, str) else issued.token
        return (b"Authorization: Bearer " + token.encode(), *lines)

    def used_by(self, browser: Browser, raw: bytes) -> bytes:
        """All that comes back for ``raw`` while the device says nothing."""
        browser.send(raw)
        self.pump()
        return browser.wire.take()

    def answered(self, body: bytes = b"ok") -> Message:
        """The device's answer to the application's last request."""
        self.stream.answer(body)
        self.pump()
        return self.app.one()

    def _revoked(self, cloud_id: str, grant: str) -> None:
        key = self.accesses.grant_revoked(cloud_id, grant)
        if key is not None:
            self.rows.put(replace(key, authorised=None))
