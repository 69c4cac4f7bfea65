"""
Compact JWS (RFC 7515), ES256 and nothing else.

What a token looks like is checked here, before a library parses any of it; the
signature itself is PyJWT's affair.
"""

from __future__ import annotations

import re
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from cfos_cloud.keys import base64url
from cfos_cloud.keys.strict_json import parse_object

#: Bytes of a token; ours have about 300.
MAX_TOKEN = 2048
#: The one algorithm (RFC 7518 §3.4).
ALGORITHM: Final = "ES256"
#: Names that a header may have. Whatever else, ``jku``, ``jwk``, ``x5u``, ``x5c``,
#: ``crit``, ``b64``, ``zip``, ``cty``: there is no reason to say it to us.
HEADER_NAMES = frozenset({"alg", "kid", "typ"})

_SHAPE = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
#: Of ES256: r and s, 32 bytes each; never DER.
_SIGNATURE_BYTES = 64
_JWS = jwt.PyJWS(algorithms=[ALGORITHM])


class BadToken(Exception):
    """Why a token is refused, in one line for the log; never the token itself."""


def split(token: bytes) -> tuple[dict[str, object], bytes]:
    """
    Header and payload of ``token``, whose signature nobody has looked at yet.

    :raises BadToken: too long; not three parts in base64url, each in its one
        spelling; the header is no JSON object, or says anything but ``alg``
        ``ES256`` and, as texts, ``kid`` and ``typ``; or no signature of 64 bytes.
    """
    if len(token) > MAX_TOKEN:
        raise BadToken(f"longer than {MAX_TOKEN} bytes")
    shape = _SHAPE.fullmatch(token)
    if shape is None:
        raise BadToken("not a compact JWS")
    try:
        header_part, payload, signature = map(base64url.decode, shape.groups())
    except ValueError as error:
        raise BadToken(f"a part is {error}") from error
    try:
        header = parse_object(header_part)
    except ValueError as error:
        raise BadToken("header: not a JSON object with each name once") from error
    if not header.keys() <= HEADER_NAMES:
        raise BadToken("header: names that it must not have")
    if header.get("alg") != ALGORITHM:
        raise BadToken(f"header: not {ALGORITHM}")
    if not all(isinstance(value, str) for value in header.values()):
        raise BadToken("header: a value is no text")
    if len(signature) != _SIGNATURE_BYTES:
        raise BadToken(f"signature: not {_SIGNATURE_BYTES} bytes")
    return header, payload


def verify(
    token: bytes, public_key: ec.EllipticCurvePublicKey
) -> tuple[dict[str, object], bytes]:
    """
    Header and payload of ``token``, which ``public_key`` (P-256) has signed.

    ECDSA lets whoever has a signature make a second one that is as good: that the
    token is the one that was issued is for the caller to find out.

    :raises BadToken: as :func:`split`, or the signature is another's.
    """
    header, payload = split(token)
    try:
        _JWS.decode(token, public_key, algorithms=[ALGORITHM])
    except jwt.PyJWTError as error:
        raise BadToken("signature: wrong") from error
    return header, payload


def sign(payload: bytes, kid: str, private_key: ec.EllipticCurvePrivateKey) -> str:
    """A token of ``payload`` with the header ``alg``, ``kid`` and ``typ`` ``JWT``."""
    return _JWS.encode(payload, private_key, ALGORITHM, {"kid": kid, "typ": "JWT"})
