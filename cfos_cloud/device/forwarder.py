"""What the server opens: streams of requests, each of one grant, to a target."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.first_line import FirstLine
from cfos_cloud.device.grants import GrantSource
from cfos_cloud.device.preamble import (
    BadPreamble,
    parse_preamble,
)
from cfos_cloud.device.refused_stream import RefusedStream
from cfos_cloud.device.request_stream import RequestStream
from cfos_cloud.device.targets import NoDevice, Targets
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.relay.sinks import RequestHandler

#: Seconds that a stream may wait for the server's next request: the server, or the
#: browser behind it, ends it long before.
STREAM_IDLE_SECONDS = 600.0


class Forwarder:
    """The protocols for the streams of all tunnels of this device end."""

    def __init__(
        self,
        grants: GrantSource,
        targets: Targets,
        clock: IReactorTime,
        unknown_grant: Callable[[str], None],
    ) -> None:
        self.grants = grants
        #: Called with a grant that we don't know: the server must be told.
        self.unknown_grant = unknown_grant
        self.targets = targets
        self.clock = clock

    def stream_opened(self, stream_id: int) -> IProtocol:
        """A protocol for a new stream."""
        return _Incoming(self)


class _Incoming(FirstLine):
    """Gives way to a channel."""

    log = Logger()

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(forwarder.clock)
        self._forwarder = forwarder

    def begin(self, line: bytes, rest: bytes) -> None:
        try:
            preamble = parse_preamble(line)
        except BadPreamble as error:
            self.log.warn("stream of the server refused: {why}", why=str(error))
            self.abort()
            return
        grant = self._forwarder.grants.find(preamble.grant)
        if grant is None:
            self._forwarder.unknown_grant(preamble.grant)
            self.abort()
            return
        side = self._forwarder.targets.choose(preamble.host, grant)
        handler: RequestHandler
        if isinstance(side, NoDevice):
            handler = RefusedStream(side, grant)
        else:
            handler = RequestStream(side, grant, preamble, self._forwarder.clock)
        channel = RequestChannel(
            handler,
            self._forwarder.clock,
            head_seconds=STREAM_IDLE_SECONDS,
            idle_seconds=STREAM_IDLE_SECONDS,
        )
        grant.streams.add(channel)
        # The stream is the channel's from here on.
        self.transport.connect(channel)
        if rest:
            channel.dataReceived(rest)
