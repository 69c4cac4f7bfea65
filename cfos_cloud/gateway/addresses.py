"""Which addresses are ours; all others are the device's."""

from __future__ import annotations

import re
from enum import Enum, auto

TUNNEL_PATH = b"/cloud/tunnel"
_PAGE = re.compile(rb"/ui/[a-z]{2}/cloud-(?:login|logout|admin|keys)\.htm\Z")
_LOGIN = re.compile(rb"/ui/[a-z]{2}/cloud-login\.htm(?:\?|\Z)")
_MEDIA_RANGE = re.compile(r"\s*([^\s;,]+)\s*((?:;[^,]*)?)\Z")
_ZERO_WEIGHT = re.compile(r";\s*q\s*=\s*0(?:\.0{0,3})?\s*(?:;|\Z)", re.IGNORECASE)


#: On a device's host: takes over a session (``ENTER_PATH/<code>``), or leads to the
#: log-in.
ENTER_PATH = b"/cloud/enter"


class Place(Enum):
    """Where a request goes, before anybody asks who sent it."""

    TUNNEL = auto()
    #: A page, asset or interface of ours.
    OURS = auto()
    #: Ours as long as there is no session.
    ROBOTS = auto()
    DEVICE = auto()


def place_of(target: bytes) -> Place:
    """The place of a request target (origin-form)."""
    if not target.startswith((b"/cloud/", b"/ui/", b"/robots.txt")):
        return Place.DEVICE
    path = target.partition(b"?")[0]
    if path == TUNNEL_PATH:
        return Place.TUNNEL
    if path.startswith(b"/cloud/") or _PAGE.match(path) is not None:
        return Place.OURS
    return Place.ROBOTS if path == b"/robots.txt" else Place.DEVICE


def without_secrets(target: bytes) -> bytes:
    """
    What a log may say of a request target: no query, and nothing of a code, which
    whoever reads it could use in its time.
    """
    path = target.partition(b"?")[0]
    return ENTER_PATH if path.startswith(ENTER_PATH) else path


def login_path(language: str) -> bytes:
    """The log-in page in ``language``."""
    return b"/ui/%b/cloud-login.htm" % language.encode("ascii")


def is_login(target: bytes) -> bool:
    """Whether a request target is the log-in page, with a query or without."""
    return _LOGIN.match(target) is not None


def logout_path(language: str) -> bytes:
    """Where one logs out."""
    return b"/ui/%b/cloud-logout.htm" % language.encode("ascii")


def accepts_html(accept: bytes | None) -> bool:
    """Whether an ``Accept`` field takes text/html (RFC 9110 §12.5.1)."""
    if accept is None:
        return True
    taken: dict[str, bool] = {}
    for item in accept.decode("latin-1").split(","):
        match = _MEDIA_RANGE.match(item)
        if match is not None:
            media, parameters = match.groups()
            taken[media.lower()] = _ZERO_WEIGHT.search(parameters) is None
    # The most specific range counts.
    for media in ("text/html", "text/*", "*/*"):
        if media in taken:
            return taken[media]
    return False
