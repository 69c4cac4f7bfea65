"""What our tokens say: a profile of JWT (RFC 7519) by the advice of RFC 8725."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeGuard

from cryptography.hazmat.primitives.asymmetric import ec

from cfos_cloud.keys import jws
from cfos_cloud.keys.jws import BadToken
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.strict_json import parse_object

_NAMES = {"iss", "sub", "role", "jti", "iat"}
#: Seconds since 1970 at the end of the year 9999, the last that Python knows.
_LAST_SECOND = 253_402_300_799


@dataclass(frozen=True)
class Claims:
    """What a token says; of the times, whole seconds."""

    #: ``kid`` of the header: the signing key that it is under.
    kid: str
    #: ``iss``: the server that made it.
    issuer: str
    #: ``sub``: a Cloud ID, or ``cloud``.
    subject: str
    role: Role
    #: ``jti``: the row that is its authority.
    id: str
    #: ``iat``
    issued: datetime
    #: ``exp``
    expires: datetime | None


def encode(claims: Claims, private_key: ec.EllipticCurvePrivateKey) -> str:
    """The token that says ``claims``, signed."""
    said: dict[str, object] = {
        "iss": claims.issuer,
        "sub": claims.subject,
        "role": claims.role.value,
        "jti": claims.id,
        "iat": int(claims.issued.timestamp()),
    }
    if claims.expires is not None:
        said["exp"] = int(claims.expires.timestamp())
    payload = json.dumps(said, separators=(",", ":")).encode("utf-8")
    return jws.sign(payload, claims.kid, private_key)


def decode(
    token: bytes, find: Callable[[str], ec.EllipticCurvePublicKey | None]
) -> Claims:
    """
    What ``token`` says, which is signed by the key that ``find`` has for its ``kid``.
    Whether it is so, and still is, the claims alone don't tell.

    :raises BadToken: its shape; its header isn't exactly ours; there is no such key,
        or another has signed; a claim is missing, is of a type or value that ours
        don't have, or is one too many.
    """
    header, _ = jws.split(token)
    kid = header.get("kid")
    if header.get("typ") != "JWT" or not _is_text(kid):
        raise BadToken("header: not alg, kid and typ JWT")
    public_key = find(kid)
    if public_key is None:
        raise BadToken("header: a signing key that is unknown")
    _, payload = jws.verify(token, public_key)
    try:
        said = parse_object(payload)
    except ValueError as error:
        raise BadToken("claims: not a JSON object") from error
    if said.keys() - {"exp"} != _NAMES:
        raise BadToken("claims: not those of ours")
    try:
        role = Role(_text(said, "role"))
    except ValueError as error:
        raise BadToken("claims: role is none") from error
    return Claims(
        kid=kid,
        issuer=_text(said, "iss"),
        subject=_text(said, "sub"),
        role=role,
        id=_text(said, "jti"),
        issued=_time(said, "iat"),
        expires=_time(said, "exp") if "exp" in said else None,
    )


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _text(said: dict[str, object], name: str) -> str:
    value = said[name]
    if not _is_text(value):
        raise BadToken(f"claims: {name} is no text")
    return value


def _time(said: dict[str, object], name: str) -> datetime:
    value = said[name]
    # A bool is an int to Python, and NumericDate may be a float: ours never are.
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:
        raise BadToken(f"claims: {name} is no time")
    return datetime.fromtimestamp(value, UTC)
