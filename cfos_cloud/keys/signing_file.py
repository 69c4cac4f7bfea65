"""Signing keys as a file: a JWK Set of private keys (RFC 7517, RFC 7518 §6.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from cfos_cloud.keys import base64url
from cfos_cloud.keys.jws import ALGORITHM
from cfos_cloud.keys.strict_json import parse_object
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret
from cfos_cloud.timestamps import rfc3339

_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Of x, y and d on P-256.
_NUMBER_BYTES = 32
#: Permissions of group and others.
_OTHERS = 0o077


@dataclass(frozen=True)
class SigningKey:
    """A private key on P-256, and what it is called in the header of tokens."""

    kid: str
    #: Aware, whole seconds.
    created: datetime
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What verifies."""
        return self.private_key.public_key()


def exists(path: Path) -> bool:
    """Whether something is there, be it a link to nowhere."""
    return path.exists() or path.is_symlink()


def read(path: Path) -> list[SigningKey]:
    """
    The keys in ``path``, at least one.

    :raises SecretFileError: can't be read, may be read by others, or is damaged.
    """
    text = read_secret(path)
    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        raise SecretFileError(
            f"{path} is open to others (mode {mode:04o}): make it 0600, and if "
            "somebody may have read it, drop its signing keys"
        )
    try:
        return _parse(text)
    except ValueError as error:
        raise SecretFileError(
            f"{path} is damaged ({error}): restore it from a backup, or remove it, "
            "which ends all access keys"
        ) from error


def write(path: Path, keys: Iterable[SigningKey]) -> None:
    """
    Replace ``path`` as a whole by ``keys``, for its owner's eyes only.

    :raises OSError: it can't be written; the old content stays.
    """
    jwks = {"keys": [_to_jwk(key) for key in keys]}
    write_secret(path, json.dumps(jwks, indent=1) + "\n")


def _to_jwk(key: SigningKey) -> dict[str, object]:
    return {
        **ECAlgorithm.to_jwk(key.private_key, as_dict=True),
        "kid": key.kid,
        "alg": ALGORITHM,
        "use": "sig",
        "created": rfc3339(key.created),
    }


def _parse(text: str) -> list[SigningKey]:
    entries = parse_object(text.encode("utf-8")).get("keys")
    if not isinstance(entries, list) or not entries:
        raise ValueError("no keys in it")
    keys = [_of_jwk(entry) for entry in entries]
    if len({key.kid for key in keys}) != len(keys):
        raise ValueError("two keys of one kid")
    return keys


def _of_jwk(entry: object) -> SigningKey:
    if not isinstance(entry, dict):
        raise ValueError("a key is no object")
    wanted = {"kty": "EC", "crv": "P-256", "alg": ALGORITHM, "use": "sig"}
    if any(entry.get(name) != value for name, value in wanted.items()):
        raise ValueError(f"a key is not for {ALGORITHM}")
    kid, created = entry.get("kid"), entry.get("created")
    if not isinstance(kid, str) or _KID.fullmatch(kid) is None:
        raise ValueError("a key has no proper kid")
    if not isinstance(created, str):
        raise ValueError(f"key {kid} doesn't say when it was made")
    when = datetime.fromisoformat(created)
    if when.tzinfo is None:
        raise ValueError(f"key {kid} doesn't say when it was made")
    numbers = {name: _number(entry, name) for name in ("x", "y", "d")}
    try:
        private = ec.derive_private_key(numbers["d"], ec.SECP256R1())
    except ValueError as error:
        raise ValueError(f"key {kid} is none on P-256") from error
    public = private.public_key().public_numbers()
    if (public.x, public.y) != (numbers["x"], numbers["y"]):
        raise ValueError(f"key {kid}: its public part is another's")
    return SigningKey(kid, when, private)


def _number(entry: dict[str, object], name: str) -> int:
    value = entry.get(name)
    data = base64url.decode(value.encode()) if isinstance(value, str) else b""
    if len(data) != _NUMBER_BYTES:
        raise ValueError(f"{name} of a key is not {_NUMBER_BYTES} bytes")
    return int.from_bytes(data, "big")
