"""
What a device may clear of what the browser keeps for this origin (Clear-Site-Data).

The origin is ours too: to clear its cookies would end the session.
"""

from __future__ import annotations

import re

#: One directive, in a form that all browsers read alike.
_DIRECTIVE = re.compile(rb'"([A-Za-z][A-Za-z0-9:._-]*)"\Z')
_OURS = frozenset({b"cookies"})


def without_ours(clear_site_data: bytes) -> bytes | None:
    """
    A ``Clear-Site-Data`` field's value without what would clear our cookies, ``"*"``
    included; ``None``: nothing remains.
    """
    kept = []
    for item in clear_site_data.split(b","):
        match = _DIRECTIVE.match(item.strip(b" \t"))
        if match is not None and match[1].lower() not in _OURS:
            kept.append(match[0])
    return b", ".join(kept) or None
