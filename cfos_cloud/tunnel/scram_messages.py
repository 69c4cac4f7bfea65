"""SCRAM messages as parameters of HTTP's authentication headers (RFC 7804 §5)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping

REALM = "cfos-tunnel"
PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"
BINDING_TYPE = "tls-server-end-point"

#: Longest ``data`` parameter, in characters of base64.
MAX_DATA_CHARACTERS = 4 * 1024


class MalformedMessage(Exception):
    """Something in a message is not as it must be; the text is for our side only."""


def encoded(message: str) -> str:
    """``message`` as the value of ``data``."""
    return b64encode(message.encode("utf-8")).decode("ascii")


def decoded(params: Mapping[str, str]) -> str:
    """
    The message in ``data``.

    :raises MalformedMessage: absent, too long, or not standard base64 of UTF-8.
    """
    data = params.get("data", "")
    if not 0 < len(data) <= MAX_DATA_CHARACTERS:
        raise MalformedMessage("no data, or too much")
    try:
        return b64decode(data, validate=True).decode("utf-8")
    except (Base64Error, UnicodeDecodeError) as error:
        raise MalformedMessage("data is not base64 of UTF-8") from error


def check_realm(params: Mapping[str, str]) -> None:
    """
    A realm may be left out, but not be another.

    :raises MalformedMessage: it is another.
    """
    if params.get("realm", REALM) != REALM:
        raise MalformedMessage("another realm")
