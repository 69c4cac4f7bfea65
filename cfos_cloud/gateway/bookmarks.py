"""
A page of a device that somebody opens without a session: the way to the log-in, and
back to that very page.

The address of the log-in carries what was wanted: ``?system=<label>&back=<path>``. A
device changes its state by GET with a query, and anybody can write such an address
into a link. So a query is only gone back to where this browser was on its way there
itself: the device's host has given it a cookie then, which nobody else can.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple
from urllib.parse import quote

from cfos_cloud.gateway import cookies
from cfos_cloud.gateway.addresses import Place, place_of
from cfos_cloud.hosts import DeviceHost

#: Bytes of a path, with its query, that one can come back to.
MAX_PATH = 2048
#: Seconds that somebody may take to log in, and still come back to a query.
COOKIE_SECONDS = 1800
#: Visible ASCII without a backslash, which browsers read as a slash, nor a fragment.
_PATH = re.compile(rb"/(?!/)[!\"$-\[\]-~]*\Z")
_DOTS = re.compile(rb"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)


class Bookmark(NamedTuple):
    """What the way to the log-in carries: its query, and a cookie if there is need."""

    query: bytes
    cookie: bytes | None


NO_BOOKMARK = Bookmark(b"", None)


def check_path(path: bytes) -> bytes | None:
    """
    ``path`` if it is one of a device, with a query or without; ``None``: it leads
    elsewhere, to a page of ours, or is no path that a browser would have sent.
    """
    if len(path) > MAX_PATH or _PATH.match(path) is None:
        return None
    # The browser would make another path of it.
    if _DOTS.search(path.partition(b"?")[0]) is not None:
        return None
    return path if place_of(path) is Place.DEVICE else None


def bookmark_of(
    device: DeviceHost, target: bytes, *, with_query: bool, secure: bool
) -> Bookmark:
    """
    For a request for ``target`` on ``device``'s host.

    :param with_query: whether the person wants it, as far as the browser says.
    """
    bare = target.partition(b"?")[0]
    path = (check_path(target) if with_query else None) or check_path(bare)
    query = b"?system=" + device.label.encode("ascii")
    if path is None or path == b"/":
        return Bookmark(query, None)
    query += b"&back=" + quote(path, safe="/").encode("ascii")
    if b"?" not in path:
        return Bookmark(query, None)
    return Bookmark(
        query,
        cookies.set_cookie(
            cookies.our_name(b"back", secure),
            mark_of(path),
            secure=secure,
            max_age=COOKIE_SECONDS,
        ),
    )


def mark_of(path: bytes) -> bytes:
    """The cookie's value for a path with a query."""
    digest = hashlib.sha256(path).digest()[:18]
    return base64.urlsafe_b64encode(digest)


def way_back(path: bytes, mark: bytes | None) -> bytes:
    """``path``; without its query where the cookie's value ``mark`` is another's."""
    bare, query, _ = path.partition(b"?")
    if not query or (mark is not None and hmac.compare_digest(mark, mark_of(path))):
        return path
    return bare
