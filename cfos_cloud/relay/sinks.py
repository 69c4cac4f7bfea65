"""Who takes what comes on a client's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Protocol as Interface

from cfos_cloud.http.message import BadMessage, RequestHead

if TYPE_CHECKING:
    from cfos_cloud.relay.channel import RequestChannel


class RequestSink(Interface):
    """Who takes the rest of one request, and its client's state."""

    def body(self, data: bytes) -> None:
        """The next bytes of the body."""

    def end(self) -> None:
        """The request is complete."""

    def closed(self, clean: bool) -> None:
        """The client went away before its response was complete."""

    def pause_response(self) -> None:
        """The client's connection is full."""

    def resume_response(self) -> None:
        """The client's connection takes more."""


class SwitchedSink(RequestSink, Interface):
    """Who takes the bytes of a client after a 101."""

    def half_closed(self) -> None:
        """The client will send nothing more."""


class RequestHandler(Interface):
    """Who answers the requests of a channel."""

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        """
        Answer ``head`` now (then ``None``), or name who does. The answer may come
        before the request is complete.
        """

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        """Answer what is no request; the channel closes after it."""

    def channel_closed(self, channel: RequestChannel) -> None:
        """The connection is over."""
