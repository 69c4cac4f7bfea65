"""ClientHellos: the name in them is the one that TLS itself would find."""

from __future__ import annotations

import contextlib
from functools import cache

from OpenSSL import SSL

from cfos_cloud.listener.client_hello import asked_for
from tests.fuzz.harness import Harness
from tests.listener import hellos

_MOST = 20_000


def check(data: bytes) -> None:
    """What is known once stays so, and is what OpenSSL says."""
    seen = data[:_MOST]
    asked = asked_for(seen)
    for end in {0, 1, 5, 6, 9, 40, len(seen) // 2, max(0, len(seen) - 1)}:
        before = asked_for(seen[:end])
        # What is complete can't become something else by what follows.
        assert not before.complete or before == asked, (end, before, asked)
    if asked.name is None:
        return
    assert asked.complete
    assert asked.name == asked.name.lower()
    assert asked.name in seen.lower()
    theirs = _name_by_openssl(seen)
    assert theirs is None or theirs.lower().removesuffix(b".") == asked.name, theirs


@cache
def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_tlsext_servername_callback(_note)
    return context


_names: list[bytes | None] = []


def _note(connection: SSL.Connection) -> None:
    _names.append(connection.get_servername())


def _name_by_openssl(seen: bytes) -> bytes | None:
    """As far as it gets: without a certificate there is no handshake."""
    _names.clear()
    connection = SSL.Connection(_context(), None)
    connection.set_accept_state()
    connection.bio_write(seen)
    with contextlib.suppress(SSL.Error):
        connection.do_handshake()
    return _names[0] if _names else None


HARNESS = Harness(
    "client-hello",
    check,
    lambda: [
        hellos.CURL,
        hellos.OPENSSL,
        hellos.OPENSSL_1_2,
        hellos.OPENSSL_WITHOUT_A_NAME,
        hellos.CURL[:60],
    ],
    (
        b"\x16\x03\x01",
        b"\x16\x03\x03\x00\x01",
        b"\x01\x00",
        b"\x00\x00\x00",
        b"\x00\x1b",
        b"site-7.cloud.example.org",
        b"\x00\x00\x00\x06\x00\x04\x00\x00\x01a",
        b"\xfe\x0d",
    ),
)
