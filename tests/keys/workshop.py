"""A server's keys in a directory, tokens of them, and such as it never made."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from cfos_cloud.keys import base64url
from cfos_cloud.keys.authority import KeyAuthority
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.signing import SigningKey, SigningKeys

ISSUER = "urn:cfos-cloud:abcdefghijklmnopqrstuv"
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
#: Order of P-256's group (FIPS 186-4, D.1.2.3).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass
class Clock:
    """A clock on the wall, which can be set."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Rows:
    """A directory of keys, without a database."""

    rows: dict[str, AccessKey] = field(default_factory=dict)

    def get(self, key_id: str) -> AccessKey | None:
        return self.rows.get(key_id)

    def put(self, key: AccessKey) -> None:
        self.rows[key.id] = key


class Workshop:
    """All that makes and judges keys, composed as the server does it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.clock = Clock()
        self.rows = Rows()
        self.signing = SigningKeys.in_directory(directory, self.clock)
        self.issuer = KeyIssuer(self.signing, ISSUER, self.clock)
        self.authority = KeyAuthority(self.signing, ISSUER, self.rows, self.clock)

    @property
    def path(self) -> Path:
        return self.directory / "signing-keys.json"

    def issue(
        self,
        cloud_id: str | None = "CFOS-1",
        role: Role = Role.API,
        expires: datetime | None = None,
    ) -> Issued:
        """A key whose row is there, pending."""
        issued = self.issuer.issue(cloud_id, "Home Assistant", role, expires)
        self.rows.put(issued.key)
        return issued

    def working(
        self,
        cloud_id: str | None = "CFOS-1",
        role: Role = Role.API,
        expires: datetime | None = None,
    ) -> Issued:
        """A key that somebody has authorised."""
        issued = self.issue(cloud_id, role, expires)
        key = replace(issued.key, authorised=self.clock())
        self.rows.put(key)
        return replace(issued, key=key)


def parts(token: str | bytes) -> list[bytes]:
    """Header, payload and signature, as bytes."""
    text = token.encode() if isinstance(token, str) else token
    return [base64url.decode(part) for part in text.split(b".")]


def join(header: bytes, payload: bytes, signature: bytes) -> bytes:
    """A token of these."""
    encoded = map(base64url.encode, (header, payload, signature))
    return ".".join(encoded).encode()


def compact(value: object) -> bytes:
    """JSON as tokens have it; NaN, too."""
    return json.dumps(value, separators=(",", ":")).encode()


def header_of(key: SigningKey, **changes: object) -> bytes:
    """Our header, with changes; ``None`` leaves a name out."""
    header = {"alg": "ES256", "kid": key.kid, "typ": "JWT", **changes}
    return compact({name: value for name, value in header.items() if value is not None})


def signed(key: SigningKey, header: bytes, payload: bytes) -> bytes:
    """A token whose signature is right, whatever is in it."""
    return join(header, payload, raw(sign_der(key, header, payload)))


def sign_der(key: SigningKey, header: bytes, payload: bytes) -> bytes:
    """ES256 over both, in DER, which JWS is not."""
    text = f"{base64url.encode(header)}.{base64url.encode(payload)}".encode()
    return key.private_key.sign(text, ec.ECDSA(hashes.SHA256()))


def raw(der: bytes) -> bytes:
    """r and s of a signature in DER, 32 bytes each."""
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def mirrored(token: str) -> bytes:
    """The other token that is signed as well: (r, n − s) for (r, s)."""
    header, payload, signature = parts(token)
    s = ORDER - int.from_bytes(signature[32:], "big")
    return join(header, payload, signature[:32] + s.to_bytes(32, "big"))


def with_secret(header: bytes, payload: bytes, secret: bytes, name: str) -> bytes:
    """A token under an HMAC."""
    text = f"{base64url.encode(header)}.{base64url.encode(payload)}".encode()
    return join(header, payload, hmac.digest(secret, text, getattr(hashlib, name)))


def claims_of(issued: Issued, changes: Mapping[str, object] | None = None) -> bytes:
    """What the token says, with changes; ``...`` leaves a name out."""
    claims = json.loads(parts(issued.token)[1]) | dict(changes or {})
    return compact({name: value for name, value in claims.items() if value is not ...})
