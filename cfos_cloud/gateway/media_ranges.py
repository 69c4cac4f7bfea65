"""Does a client want JSON or a page for people? (``Accept``, RFC 9110 §12.5.1)"""

from __future__ import annotations

_JSON = (b"application/json", b"application/problem+json")
_HTML = (b"text/html", b"application/xhtml+xml")
#: Of a longer field, only the start is read.
_MAX_LENGTH = 2_000


def prefers_json(accept: bytes | None) -> bool:
    """
    Whether JSON is named, and HTML is not, or is wanted less. Wildcards name
    nothing: a browser's ``fetch`` and curl send ``*/*`` whatever they expect.
    """
    if not accept or b"json" not in accept.lower():
        return False
    json = html = 0.0
    for item in accept[:_MAX_LENGTH].lower().split(b","):
        media_type, *parameters = (part.strip() for part in item.split(b";"))
        quality = _quality(parameters)
        if media_type in _JSON:
            json = max(json, quality)
        elif media_type in _HTML:
            html = max(html, quality)
    return json > html


def _quality(parameters: list[bytes]) -> float:
    for parameter in parameters:
        if parameter.startswith(b"q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
