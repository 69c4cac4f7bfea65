"""base64url without padding (RFC 7515, appendix C), in its one spelling."""

from __future__ import annotations

import base64
import binascii


def encode(data: bytes) -> str:
    """``data`` in base64url, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: bytes) -> bytes:
    """
    What :func:`encode` made ``text`` of.

    :raises ValueError: it made none such: padding, blanks, another alphabet, or
        bits in the last character that no byte takes, so that two texts would mean
        the same.
    """
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), b"-_")
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    # The decoder passes over what it doesn't know.
    if encode(data).encode("ascii") != text:
        raise ValueError("not base64url as it is written")
    return data
