"""
Our cookies among those of the devices (RFC 6265).

The browser keeps ours and the devices' in one jar. Ours never reach a device, and a
device never sets one of ours. All names that start as ours do are ours, whatever
their case: what a browser takes for a prefix (``__host-``) it compares so, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

#: The session's token; over TLS and on plain HTTP.
SESSION_TLS = b"__Host-cfos"
SESSION_PLAIN = b"cfos"

#: Cookies of one name that are looked at, at most.
MAX_FOUND = 20

_OURS = (b"__host-cfos", b"cfos")
#: Blanks and what else a lenient parser may skip before a name, ``=`` for the
#: cookie without a name, whose value a browser sends back as if it were one.
_SKIPPED = b' \t\r\n\x0b\x0c\x00"='
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}\Z")


def session_name(secure: bool) -> bytes:
    """The name under which the session's token is read and set."""
    return SESSION_TLS if secure else SESSION_PLAIN


def our_name(suffix: bytes, secure: bool) -> bytes:
    """The name of another cookie of ours, ``our_name(b"csrf", True)`` say."""
    return session_name(secure) + b"-" + suffix


def is_ours(name: bytes) -> bool:
    """Whether a cookie of this name is ours, or a reader could take it for ours."""
    return name.lstrip(_SKIPPED).lower().startswith(_OURS)


def strip_ours(cookie: bytes) -> bytes | None:
    """A ``Cookie`` field's value without our cookies; ``None``: nothing remains."""
    if b"cfos" not in cookie.lower():
        return cookie
    kept = [pair for pair in cookie.split(b";") if not is_ours(pair)]
    return b";".join(kept).strip(b" \t") or None


def find(cookie: bytes, name: bytes) -> bytes | None:
    """
    The value of the one cookie ``name`` in a ``Cookie`` field's value.

    ``None`` also where there are several that differ: on plain HTTP a device's page
    can set one of the same name for a path, and which one is ours can't be told.
    """
    found = find_all(cookie, name)
    return found[0] if len(found) == 1 else None


def find_all(cookie: bytes, name: bytes) -> list[bytes]:
    """
    The values that differ of all cookies ``name``, the last 20 of them: for what
    proves by itself which one is ours. Browsers send those for a path first.
    """
    if name not in cookie:
        return []
    found: dict[bytes, None] = {}
    for pair in cookie.split(b";"):
        key, equals, value = pair.partition(b"=")
        if equals and key.strip(b" \t") == name:
            found[value.strip(b" \t")] = None
    return list(found)[-MAX_FOUND:]


def sets_ours(set_cookie: bytes) -> bool:
    """Whether this value of a device's ``Set-Cookie`` is to be dropped."""
    return is_ours(set_cookie)


def set_cookie(
    name: bytes,
    value: bytes,
    *,
    secure: bool,
    max_age: int | None = None,
    same_site: bytes = b"Lax",
) -> bytes:
    """
    The value of ``Set-Cookie`` for a cookie of ours; without ``max_age`` (seconds)
    it ends with the browser, with 0 at once. ``same_site`` is ``Lax`` or ``Strict``.
    """
    parts = [name + b"=" + value, b"Path=/"]
    if max_age is not None:
        parts.append(b"Max-Age=%d" % max_age)
    if secure:
        parts.append(b"Secure")
    parts += [b"HttpOnly", b"SameSite=" + same_site]
    return b"; ".join(parts)


#: Foreign cookies that one answer expires at most, and ours that were planted.
MAX_EXPIRED = 50
MAX_DOUBLED = 10
#: Our pages, and the folders that they are in: where ours are never set.
_OUR_PATHS = (
    b"/ui",
    b"/ui/",
    b"/ui/%b",
    b"/ui/%b/",
    b"/ui/%b/cloud-login.htm",
    b"/ui/%b/cloud-logout.htm",
    b"/ui/%b/cloud-admin.htm",
    b"/ui/%b/cloud-keys.htm",
)


def expire_doubled(cookie: bytes, language: str) -> list[bytes]:
    """
    Values of ``Set-Cookie`` that delete what a device's page has planted among ours
    for our pages in ``language``, on plain HTTP. What came once stays, and so do ours,
    which are for all paths.
    """
    names = [pair.partition(b"=")[0].strip(b" \t") for pair in cookie.split(b";")]
    ours = Counter(name for name in names if _TOKEN.match(name) and is_ours(name))
    doubled = sorted(name for name, times in ours.items() if times > 1)
    folder = language.encode("ascii")
    return [
        name + b"=; Path=" + path.replace(b"%b", folder) + b"; Max-Age=0"
        for name in doubled[:MAX_DOUBLED]
        for path in _OUR_PATHS
    ]


def expire_foreign(
    cookie: bytes, paths: Iterable[bytes], *, secure: bool
) -> list[bytes]:
    """
    Values of ``Set-Cookie`` that delete the cookies of devices named in a ``Cookie``
    field's value. A cookie goes only by the path that it was set for, which the
    browser doesn't tell: so once for each of ``paths``.
    """
    names = {pair.partition(b"=")[0].strip(b" \t") for pair in cookie.split(b";")}
    foreign = sorted(name for name in names if _TOKEN.match(name) and not is_ours(name))
    ending = b"; Max-Age=0; Secure" if secure else b"; Max-Age=0"
    return [
        name + b"=; Path=" + path + ending
        for name in foreign[:MAX_EXPIRED]
        for path in paths
    ]
