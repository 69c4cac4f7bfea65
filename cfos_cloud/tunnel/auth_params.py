"""
The parameters in ``Authorization``, ``WWW-Authenticate`` and ``Authentication-Info``.

Read strictly and bounded, as RFC 9110 §11 has them; a value may be quoted or a
token, and an unquoted one may be base64 with its ``/`` and ``=``, as in the
examples of RFC 7804. Written with every value quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Longest header value that is read, in bytes.
MAX_VALUE_BYTES = 8 * 1024
#: Most schemes in one header value, and most parameters of one scheme.
MAX_SCHEMES = 8
MAX_PARAMS = 16

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_NAME})(?: +|(?=[ \t]*(?:,|\Z)))")
_PARAM = re.compile(
    rf"({_NAME})[ \t]*=[ \t]*"
    r'(?:"((?:[\t !#-\[\]-~]|\\[\t -~])*)"|([!#$%&\'*+.^_`|~0-9A-Za-z/-]+=*))'
)
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*|\Z)")
_QUOTED_PAIR = re.compile(r"\\(.)")
_NEEDS_BACKSLASH = re.compile(r'(["\\])')
_QUOTABLE = re.compile(r"[\t -~]*\Z")


class MalformedAuth(ValueError):
    """A header value that is not what RFC 9110 §11 allows, or too large."""


@dataclass(frozen=True)
class AuthMessage:
    """
    One scheme with its parameters: credentials, or one challenge.

    The names of parameters are in lower case; the scheme is as it was written,
    to be compared without regard to case.
    """

    scheme: str
    params: Mapping[str, str]

    def is_of(self, scheme: str) -> bool:
        """Whether this is a message of ``scheme``."""
        return self.scheme.lower() == scheme.lower()


def parse_message(value: bytes) -> AuthMessage:
    """
    ``value`` as one scheme with its parameters (``Authorization``).

    :raises MalformedAuth: it is something else.
    """
    messages = parse_challenges(value)
    if len(messages) != 1:
        raise MalformedAuth("more than one scheme")
    return messages[0]


def parse_challenges(value: bytes) -> list[AuthMessage]:
    """
    ``value`` as at least one scheme, each with its parameters
    (``WWW-Authenticate``, where a proxy may have joined several).

    :raises MalformedAuth: it is something else.
    """
    text = _text(value)
    messages: list[AuthMessage] = []
    at = 0
    while at < len(text) or not messages:
        scheme = _SCHEME.match(text, at)
        if scheme is None or len(messages) == MAX_SCHEMES:
            raise MalformedAuth("no scheme where one is due, or too many")
        params, at = _params(text, scheme.end())
        messages.append(AuthMessage(scheme[1], params))
    return messages


def parse_params(value: bytes) -> dict[str, str]:
    """
    ``value`` as parameters without a scheme (``Authentication-Info``).

    :raises MalformedAuth: it is something else.
    """
    text = _text(value)
    params, at = _params(text, 0)
    if at < len(text) or not params:
        raise MalformedAuth("not a list of parameters")
    return params


def format_message(scheme: str, params: Mapping[str, str]) -> bytes:
    """
    The header value of ``scheme`` with ``params``, in their order.

    :raises ValueError: a value holds what can't be quoted.
    """
    return scheme.encode("ascii") + b" " + format_params(params)


def format_params(params: Mapping[str, str]) -> bytes:
    """
    The header value of ``params`` alone, in their order.

    :raises ValueError: a value holds what can't be quoted.
    """
    return ", ".join(f"{name}={_quote(text)}" for name, text in params.items()).encode(
        "ascii"
    )


def _quote(text: str) -> str:
    if _QUOTABLE.match(text) is None:
        raise ValueError("a parameter with a control character or outside ASCII")
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", text) + '"'


def _text(value: bytes) -> str:
    if len(value) > MAX_VALUE_BYTES:
        raise MalformedAuth(f"more than {MAX_VALUE_BYTES} bytes")
    try:
        return value.decode("ascii").strip(" \t")
    except UnicodeDecodeError as error:
        raise MalformedAuth("not ASCII") from error


def _params(text: str, at: int) -> tuple[dict[str, str], int]:
    """The parameters from ``at`` on, and where the next scheme starts, or the end."""
    params: dict[str, str] = {}
    while (found := _PARAM.match(text, at)) is not None:
        name, quoted, plain = found[1].lower(), found[2], found[3]
        if name in params or len(params) == MAX_PARAMS:
            raise MalformedAuth("a parameter twice, or too many")
        params[name] = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        at = _separated(text, found.end())
    if not params:
        at = _separated(text, at)
    return params, at


def _separated(text: str, at: int) -> int:
    separator = _SEPARATOR.match(text, at)
    if separator is None:
        raise MalformedAuth("a comma is missing")
    if separator.end() == len(text) and "," in separator[0]:
        raise MalformedAuth("a comma at the end")
    return separator.end()
