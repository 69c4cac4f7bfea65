"""A stream that brings TLS: who it is for, and whether there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from cfos_cloud.device.first_line import FirstLine
from cfos_cloud.device.preamble import BadPreamble, TLSPreamble, parse_tls_preamble
from cfos_cloud.relay.prompt import PromptTLS
from cfos_cloud.seldom import Seldom
from cfos_cloud.site_door.connections import Connections, address_of
from cfos_cloud.site_door.limits import HandshakeLimits
from cfos_cloud.throttle import source_key


class StreamTLS(PromptTLS):
    """
    TLS on a stream, whose end it hears of in a later turn, as with TCP. Twisted's TLS
    goes on with what it was about after it has aborted a connection.
    """

    clock: IReactorTime

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.clock.callLater(0, super().connectionLost, reason)


class StreamTLSFactory(TLSMemoryBIOFactory):
    """:class:`StreamTLS` for each stream."""

    protocol = StreamTLS
    noisy = False

    def __init__(
        self,
        tls: IOpenSSLServerConnectionCreator,
        inside: IProtocolFactory,
        clock: IReactorTime,
    ) -> None:
        super().__init__(tls, False, inside, clock)
        self._streams_clock = clock

    def buildProtocol(self, addr: IAddress | None) -> StreamTLS:
        tls = cast(StreamTLS, super().buildProtocol(addr))
        tls.clock = self._streams_clock
        return tls


class Entrance:
    """
    Every stream of the tunnel comes in here. One that brings anything but TLS is
    reset, whatever grant it names: what can be read on the way is not answered.

    :param is_ours: whether a name, in lower case, is one that is served.
    """

    log = Logger()

    def __init__(
        self,
        tls: IOpenSSLServerConnectionCreator,
        connections: Connections,
        limits: HandshakeLimits,
        is_ours: Callable[[str], bool],
        clock: IReactorTime,
        seconds: Callable[[], float],
    ) -> None:
        self.clock = clock
        self._connections = connections
        self._is_ours = is_ours
        self._limits = limits
        self._seldom = Seldom(seconds)
        self._factory = StreamTLSFactory(tls, connections, clock)

    def stream_opened(self, stream_id: int) -> IProtocol:
        """A protocol for a new stream."""
        return _Incoming(self)

    def admit(self, line: bytes) -> IProtocol | None:
        """The protocol of what follows ``line``, a stream's first; ``None``: reset."""
        try:
            preamble = parse_tls_preamble(line)
        except BadPreamble as error:
            self._refused("server", str(error), "the server")
            return None
        why = self._obstacle(preamble)
        if why is not None:
            self._refused(source_key(preamble.client), why, preamble.client)
            return None
        return self._factory.buildProtocol(address_of(preamble.client))

    def _obstacle(self, preamble: TLSPreamble) -> str | None:
        if not self._is_ours(preamble.sni):
            return "it asks for another name than ours"
        if not self._limits.admit(preamble.client):
            return "too many connections one after another"
        if not self._connections.make_room(preamble.client):
            return "too many connections at the same time"
        return None

    def _refused(self, thing: str, why: str, client: str) -> None:
        passed = self._seldom.due(f"{thing} {why}")
        if passed is not None:
            self.log.info(
                "connection of {client} refused: {why}; "
                "{passed} more since the last such line",
                client=client,
                why=why,
                passed=passed,
            )


class _Incoming(FirstLine):
    """Gives way to TLS."""

    def __init__(self, entrance: Entrance) -> None:
        super().__init__(entrance.clock)
        self._entrance = entrance

    def begin(self, line: bytes, rest: bytes) -> None:
        tls = self._entrance.admit(line)
        if tls is None:
            self.abort()
            return
        # The stream is TLS's from here on.
        self.transport.connect(tls)
        if rest:
            tls.dataReceived(rest)
