"""What of a device's ``Set-Cookie`` (RFC 6265 §4.1) goes no further."""

from __future__ import annotations


def without_domain(value: bytes) -> bytes:
    """The value without ``Domain``: the cookie is for one host, never for others."""
    if b"domain" not in value.lower():
        return value
    first, *attributes = value.split(b";")
    kept = [a for a in attributes if a.partition(b"=")[0].strip().lower() != b"domain"]
    return b";".join((first, *kept))
