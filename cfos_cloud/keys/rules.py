"""
What a key may ask for, and how it is presented (RFC 6750 §2.1).

The server asks :func:`may_use`, and the device end asks again. A target that a device
could read in two ways is refused: one that undoes escapes, or ``..``, must not be led
elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from cfos_cloud.keys import cnf
from cfos_cloud.keys.key import Role

_BEARER = b"Bearer "
#: Below here is what a key of the role ``api`` may read.
_API = b"/api/json/"
_READING = frozenset({b"GET", b"HEAD"})
#: A part of a path between two slashes (RFC 3986 §3.3), but no ``;``, whose meaning
#: differs between servers.
_SEGMENT = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+")
_ESCAPED = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
#: What must not be the meaning of an escape: with these a path has another shape.
_SHAPING = frozenset("./\\%;?#")
#: What may stand behind the ``?``: visible ASCII, with no second target in it.
_QUERY = re.compile(rb"[!-\"$-~]*")


def bearer_of(values: Sequence[bytes]) -> bytes | None:
    """
    The token in ``values``, those of all ``Authorization`` fields of a request:
    exactly one, spelled ``Bearer `` exactly, with one blank; else ``None``. What
    follows may be anything.
    """
    if len(values) != 1 or not values[0].startswith(_BEARER):
        return None
    token = values[0].removeprefix(_BEARER)
    return None if token[:1] in (b"", b" ", b"\t") else token


def may_use(
    role: Role,
    method: bytes,
    target: bytes,
    *,
    upgrade: bool,
    has_body: bool,
    profile: str | None = None,
) -> bool:
    """
    Whether a key of ``role`` may send this request: ``target`` as it is in the
    request's first line; ``upgrade`` and ``has_body`` tell whether it has such fields,
    be the body empty; ``profile`` is what the device end says of its device.

    ``ADMIN`` may everything. ``API`` may read: GET and HEAD of what is strictly below
    ``/api/json/``, with any query, and at a device of the profile ``cfos`` what
    :func:`cnf.reads` knows.
    """
    if role is Role.ADMIN:
        return True
    if method not in _READING or upgrade or has_body:
        return False
    if profile == cnf.PROFILE and cnf.reads(target):
        return True
    path, _, query = target.partition(b"?")
    if not path.startswith(_API) or _QUERY.fullmatch(query) is None:
        return False
    return is_plain_path(path.removeprefix(_API))


def is_plain_path(path: bytes) -> bool:
    """
    Whether every reader takes ``path``, which has no slash in front, for the same
    names; a slash at its end is none.
    """
    first, *others = path.split(b"/")
    if others and others[-1] == b"":
        others.pop()
    return all(_is_plain(segment) for segment in (first, *others))


def _is_plain(segment: bytes) -> bool:
    """Whether every reader takes ``segment`` for the same one name."""
    if _SEGMENT.fullmatch(segment) is None:
        return False
    if not all(_is_harmless(escaped) for escaped in _ESCAPED.findall(segment)):
        return False
    # There are systems on which blanks and dots at the end of a name don't count.
    return unquote_to_bytes(segment).strip(b". ") != b""


def _is_harmless(escaped: bytes) -> bool:
    try:
        text = unquote_to_bytes(escaped).decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Some readers fold characters: a full-width dot is a dot then.
    folded = unicodedata.normalize("NFKC", text)
    return text.isprintable() and _SHAPING.isdisjoint(folded)
