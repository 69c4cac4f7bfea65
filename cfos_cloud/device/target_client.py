"""What the device end itself asks the target: small questions, over the same pool."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from cfos_cloud.device.authentication import AGENT
from cfos_cloud.device.profile import DeviceBusy, DeviceTrouble
from cfos_cloud.device.target_pool import Claim, TargetError, TargetPool
from cfos_cloud.http.fields import WITH_CONTENT, request_framing
from cfos_cloud.http.message import (
    END,
    BadMessage,
    Field,
    ResponseEvent,
    ResponseHead,
    value_of,
)
from cfos_cloud.relay.upstream import UpstreamConnection

#: Longest answer that is read, in bytes.
MAX_ANSWER_BYTES = 256 * 1024
#: Seconds that an answer may take, the wait for a connection included.
ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class TargetAnswer:
    """
    A whole response.

    :ivar same_machine: the target sees a client of its own machine.
    """

    status: int
    fields: list[Field]
    body: bytes
    same_machine: bool

    def value(self, name: bytes) -> bytes | None:
        """The value of the first field called ``name`` (lower case)."""
        return value_of(self.fields, name)


class TargetClient:
    """:param origin: the target's, ``http://192.168.1.20`` say."""

    def __init__(self, pool: TargetPool, origin: bytes, clock: IReactorTime) -> None:
        self._pool = pool
        self._host = origin.partition(b"://")[2]
        self._clock = clock

    async def ask(
        self, method: bytes, path: bytes, *lines: bytes, body: bytes = b""
    ) -> TargetAnswer:
        """
        The answer to one request; ``lines`` are whole field lines.

        :raises DeviceTrouble: there is none within 10 s, or one that is none.
        :raises DeviceBusy: there is no connection to be had.
        """
        head = b"%b %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: %b\r\n%b%b\r\n" % (
            *(method, path, self._host, AGENT.encode("ascii"), b"".join(lines)),
            request_framing(len(body), method in WITH_CONTENT),
        )
        asking = _Asking(self._pool, method, head + body)
        try:
            return await asking.answer.addTimeout(ANSWER_SECONDS, self._clock)
        except TimeoutError:
            raise DeviceTrouble("the device does not answer in time") from None


class _Asking:
    """One question: an exchange on a connection of the pool."""

    def __init__(self, pool: TargetPool, method: bytes, request: bytes) -> None:
        self._pool = pool
        self._method = method
        self._request = request
        self._upstream: UpstreamConnection | None = None
        self._head: ResponseHead | None = None
        self._body: list[bytes] = []
        self._size = 0
        self.answer: Deferred[TargetAnswer] = Deferred(self._cancelled)
        self._claim = Claim(self._got, self._failed, long_lived=False)
        pool.claim(self._claim)

    def _got(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        upstream.begin(self, self._method, self._request)

    def _failed(self, error: TargetError) -> None:
        if error is TargetError.BUSY:
            self._give_up(DeviceBusy("too many requests wait for the device"))
        else:
            self._give_up(DeviceTrouble("the device can't be reached"))

    def _cancelled(self, answer: Deferred[TargetAnswer]) -> None:
        self._claim.cancel()
        self._drop()

    def _give_up(self, why: DeviceTrouble) -> None:
        self._drop()
        if not self.answer.called:
            self.answer.errback(why)

    def _drop(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()

    # Exchange

    def response_events(self, events: list[ResponseEvent]) -> None:
        for event in events:
            if self._upstream is None:
                return
            if type(event) is bytes:
                self._take(event)
            elif type(event) is ResponseHead:
                self._begin(event)
            elif event is END:
                self._complete()
            elif type(event) is BadMessage:
                self._give_up(DeviceTrouble("the device's answer is no HTTP"))

    def upstream_lost(self, clean: bool) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None and upstream.served > 1 and self._head is None:
            # It was about to be closed when we took it.
            self._claim = Claim(self._got, self._failed, long_lived=False)
            self._pool.claim(self._claim)
        else:
            self._give_up(DeviceTrouble("the device has ended the connection"))

    def upstream_half_closed(self) -> None:
        """Of a switched connection, which this never is."""

    def pause_request(self) -> None:
        """It is in one piece, and small."""

    def resume_request(self) -> None:
        """Nothing has been held back."""

    # within

    def _begin(self, head: ResponseHead) -> None:
        if head.status >= 200:
            self._head = head
        elif head.status == 101:
            self._give_up(DeviceTrouble("the device's answer is no HTTP"))

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self._give_up(DeviceTrouble("the device's answer is too long"))
        else:
            self._body.append(data)

    def _complete(self) -> None:
        upstream, self._upstream = self._upstream, None
        head = self._head
        if upstream is None or head is None:
            return
        # Before the connection is given away.
        same_machine = _is_of_one_machine(upstream)
        if head.keep_alive and upstream.sound:
            upstream.release()
            self._pool.release(upstream)
        else:
            upstream.close()
        self.answer.callback(
            TargetAnswer(head.status, head.fields, b"".join(self._body), same_machine)
        )


def _is_of_one_machine(upstream: UpstreamConnection) -> bool:
    """Whether both ends of the connection have one address, or one of loopback."""
    transport = upstream.transport
    here, there = transport.getHost(), transport.getPeer()  # type: ignore[union-attr]
    try:
        address = ip_address(getattr(there, "host", ""))
    except ValueError:
        return False
    return address.is_loopback or str(address) == getattr(here, "host", None)
