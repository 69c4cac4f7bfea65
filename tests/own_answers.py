"""What every answer of ours has to tell browsers, and no device's answer does."""

from __future__ import annotations

from collections.abc import Iterable

STRICT = "max-age=15768000"
_EXACTLY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}
_REFERRERS = ("same-origin", "no-referrer")
_POLICY = ("default-src 'none'", "form-action ", "frame-ancestors 'none'", "base-uri ")
_NEVER = ("unsafe", "*", "http:", "data:", "blob:")


def complaints(fields: Iterable[tuple[str, str]], *, strict: bool = False) -> list[str]:
    """What is wrong with an answer of ours with ``fields``, of names in any case."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value)
    wrong = [
        f"{name}: {found.get(name)}"
        for name, value in _EXACTLY.items()
        if found.get(name) != [value]
    ]
    for name in ("referrer-policy", "permissions-policy", "content-security-policy"):
        if len(found.get(name, ())) != 1:
            wrong.append(f"{name}: {found.get(name)}")
    referrer = found.get("referrer-policy", [""])[0]
    if referrer not in _REFERRERS:
        wrong.append(f"referrer-policy: {referrer}")
    permissions = found.get("permissions-policy", [""])[0]
    if not all(f"{each}=()" in permissions for each in ("camera", "geolocation")):
        wrong.append(f"permissions-policy: {permissions}")
    policy = found.get("content-security-policy", [""])[0]
    lacks = [part for part in _POLICY if part not in policy]
    has = [part for part in _NEVER if part in policy]
    if lacks or has:
        wrong.append(f"content-security-policy: {policy}")
    wanted = [STRICT] if strict else []
    if found.get("strict-transport-security", []) != wanted:
        wrong.append(f"not {wanted}, {found.get('strict-transport-security')}")
    if "server" in found or "x-powered-by" in found:
        wrong.append("it says who made it")
    return wrong
