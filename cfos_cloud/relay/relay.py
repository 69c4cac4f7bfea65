"""One request and its response, between a channel and an upstream connection."""

from __future__ import annotations

from typing import Generic, TypeVar
from typing import Protocol as Interface

from cfos_cloud.http.message import (
    END,
    BadMessage,
    RequestHead,
    ResponseEvent,
    ResponseHead,
)
from cfos_cloud.http.rules import takes_up
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.relay.switched import SwitchedPair
from cfos_cloud.relay.upstream import UpstreamConnection

#: Methods that may be sent again when nothing came back (RFC 9110 §9.2.2), as long
#: as they had no body.
RETRYABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})

#: Interim responses (RFC 9110 §15.2) before one is taken for none that will ever end.
MAX_INTERIM = 100

#: A piece of a body of this size is one of many: it may wait for the next.
BULK_BYTES = 8 * 1024

A = TypeVar("A")


class RelayOwner(Interface[A]):
    """What the two ends do differently."""

    def response_fields(self, relay: Relay[A], head: ResponseHead) -> bytes | None:
        """
        The field lines for the client, without any that frame or persist; ``None``
        if the client must not get this response: :meth:`response_refused` follows.
        """

    def response_refused(self, relay: Relay[A], head: ResponseHead) -> None:
        """It is over: answer in place of the response."""

    def relay_retry(self, relay: Relay[A]) -> bool:
        """
        A connection that had served before was lost, most likely closed by its peer
        while the request was under way: start ``relay`` on a fresh one, or refuse.
        """

    def relay_failed(self, relay: Relay[A], why: str) -> None:
        """There is no response, and nothing of one was sent: answer."""

    def relay_done(self, relay: Relay[A], reusable: bool) -> None:
        """It is over. Not reusable: the upstream connection is closed already."""


class Relay(Generic[A]):
    """
    Streams both ways; each side's full connection pauses the other side's reading.

    :ivar access: the owner's note of who allowed it.
    :ivar request: the owner's note of what was sent: a stream's first line, the head.
    :ivar shed: whether it failed as too much waited here: not the upstream's fault.
    """

    __slots__ = (
        "_chunked",
        "_done",
        "_interim",
        "_keep_upstream",
        "_request_done",
        "_response_begun",
        "_told_to_go_on",
        "access",
        "channel",
        "client_paused",
        "head",
        "may_switch",
        "owner",
        "request",
        "shed",
        "upstream",
    )

    def __init__(
        self,
        owner: RelayOwner[A],
        channel: RequestChannel,
        head: RequestHead,
        access: A,
    ) -> None:
        self.owner = owner
        self.access = access
        self.channel = channel
        self.head = head
        self.request = (b"", b"")
        #: Whether the upgrade that the client asks for was asked of the upstream.
        self.may_switch = head.upgrade is not None
        self.upstream: UpstreamConnection | None = None
        self.client_paused = False
        self.shed = False
        self._chunked = head.length is None
        self._interim = 0
        self._told_to_go_on = False
        self._request_done = False
        self._response_begun = False
        self._keep_upstream = False
        self._done = False

    def start(self, upstream: UpstreamConnection, head: bytes) -> None:
        """Send the request's head on ``upstream``; its body follows."""
        self.upstream = upstream
        self._interim = 0
        upstream.begin(self, self.head.method, head)
        if self.client_paused:
            upstream.pause_response()

    @property
    def may_retry(self) -> bool:
        """Whether sending the request again can do no harm."""
        return (
            not self._response_begun
            and not self.shed
            and self.upstream is not None
            and self.upstream.served > 1
            and self.head.length == 0
            and self.head.method in RETRYABLE
        )

    @property
    def _has_stray_body(self) -> bool:
        """
        Whether the upstream may not have looked for the body (RFC 9110 §9.3.1), and
        so take it for the next request.
        """
        return self.head.length != 0 and self.head.method in RETRYABLE

    @property
    def request_done(self) -> bool:
        """Whether the client has sent all of the request."""
        return self._request_done

    def give_up(self) -> None:
        """Drop the upstream connection; the owner answers for it."""
        self._drop_upstream()
        self._finished()

    def abort(self) -> None:
        """End both sides at once: whoever allowed this has taken it back."""
        if self._done:
            return
        self._drop_upstream()
        self._finished()
        if self._response_begun:
            self.channel.abort()
        else:
            self.owner.relay_failed(self, "no longer allowed")

    # RequestSink

    def body(self, data: bytes) -> None:
        upstream = self.upstream
        if upstream is None or self._done:
            return
        if self._chunked:
            upstream.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            upstream.write(data)

    def end(self) -> None:
        self._request_done = True
        if self._chunked and self.upstream is not None and not self._done:
            self.upstream.write(b"0\r\n\r\n")

    def closed(self, clean: bool) -> None:
        if self._done:
            return
        self._drop_upstream()
        self._finished()

    def pause_response(self) -> None:
        self.client_paused = True
        if self.upstream is not None and not self._done:
            self.upstream.pause_response()

    def resume_response(self) -> None:
        self.client_paused = False
        if self.upstream is not None and not self._done:
            self.upstream.resume_response()

    # Exchange

    def pause_request(self) -> None:
        self.channel.pause_request()

    def resume_request(self) -> None:
        self.channel.resume_request()

    def response_events(self, events: list[ResponseEvent]) -> None:
        channel = self.channel
        upstream = self.upstream
        for event in events:
            if self._done or self.upstream is not upstream:
                # What is left is of a connection that was given up.
                return
            if type(event) is bytes:
                if not self._response_begun:
                    # Without a head in front, nothing would say what it is.
                    self._broken("a body without a response")
                    return
                channel.send(event)
            elif type(event) is ResponseHead:
                if event.status == 101:
                    self._switch(event, events[events.index(event) + 1 :])
                    return
                self._respond(event)
            elif event is END:
                self._complete()
                return
            elif type(event) is BadMessage:
                self._broken(event.reason)
                return
        if type(event) is bytes and len(event) >= BULK_BYTES:
            channel.flush_soon()
        else:
            channel.flush()

    def upstream_lost(self, clean: bool) -> None:
        if self._done:
            return
        self.shed = self.upstream is not None and self.upstream.shed
        why = "too much waited to be taken" if self.shed else "the connection ended"
        self._broken(why)

    def upstream_half_closed(self) -> None:
        """Of a switched connection, which is not ours any more."""

    # within

    def _respond(self, head: ResponseHead) -> None:
        if head.status < 200:
            self._inform(head)
            return
        fields = self._fields(head)
        if fields is None:
            return
        self._keep_upstream = head.keep_alive
        self.channel.respond(head.status, head.reason, fields, head.length)

    def _inform(self, head: ResponseHead) -> None:
        """Interim: 100 passes, once, since a client may wait for it."""
        self._interim += 1
        if self._interim > MAX_INTERIM:
            self._broken("interim responses without end")
        elif head.status == 100 and not self._told_to_go_on:
            self._told_to_go_on = True
            self.channel.inform(100, b"Continue", b"")

    def _switch(self, head: ResponseHead, rest: list[ResponseEvent]) -> None:
        """A 101: bytes both ways from here on, and ``rest`` is the first of them."""
        upstream = self.upstream
        if upstream is None or not self.may_switch:
            self._broken("101 that nobody asked for")
            return
        if not takes_up(self.head.upgrade or b"", head.fields):
            self._broken("101 to what nobody asked for")
            return
        fields = self._fields(head)
        if fields is None:
            return
        pair = SwitchedPair(self.channel, upstream, self._finished)
        upstream.switch(pair)
        self.channel.inform(101, head.reason, fields)
        self.channel.switch(pair)
        pair.response_events(rest)

    def _fields(self, head: ResponseHead) -> bytes | None:
        """The owner's word on ``head``; ``None``: it has answered by itself."""
        fields = self.owner.response_fields(self, head)
        if fields is None:
            self._drop_upstream()
            self._finished()
            self.owner.response_refused(self, head)
        else:
            self._response_begun = True
        return fields

    def _complete(self) -> None:
        upstream = self.upstream
        reusable = (
            self._keep_upstream
            and self._request_done
            and not self._has_stray_body
            and upstream is not None
            and upstream.sound
        )
        self._done = True
        if upstream is not None:
            if reusable:
                upstream.release()
            elif self._request_done:
                upstream.close()
            else:
                upstream.abort()
        self.owner.relay_done(self, reusable)
        self.channel.finish()

    def _broken(self, why: str) -> None:
        may_retry = self.may_retry
        self._drop_upstream()
        # What else has come of it is nobody's, also while another is waited for.
        self.upstream = None
        if self._response_begun:
            self._finished()
            self.channel.abort()
        elif not (may_retry and self.owner.relay_retry(self)):
            self._finished()
            self.owner.relay_failed(self, why)

    def _drop_upstream(self) -> None:
        if self.upstream is not None and not self._done:
            self.upstream.abort()

    def _finished(self) -> None:
        if not self._done:
            self._done = True
            self.owner.relay_done(self, False)
