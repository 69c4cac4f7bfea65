"""TLS whose handshakes are counted."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IAddress, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from cfos_cloud.metrics import HandshakeMetrics
from cfos_cloud.relay.prompt import PromptTLS


class CountedTLS(PromptTLS):
    """Counts how its handshake went, once."""

    handshakes: HandshakeMetrics | None = None

    def completed(self) -> None:
        """The handshake is done."""
        counts, self.handshakes = self.handshakes, None
        if counts is not None:
            counts.completed += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        counts, self.handshakes = self.handshakes, None
        if counts is not None:
            counts.failed += 1
        super().connectionLost(reason)


class CountedTLSFactory(TLSMemoryBIOFactory):
    """:param handshakes: the counts, which several may share."""

    protocol = CountedTLS
    noisy = False

    def __init__(self, *args: Any, handshakes: HandshakeMetrics) -> None:
        super().__init__(*args)
        self._handshakes = handshakes

    def buildProtocol(self, addr: IAddress | None) -> CountedTLS:
        tls = cast(CountedTLS, super().buildProtocol(addr))
        tls.handshakes = self._handshakes
        # Twisted tells what is inside, if that wants to know.
        inner: Any = tls.wrappedProtocol
        inner.handshakeCompleted = tls.completed
        alsoProvides(inner, IHandshakeListener)
        return tls
