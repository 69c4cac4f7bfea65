"""What browsers are told with every answer of ours, page or not; no device's answer."""

from __future__ import annotations

#: Seconds that a browser then uses TLS alone: half a year. Longer, and whoever goes
#: back to a certificate of the server's own would keep people out for longer.
STRICT_SECONDS = 15_768_000

#: Fields of every answer of ours, assets and JSON included.
COMMON_FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"X-Robots-Tag", b"noindex, nofollow"),
)

#: Of every answer that a browser could show. ``Referrer-Policy`` is not
#: ``no-referrer``: under it a form sends ``Origin: null``, which nobody can tell from a
#: stranger's.
SHOWN_FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"X-Frame-Options", b"DENY"),
    (b"Referrer-Policy", b"same-origin"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (
        b"Permissions-Policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), "
        b"payment=(), usb=()",
    ),
)

#: What is no page loads nothing, runs nothing, and is in no frame.
CLOSED_POLICY = (
    b"Content-Security-Policy",
    b"default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
)

#: RFC 6797. Not for subdomains: each host of a device says it for itself, and what
#: else the domain has is not ours.
_STRICT_LINE = b"Strict-Transport-Security: max-age=%d\r\n" % STRICT_SECONDS
_LINES = tuple(
    (b"\r\n%b:" % name.lower(), b"%b: %b\r\n" % (name, value))
    for name, value in (*COMMON_FIELDS, *SHOWN_FIELDS, CLOSED_POLICY)
)


def complete(fields: bytes, *, strict: bool = False) -> bytes:
    """
    ``fields`` (lines, each with its end) and what they lack of the above.

    :param strict: that browsers are to use TLS alone from now on.
    """
    present = b"\r\n" + fields.lower()
    missing = [line for start, line in _LINES if start not in present]
    return b"".join((fields, *missing, _STRICT_LINE if strict else b""))
