"""One connection of a browser: its requests go to a device, a page, or the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from cfos_cloud.buffered import Buffered
from cfos_cloud.gateway import cookies
from cfos_cloud.gateway.access import Access
from cfos_cloud.gateway.addresses import Place, place_of
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.error_pages import ErrorKind
from cfos_cloud.gateway.field_notes import FieldNotes
from cfos_cloud.gateway.host_rules import leads_here, way_to_log_in
from cfos_cloud.gateway.key_access import SystemKeyAccess
from cfos_cloud.gateway.key_requests import without_key
from cfos_cloud.gateway.origin_rule import Refusal, refusal_of
from cfos_cloud.gateway.own_fields import is_strict
from cfos_cloud.gateway.pages import PageExchange
from cfos_cloud.gateway.rewriting import (
    fields_to_device,
    passes_upgrade,
    response_fields,
)
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.gateway.stream_lines import StreamLines
from cfos_cloud.gateway.tunnels import Tunnel
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.http.fields import request_line
from cfos_cloud.http.message import BadMessage, RequestHead, ResponseHead, value_of
from cfos_cloud.http.same_fields import SameFields
from cfos_cloud.listener.places import place_under
from cfos_cloud.relay.channel import RequestChannel, RequestSink
from cfos_cloud.relay.relay import Relay
from cfos_cloud.relay.upstream import UpstreamConnection
from cfos_cloud.tunnel.scram import ServerHandshake
from cfos_cloud.tunnel.yamux import LocalError

if TYPE_CHECKING:
    from cfos_cloud.gateway.gateway import Gateway

#: Seconds to wait, when a device has reset a stream, for its word that the grant is
#: revoked: the person then sees the log-in instead of an error.
REVOCATION_SECONDS = 0.25

_DEVICE_ERRORS = {
    b"refused": ErrorKind.REFUSED,
    b"timeout": ErrorKind.TIMEOUT,
    b"busy": ErrorKind.BUSY,
    b"forbidden": ErrorKind.NOT_ALLOWED,
    b"unknown": ErrorKind.NO_SUCH_DEVICE,
}
#: Of answers that a device end gives for itself; it says so in ``Cfos-Error``.
_DEVICE_STATUSES = frozenset({403, 404, 502, 503, 504})


class FrontConnection:
    """
    The request handler of one connection.

    An upstream connection (a stream of a tunnel) that has served one request waits
    here for the next of the same grant, client and host.
    """

    log = Logger()

    def __init__(self, gateway: Gateway, peer: Client) -> None:
        self._gateway = gateway
        self._peer = peer
        #: Of the present request: the peer, or whom a trusted proxy speaks for.
        self._client = peer
        self._handshake: ServerHandshake | None = None
        self._upstream: UpstreamConnection | None = None
        #: What the waiting stream is for: the tunnel and the stream's first line.
        self._upstream_for: tuple[Tunnel, bytes] | None = None
        self._lines = StreamLines()
        #: Of the last request.
        self._notes = FieldNotes([])
        self._made: SameFields[bytes] = SameFields()
        #: Where what waits on the connection counts, if not among strangers.
        self._buffered: Buffered | None = None
        #: Whether somebody has come by this connection who may go further than the
        #: log-in: by a session, or a key.
        self.let_in = False
        #: When the present request for a device came.
        self._began = 0.0

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        gateway = self._gateway
        client = self._peer
        if gateway.proxies:
            client = gateway.proxies.client_of(client, head.fields)
            self._client = client
        place = place_of(head.target)
        if place is Place.TUNNEL:
            if self._handshake is None:
                self._handshake = gateway.door.handshake(
                    channel, of_proxy=gateway.proxies.trusts(self._peer.address)
                )
            gateway.door.answer(self._handshake, channel, head, client)
            return None
        notes = self._notes
        if notes.fields is not head.fields:
            notes = self._notes = FieldNotes(head.fields)
        device = gateway.hosts.device_of(head.host)
        if device is not None and gateway.is_end_to_end(device):
            gateway.answers.end_to_end(channel, head, client)
            return None
        session = None
        if device is not None or gateway.hosts.is_shared:
            session = self._session(notes, client, device)
        if session is not None:
            self.let_in = True
            takes_workers = device is not None and (
                gateway.hosts.is_shared or not session.leads_further
            )
            why = refusal_of(head, client.scheme, takes_workers=takes_workers)
            if why is not None:
                self._refuse(channel, head, why, client, session)
                return None
        if place is Place.OURS or (place is Place.ROBOTS and session is None):
            cloud_id = None if session is None else session.cloud_id
            return self._to_page(channel, head, client, cloud_id, device)
        if session is None:
            return self._without_session(channel, head, client, device)
        own = head
        if notes.has_authorization and gateway.keys is not None:
            own = gateway.keys.without_ours(head)
        return self._to_device(channel, head, session, own, client)

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        self._drop_upstream()
        self._gateway.answers.bad_request(channel, why, self._peer)

    def close_when_idle(self, channel: RequestChannel) -> None:
        """No more requests after the present one: nothing waits for the next."""
        self._drop_upstream()
        channel.close_when_idle()

    def channel_closed(self, channel: RequestChannel) -> None:
        self._gateway.channels.pop(channel, None)
        self._drop_upstream()

    # RelayOwner

    def response_fields(self, relay: Relay[Access], head: ResponseHead) -> bytes | None:
        if head.status in _DEVICE_STATUSES and value_of(head.fields, b"cfos-error"):
            return None
        self._gateway.metrics.device_answered(head.status, self._began)
        upstream = relay.upstream
        if upstream is None:
            return response_fields(head)
        return upstream.made.of(head.fields, None, lambda: response_fields(head))

    def response_refused(self, relay: Relay[Access], head: ResponseHead) -> None:
        error = value_of(head.fields, b"cfos-error") or b""
        kind = _DEVICE_ERRORS.get(error.lower(), ErrorKind.BAD_GATEWAY)
        self._fail(relay.channel, relay.head, kind, "the target", relay.access)

    def relay_retry(self, relay: Relay[Access]) -> bool:
        if relay.access.ended:
            return False
        tunnel = self._gateway.exchange.session(relay.access.cloud_id)
        return tunnel is not None and self._start(relay, tunnel, relay.request)

    def relay_failed(self, relay: Relay[Access], why: str) -> None:
        def answer() -> None:
            if relay.channel.lost:
                return
            if relay.access.ended and relay.access.for_people:
                self._log_in_first(relay.channel, relay.head, self._client)
            elif relay.access.ended:
                self._gateway.answers.refuse_key(relay.channel, self._client)
            else:
                kind = self._kind_of_failure(relay)
                self._fail(relay.channel, relay.head, kind, why, relay.access)

        self._gateway.clock.callLater(REVOCATION_SECONDS, answer)

    def relay_done(self, relay: Relay[Access], reusable: bool) -> None:
        relay.access.streams.discard(relay)
        tunnel = None if self._upstream_for is None else self._upstream_for[0]
        crowded = tunnel is not None and tunnel.crowded
        if reusable and relay.channel.stays and not crowded:
            self._upstream = relay.upstream
            return
        self._upstream_for = None
        if reusable and relay.upstream is not None:
            relay.upstream.close()

    # UpstreamOwner

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        if self._upstream is upstream:
            self._upstream = self._upstream_for = None

    # within

    def _session(
        self, notes: FieldNotes, client: Client, device: DeviceHost | None
    ) -> Session | None:
        token = notes.token(cookies.session_name(client.secure))
        return None if token is None else self._gateway.sessions.find(token, device)

    def _refuse(
        self,
        channel: RequestChannel,
        head: RequestHead,
        why: Refusal,
        client: Client,
        session: Session,
    ) -> None:
        """Answer what may not use the session."""
        if why is Refusal.SERVICE_WORKER:
            self._gateway.answers.refuse_worker(channel, client, session)
        else:
            self._fail(channel, head, ErrorKind.CROSS_SITE, why.value, session)

    def _without_session(
        self,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
        device: DeviceHost | None,
    ) -> RequestSink | None:
        """By an access key, or to the log-in."""
        gateway = self._gateway
        token = None if gateway.keys is None else gateway.keys.token_of(head)
        if gateway.keys is None or token is None:
            gateway.metrics.without_session += 1
            self._log_in_first(channel, head, client)
            return None
        access = gateway.keys.admit(token, head, client.address)
        if access is None or not leads_here(gateway.hosts, access, head, device):
            gateway.metrics.without_session += 1
            gateway.answers.refuse_key(channel, client)
            return None
        self.let_in = True
        if not isinstance(access, SystemKeyAccess):
            return self._to_page(channel, head, client)
        if value_of(head.fields, b"service-worker") is not None:
            gateway.answers.refuse_worker(channel, client, access)
            return None
        own = without_key(head)
        return self._to_device(channel, head, access, own, client)

    def _log_in_first(
        self, channel: RequestChannel, head: RequestHead, client: Client
    ) -> None:
        gateway = self._gateway
        elsewhere, bookmark = way_to_log_in(gateway.hosts, head, client)
        gateway.answers.log_in_first(channel, head, client, elsewhere, bookmark)

    def _to_page(
        self,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
        cloud_id: str | None = None,
        device: DeviceHost | None = None,
    ) -> PageExchange:
        gateway = self._gateway
        return PageExchange(
            gateway.site_of(device),
            channel,
            head,
            client.address,
            client.secure,
            cloud_id,
            gateway.metrics.pages,
            device,
            is_strict(channel, client),
        )

    def _to_device(
        self,
        channel: RequestChannel,
        head: RequestHead,
        access: Access,
        shown: RequestHead,
        client: Client,
    ) -> RequestSink | None:
        """``shown`` is what of ``head`` the device may see."""
        tunnel = self._gateway.exchange.session(access.cloud_id)
        if tunnel is None:
            self._fail(channel, head, ErrorKind.OFFLINE, "offline", access)
            return None
        buffered = tunnel.buffered
        if buffered is not None and buffered.full:
            why = "too much waits for who does not read"
            self._fail(channel, head, ErrorKind.UNAVAILABLE, why, access)
            return None
        if buffered is not self._buffered:
            self._buffered = buffered
            place = place_under(channel.transport)
            if place is not None and buffered is not None:
                place.counts_for(buffered)
        self._began = self._gateway.metrics.seconds()
        relay = Relay(self, channel, head, access)
        forwarded, preamble = self._lines.of(access, client, head.host)
        fields = self._made.of(
            shown.fields,
            forwarded,
            lambda: fields_to_device(shown, self._notes.cookies, forwarded),
        )
        relay.request = (preamble, request_line(shown) + fields)
        if head.upgrade is not None:
            relay.may_switch = passes_upgrade(head.upgrade)
        access.streams.add(relay)
        if not self._start(relay, tunnel, relay.request):
            access.streams.discard(relay)
            self._fail(channel, head, ErrorKind.OFFLINE, "no stream", access)
            return None
        return relay

    def _start(
        self,
        relay: Relay[Access],
        tunnel: Tunnel,
        request: tuple[bytes, bytes],
    ) -> bool:
        """Begin on the stream that waits, if it is for the same, else on a new one."""
        if tunnel.end_to_end:
            # No session and no key leads here; should one, it ends here.
            return False
        preamble, head = request
        upstream = self._upstream
        if upstream is None or self._upstream_for != (tunnel, preamble):
            self._drop_upstream()
            upstream = UpstreamConnection(self)
            try:
                tunnel.open_stream(upstream)
            except LocalError as error:
                self.log.info(
                    "no stream to {cloud_id}: {why}",
                    cloud_id=tunnel.cloud_id,
                    why=str(error),
                )
                return False
            upstream.write(preamble)
            self._upstream_for = (tunnel, preamble)
        self._upstream = None
        relay.start(upstream, head)
        return True

    def _drop_upstream(self) -> None:
        upstream, self._upstream, self._upstream_for = self._upstream, None, None
        if upstream is not None:
            upstream.close()

    def _kind_of_failure(self, relay: Relay[Access]) -> ErrorKind:
        if relay.shed:
            return ErrorKind.UNAVAILABLE
        is_online = self._gateway.exchange.session(relay.access.cloud_id) is not None
        return ErrorKind.BAD_GATEWAY if is_online else ErrorKind.OFFLINE

    def _fail(
        self,
        channel: RequestChannel,
        head: RequestHead,
        kind: ErrorKind,
        why: str,
        access: Access,
    ) -> None:
        self._gateway.metrics.failures[kind.slug] += 1
        self._gateway.answers.fail(channel, head, kind, why, self._client, access)
