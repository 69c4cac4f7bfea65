"""The languages of our pages, and which one a browser wants (RFC 9110 §12.5.4)."""

from __future__ import annotations

import re

SUPPORTED = ("en", "de", "pt")
DEFAULT = "en"
#: In their own words.
NAMES = {"en": "English", "de": "Deutsch", "pt": "Português"}

#: Of a longer field, only the start is read.
_MAX_LENGTH = 1_000
_RANGE = re.compile(
    r"\s*(?P<tag>\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*"
    r"(?:;\s*[qQ]=(?P<q>[01](?:\.[0-9]{0,3})?)\s*)?\Z"
)


def choose(accept_language: str | None) -> str:
    """
    The supported language that is wanted most: ``de-AT, en;q=0.8`` gives ``de``.

    Among equals the first one named counts; what can't be read is passed over;
    :data:`DEFAULT` where nothing fits.
    """
    wanted: dict[str, float] = {}
    for item in (accept_language or "")[:_MAX_LENGTH].split(","):
        match = _RANGE.match(item)
        if match is not None:
            tag = match["tag"].lower()
            quality = min(float(match["q"] or 1), 1.0)
            wanted[tag] = max(quality, wanted.get(tag, 0.0))
    if "*" in wanted:
        for language in SUPPORTED:
            wanted.setdefault(language, wanted["*"])
    offers = [language for language in wanted if language in SUPPORTED]
    best = max(offers, key=wanted.__getitem__, default=DEFAULT)
    return best if wanted.get(best) else DEFAULT
