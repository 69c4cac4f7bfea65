"""What a server's operator says of themselves on its pages: name, imprint, privacy."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

#: Characters of a name, and of a link.
MAX_NAME = 80
MAX_LINK = 2_000


class InvalidSiteInfo(ValueError):
    """A value that can't be shown or linked; the message is one line, with it."""


@dataclass(frozen=True)
class SiteInfo:
    """All that is ``None`` is not said. The links are ``http`` or ``https``."""

    operator_name: str | None = None
    imprint_url: str | None = None
    privacy_url: str | None = None

    def over(self, other: SiteInfo) -> SiteInfo:
        """What is said here, and ``other`` where nothing is."""
        return SiteInfo(
            self.operator_name or other.operator_name,
            self.imprint_url or other.imprint_url,
            self.privacy_url or other.privacy_url,
        )


def check_name(text: str) -> str:
    """
    A name without blanks around it.

    :raises InvalidSiteInfo: it is empty, too long, or has control characters.
    """
    name = text.strip()
    if not name:
        raise InvalidSiteInfo("the name is empty")
    if len(name) > MAX_NAME:
        raise InvalidSiteInfo(f"the name is longer than {MAX_NAME} characters")
    if not name.isprintable():
        raise InvalidSiteInfo(f"the name {name!r} has control characters")
    return name


def check_link(text: str) -> str:
    """
    A link that a page of ours may have: anything else than ``http`` and ``https``
    (``javascript:`` above all) has no place there.

    :raises InvalidSiteInfo: it is none.
    """
    link = text.strip()
    complaint = f"{_shortened(link)!r} is no address like https://example.org/imprint"
    if len(link) > MAX_LINK or not link.isprintable() or set(link) & set(' "<>\\^`{|}'):
        raise InvalidSiteInfo(complaint)
    try:
        parts = urlsplit(link)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise InvalidSiteInfo(complaint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSiteInfo(complaint)
    if parts.username is not None or not port_is_valid:
        raise InvalidSiteInfo(complaint)
    return link


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"
