"""What went wrong with a connection, in words for the log."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet import error as net
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

#: Longest text of a peer that is repeated.
MAX_TEXT = 200


class TunnelBroken(net.ConnectionLost):
    """A connection that we gave up ourselves; ``why`` in words for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return self.why


class ProtocolBroken(TunnelBroken):
    """… because the peer did not keep to the protocol."""

    def __init__(self, why: str) -> None:
        super().__init__(f"protocol broken: {why}")


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (net.ConnectionRefusedError, "connection refused: nothing listens there"),
    (net.DNSLookupError, "the host name is not known"),
    (net.TimeoutError, "no answer in time"),
    (DeferredTimeoutError, "no answer in time"),
    (net.ConnectingCancelledError, "given up"),
    (net.ConnectionDone, "the other side closed the connection"),
    (net.ConnectionAborted, "the connection was given up"),
    (net.ConnectionLost, "the connection broke"),
)


def reason_of(error: BaseException | None) -> str:
    """One short line, without a peer's control characters."""
    if isinstance(error, TunnelBroken):
        return printable(error.why)
    if isinstance(error, SSL.Error):
        return f"TLS failed: {_tls_words(error)}"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, net.ConnectError | OSError) and (number := _os_words(error)):
        return number
    return printable(str(error) or type(error).__name__)


def printable(text: str) -> str:
    """``text``, bounded, with ``?`` for whatever a terminal might obey."""
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_TEXT])


def _tls_words(error: SSL.Error) -> str:
    entries = error.args[0] if error.args else ()
    words = [entry[2] for entry in entries if isinstance(entry, tuple) and entry[2:]]
    return printable("; ".join(words) or "the connection ended in the handshake")


def _os_words(error: BaseException) -> str:
    text = getattr(error, "osError", None) or error
    words = getattr(text, "strerror", None)
    return printable(words) if isinstance(words, str) else ""
