"""The requests of one grant, on one stream, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.own_fields import GrantCredentials, NoCredential
from cfos_cloud.device.preamble import HTTPPreamble
from cfos_cloud.device.profile import TargetCredential, TargetPolicy
from cfos_cloud.device.rewriting import (
    Mapping,
    OwnFields,
    fields_to_target,
    response_fields,
)
from cfos_cloud.device.target_pool import Claim, TargetError, TargetPool
from cfos_cloud.device.target_relay import TargetRelay
from cfos_cloud.http.fields import request_line
from cfos_cloud.http.message import BadMessage, RequestHead, ResponseHead, value_of
from cfos_cloud.http.same_fields import SameFields
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.rules import may_use
from cfos_cloud.relay.channel import RequestChannel, RequestSink
from cfos_cloud.relay.relay import Relay
from cfos_cloud.relay.upstream import UpstreamConnection

#: Seconds that the target may take for a response's head.
RESPONSE_SECONDS = 120.0

_STATUS = {
    TargetError.REFUSED: (502, b"Bad Gateway"),
    TargetError.TIMEOUT: (504, b"Gateway Timeout"),
    TargetError.BUSY: (503, b"Service Unavailable"),
}


@dataclass(frozen=True)
class TargetSide:
    """
    Where requests go.

    :param origin: the target's, ``http://192.168.1.20`` say.
    :param credential: ``None``: the site has given none.
    :param key_credential: for access keys, where there is no ``credential``.
    :param policy: what is particular about the device; ``None``: nothing.
    :param profile: the device's, for what access keys may do.
    :param takes_own: whether a log-in has proven itself there, and may bring along
        what it did so by.
    """

    pool: TargetPool
    origin: bytes
    credential: TargetCredential | None = None
    key_credential: TargetCredential | None = None
    policy: TargetPolicy | None = None
    profile: str | None = None
    takes_own: bool = True


class RequestStream:
    """The request handler of one stream: each request takes a target connection."""

    log = Logger()

    def __init__(
        self,
        side: TargetSide,
        grant: Grant,
        preamble: HTTPPreamble,
        clock: IReactorTime,
    ) -> None:
        self._pool = side.pool
        self._clock = clock
        self._grant = grant
        self._who = (grant.role, grant.user, grant.key)
        self._api_only = grant.key is not None and grant.role == Role.API.value
        self._policy = side.policy
        self._profile = side.profile
        self._credentials = GrantCredentials(
            grant, side.credential, side.key_credential, takes_own=side.takes_own
        )
        #: What the present request waits for before it can go.
        self._renewal: Deferred[None] | None = None
        self._mapping = Mapping(preamble.origin, side.origin)
        self._made: SameFields[OwnFields | None] = SameFields()
        self._claim: Claim | None = None
        #: The request that has a connection of the ordinary ones.
        self._holding: TargetRelay | None = None
        #: The request whose response we wait for, and since when.
        self._awaited: TargetRelay | None = None
        self._timer: IDelayedCall | None = None

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        grant = self._grant
        if self._api_only and not may_use(
            Role.API,
            head.method,
            head.target,
            upgrade=head.upgrade is not None,
            has_body=head.length != 0,
            profile=self._profile,
        ):
            _refuse(channel, 401, b"Unauthorized", b"Cache-Control: no-store")
            return None
        if self._policy is not None:
            if self._policy.refuses(grant, head):
                _refuse(channel, 403, b"Forbidden", b"Cache-Control: no-store")
                return None
            head = self._policy.request(grant, head)
        relay = TargetRelay(self, channel, head, grant, self._clock)
        renewal = self._credentials.renewal()
        if renewal is None:
            self._begin(relay)
            return relay
        channel.pause_request()
        self._renewal = renewal
        renewal.addCallbacks(lambda _: self._renewed(relay), self._not_renewed)
        renewal.addErrback(lambda f: self.log.failure("a request failed", failure=f))
        return relay

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        # The server has checked it: what comes out as doubtful here is its fault.
        self.log.warn("request of the server refused: {why}", why=why.reason)
        channel.abort()

    def channel_closed(self, channel: RequestChannel) -> None:
        self._grant.streams.discard(channel)
        if self._renewal is not None:
            self._renewal.cancel()
        if self._claim is not None:
            self._claim.cancel()
            self._claim = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Holder

    @property
    def stands_since(self) -> float | None:
        relay = self._holding
        return None if relay is None else relay.stands_since

    def make_room(self) -> None:
        relay = self._holding
        if relay is None:
            return
        self.log.info("a request that stands still makes room for another")
        unanswered, self._awaited = self._awaited, None
        if unanswered is relay:
            self._answer(relay, TargetError.BUSY)
        else:
            relay.give_up()
            relay.channel.abort()

    # RelayOwner

    def response_fields(self, relay: Relay[Grant], head: ResponseHead) -> bytes | None:
        self._awaited = None
        kind = value_of(head.fields, b"content-type") or b""
        if kind[:17].lower() == b"text/event-stream" and relay.upstream is not None:
            self._hold(None)
            if not self._pool.promote(relay.upstream, self._who):
                return None
        if self._policy is not None:
            if self._policy.doubts(relay.head, head.status):
                self._credentials.doubt()
            head = self._policy.response(self._grant, head)
        mapping, upstream = self._mapping, relay.upstream
        if upstream is None:
            return response_fields(head, mapping)
        return upstream.made.of(
            head.fields, mapping, lambda: response_fields(head, mapping)
        )

    def response_refused(self, relay: Relay[Grant], head: ResponseHead) -> None:
        self._answer(relay, TargetError.BUSY)

    def relay_retry(self, relay: Relay[Grant]) -> bool:
        # All of ours are: request() makes them.
        self._reach(cast(TargetRelay, relay))
        return True

    def relay_failed(self, relay: Relay[Grant], why: str) -> None:
        self._awaited = None
        self.log.info("no response of the target: {why}", why=why)
        self._answer(relay, TargetError.REFUSED)

    def relay_done(self, relay: Relay[Grant], reusable: bool) -> None:
        self._awaited = None
        self._hold(None)
        if reusable and relay.upstream is not None:
            has_body = relay.head.length != 0
            self._pool.release(relay.upstream, self._grant if has_body else None)

    # within

    def _begin(self, relay: TargetRelay) -> None:
        grant, head = self._grant, relay.head
        try:
            own = self._credentials.fields(head)
        except NoCredential:
            self._answer(relay, TargetError.REFUSED)
            return
        fields = self._made.of(
            head.fields,
            own,
            lambda: fields_to_target(head, self._mapping, grant.user, grant.role, own),
        )
        relay.request = (b"", request_line(head) + fields)
        self._reach(relay)

    def _renewed(self, relay: TargetRelay) -> None:
        self._renewal = None
        self._begin(relay)
        if self._claim is None:
            # It has a connection, or an answer: not before, or its body would be lost.
            relay.channel.resume_request()

    def _not_renewed(self, failure: Failure) -> None:
        """The stream has ended meanwhile."""
        self._renewal = None
        failure.trap(CancelledError)

    def _hold(self, relay: TargetRelay | None) -> None:
        self._holding = relay
        if relay is None:
            self._pool.held_by.discard(self)
        else:
            self._pool.held_by.add(self)

    def _reach(self, relay: TargetRelay) -> None:
        """Find a connection for ``relay``; its body waits until there is one."""
        long_lived = relay.head.upgrade is not None
        idle = None if long_lived else self._pool.take_idle(self._grant)
        if idle is not None:
            self._send(relay, idle)
            return

        def got(upstream: UpstreamConnection) -> None:
            self._claim = None
            self._send(relay, upstream)
            relay.channel.resume_request()

        def failed(error: TargetError) -> None:
            self._claim = None
            relay.channel.resume_request()
            self._answer(relay, error)

        self._hold(None)
        relay.channel.pause_request()
        self._claim = Claim(
            got, failed, long_lived=long_lived, owner=self._grant, who=self._who
        )
        self._pool.claim(self._claim)

    def _send(self, relay: TargetRelay, upstream: UpstreamConnection) -> None:
        # One timer, moved lazily: most responses come in milliseconds.
        self._awaited = relay
        relay.waits_since = self._clock.seconds()
        if relay.head.upgrade is None:
            self._hold(relay)
        if self._timer is None:
            self._timer = self._clock.callLater(RESPONSE_SECONDS, self._check)
        relay.start(upstream, relay.request[1])

    def _check(self) -> None:
        self._timer = None
        relay = self._awaited
        if relay is None:
            return
        left = RESPONSE_SECONDS
        if relay.waits_for_target:
            left += relay.waits_since - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._check)
            return
        self._awaited = None
        relay.give_up()
        self._answer(relay, TargetError.TIMEOUT)

    def _answer(self, relay: Relay[Grant], error: TargetError) -> None:
        relay.give_up()
        status, reason = _STATUS[error]
        channel = relay.channel
        if channel.lost:
            return
        channel.respond(status, reason, b"Cfos-Error: %b\r\n" % error.value, 0)
        channel.finish()


def _refuse(channel: RequestChannel, status: int, reason: bytes, line: bytes) -> None:
    """Answer without asking the target, and without a body."""
    channel.respond(status, reason, line + b"\r\n", 0)
    channel.finish()
