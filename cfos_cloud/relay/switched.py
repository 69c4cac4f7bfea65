"""Bytes both ways, of which each may end by itself: what follows a 101, and raw TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IReactorTime

from cfos_cloud.http.message import ResponseEvent
from cfos_cloud.relay.deadline import Deadline

#: Seconds without a byte after which a connection ends of which one direction has
#: ended: whoever has left without a word looks like somebody who only listens.
HALF_CLOSED_SECONDS = 120.0


class ClientSide(Interface):
    """The connection that came; a ``RequestChannel`` after its 101 is one."""

    @property
    def clock(self) -> IReactorTime: ...

    def send_raw(self, data: bytes) -> None: ...

    def close_writing(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def pause_request(self) -> None: ...

    def resume_request(self) -> None: ...


class UpstreamSide(Interface):
    """The connection that was made for it; an ``UpstreamConnection`` is one."""

    def write(self, data: bytes) -> None: ...

    def close_writing(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def pause_response(self) -> None: ...

    def resume_response(self) -> None: ...


class SwitchedPair:
    """
    Two connections that are one. Each direction ends where its sender says so, the
    pair when both have; a loss on one side is a loss on the other.

    :param over: called once, when the pair has ended.
    """

    def __init__(
        self,
        client: ClientSide,
        upstream: UpstreamSide,
        over: Callable[[], None],
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._over: Callable[[], None] | None = over
        #: Of a pair of which one direction has ended.
        self._deadline: Deadline | None = None

    # from the client's connection

    def body(self, data: bytes) -> None:
        """The client's next bytes."""
        if self._over is not None:
            self._upstream.write(data)
            self._moved()

    def end(self) -> None:
        """Of the request, which is over."""

    def half_closed(self) -> None:
        """The client will send nothing more."""
        self._half_close(self._upstream)

    def closed(self, clean: bool) -> None:
        """The client's connection is over."""
        self._close(self._upstream, clean)

    def pause_response(self) -> None:
        """The client's connection is full."""
        if self._over is not None:
            self._upstream.pause_response()

    def resume_response(self) -> None:
        """The client's connection takes more."""
        if self._over is not None:
            self._upstream.resume_response()

    # from the upstream's connection

    def response_events(self, events: list[ResponseEvent]) -> None:
        """The upstream's next bytes."""
        for event in events:
            if type(event) is bytes and self._over is not None:
                self._client.send_raw(event)
                self._moved()

    def upstream_half_closed(self) -> None:
        """The upstream will send nothing more."""
        self._half_close(self._client)

    def upstream_lost(self, clean: bool) -> None:
        """The upstream's connection is over."""
        self._close(self._client, clean)

    def pause_request(self) -> None:
        """The upstream's connection is full."""
        self._client.pause_request()

    def resume_request(self) -> None:
        """The upstream's connection takes more."""
        self._client.resume_request()

    # the end

    def finish(self) -> None:
        """It is over, and nothing more passes."""
        over, self._over = self._over, None
        if self._deadline is not None:
            self._deadline.stop()
        if over is not None:
            over()

    def _half_close(self, other: ClientSide | UpstreamSide) -> None:
        """One direction has ended: ``other`` gets nothing more."""
        if self._over is None:
            return
        if self._deadline is not None:
            self._end()
        else:
            self._await_end()
            other.close_writing()

    def _close(self, other: ClientSide | UpstreamSide, clean: bool) -> None:
        """One connection is over, and the ``other`` is to be."""
        if self._over is None:
            return
        self.finish()
        if clean:
            other.close()
        else:
            other.abort()

    def _end(self) -> None:
        """Both directions have ended."""
        self.finish()
        self._upstream.close()
        self._client.close()

    def _await_end(self) -> None:
        self._deadline = Deadline(self._client.clock, self._overdue)
        self._deadline.set(HALF_CLOSED_SECONDS)

    def _moved(self) -> None:
        if self._deadline is not None:
            self._deadline.set(HALF_CLOSED_SECONDS)

    def _overdue(self) -> None:
        self.finish()
        self._upstream.abort()
        self._client.abort()
