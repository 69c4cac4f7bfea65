"""The HTTP authentication scheme "Basic" (RFC 7617)."""

from __future__ import annotations

import base64
import binascii


def parse_basic(value: bytes) -> tuple[str, str]:
    """User and password of an ``Authorization``; both empty for anything else."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
