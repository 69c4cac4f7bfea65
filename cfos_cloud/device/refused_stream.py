"""A stream that leads to no device: every request on it gets the same answer."""

from __future__ import annotations

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.targets import NoDevice
from cfos_cloud.http.message import BadMessage, RequestHead
from cfos_cloud.relay.channel import RequestChannel, RequestSink


class RefusedStream:
    """The request handler; the server makes a page of its answers."""

    def __init__(self, why: NoDevice, grant: Grant) -> None:
        self._why = why
        self._grant = grant

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        why = self._why
        fields = b"Cache-Control: no-store\r\nCfos-Error: %b\r\n" % why.word
        channel.respond(why.status, why.reason, fields, 0)
        channel.finish()
        return None

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        channel.abort()

    def channel_closed(self, channel: RequestChannel) -> None:
        self._grant.streams.discard(channel)
