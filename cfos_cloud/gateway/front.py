"""One connection of a browser: its requests go to a device, a page, or the door."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

from cfos_cloud.gateway import cookies, origin_rule
from cfos_cloud.gateway.addresses import Place, accepts_html, login_path, place_of
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.error_pages import ErrorKind, GatewayError, new_error_id
from cfos_cloud.gateway.pages import PageExchange
from cfos_cloud.gateway.rewriting import (
    forwarded_lines,
    passes_upgrade,
    request_to_device,
    response_fields,
)
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.http.message import BadMessage, RequestHead, ResponseHead, value_of
from cfos_cloud.languages import choose
from cfos_cloud.relay.channel import RequestChannel, RequestSink
from cfos_cloud.relay.relay import Relay
from cfos_cloud.relay.upstream import UpstreamConnection
from cfos_cloud.tunnel.scram import ServerHandshake
from cfos_cloud.tunnel.session import TunnelSession
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
}
_REASONS = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


class _Lines(NamedTuple):
    """What stays the same from one request of a connection to the next."""

    session: Session
    client: Client
    host: bytes
    forwarded: bytes
    preamble: bytes


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
        self._handshake: ServerHandshake | None = None
        self._upstream: UpstreamConnection | None = None
        #: What the waiting stream is for: the tunnel and the stream's first line.
        self._upstream_for: tuple[TunnelSession, bytes] | None = None
        self._made: _Lines | None = None

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        gateway = self._gateway
        client = self._peer
        if gateway.proxies:
            client = gateway.proxies.client_of(client, head.fields)
        place = place_of(head.target)
        if place is Place.TUNNEL:
            if self._handshake is None:
                self._handshake = gateway.door.handshake(channel)
            gateway.door.answer(self._handshake, channel, head, client)
            return None
        cookie_values = [value for name, _, value in head.fields if name == b"cookie"]
        session = self._session(cookie_values, client)
        if session is not None and _from_elsewhere(head, client):
            self._fail(channel, head, ErrorKind.CROSS_SITE, "another site's request")
            return None
        if place is Place.OURS or (place is Place.ROBOTS and session is None):
            return PageExchange(
                gateway.site, channel, head, client.address, client.secure
            )
        if session is None:
            self._anonymous(channel, head)
            return None
        return self._to_device(channel, head, session, cookie_values, client)

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        self.log.debug(
            "bad request from {client}: {why}",
            client=self._peer.address,
            why=why.reason,
        )
        channel.respond(
            why.status,
            _REASONS.get(why.status, b"Bad Request"),
            b"Cache-Control: no-store\r\n",
            0,
        )
        channel.finish()

    def channel_closed(self, channel: RequestChannel) -> None:
        self._gateway.channels.discard(channel)
        self._drop_upstream()

    # RelayOwner

    def response_fields(
        self, relay: Relay[Session], head: ResponseHead
    ) -> bytes | None:
        if head.status in (502, 503, 504) and value_of(head.fields, b"cfos-error"):
            return None
        return response_fields(head)

    def response_refused(self, relay: Relay[Session], head: ResponseHead) -> None:
        error = value_of(head.fields, b"cfos-error") or b""
        kind = _DEVICE_ERRORS.get(error.lower(), ErrorKind.BAD_GATEWAY)
        self._fail(relay.channel, relay.head, kind, "the target", relay.access)

    def relay_retry(self, relay: Relay[Session]) -> bool:
        if relay.access.ended:
            return False
        tunnel = self._gateway.exchange.session(relay.access.cloud_id)
        return tunnel is not None and self._start(relay, tunnel, relay.request)

    def relay_failed(self, relay: Relay[Session], why: str) -> None:
        def answer() -> None:
            if relay.channel.lost:
                return
            if relay.access.ended:
                self._anonymous(relay.channel, relay.head)
            else:
                online = self._gateway.exchange.session(relay.access.cloud_id)
                kind = ErrorKind.OFFLINE if online is None else ErrorKind.BAD_GATEWAY
                self._fail(relay.channel, relay.head, kind, why, relay.access)

        self._gateway.clock.callLater(REVOCATION_SECONDS, answer)

    def relay_done(self, relay: Relay[Session], reusable: bool) -> None:
        relay.access.streams.discard(relay)
        if reusable and not relay.channel.lost:
            self._upstream = relay.upstream
        else:
            self._upstream_for = None

    # UpstreamOwner

    def upstream_gone(self, upstream: UpstreamConnection) -> None:
        if self._upstream is upstream:
            self._upstream = self._upstream_for = None

    # within

    def _session(self, values: list[bytes], client: Client) -> Session | None:
        name = cookies.session_name(client.secure)
        for value in values:
            token = cookies.find(value, name)
            if token is not None:
                return self._gateway.sessions.find(token)
        return None

    def _to_device(
        self,
        channel: RequestChannel,
        head: RequestHead,
        session: Session,
        cookie_values: list[bytes],
        client: Client,
    ) -> RequestSink | None:
        tunnel = self._gateway.exchange.session(session.cloud_id)
        if tunnel is None:
            self._fail(channel, head, ErrorKind.OFFLINE, "offline", session)
            return None
        relay = Relay(self, channel, head, session)
        forwarded, preamble = self._lines(session, client, head.host)
        request = request_to_device(head, cookie_values, forwarded)
        relay.request = (preamble, request)
        if head.upgrade is not None:
            relay.may_switch = passes_upgrade(head.upgrade)
        session.streams.add(relay)
        if not self._start(relay, tunnel, relay.request):
            session.streams.discard(relay)
            self._fail(channel, head, ErrorKind.OFFLINE, "no stream", session)
            return None
        return relay

    def _start(
        self,
        relay: Relay[Session],
        tunnel: TunnelSession,
        request: tuple[bytes, bytes],
    ) -> bool:
        """Begin on the stream that waits, if it is for the same, else on a new one."""
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

    def _lines(
        self, session: Session, client: Client, host: bytes
    ) -> tuple[bytes, bytes]:
        """Forwarding fields and a stream's first line; made once for a run of them."""
        made = self._made
        if (
            made is None
            or made.session is not session
            or made.client != client
            or made.host != host
        ):
            preamble = {
                "kind": "http",
                "grant": session.grant,
                "client": client.address,
                "scheme": client.scheme.decode("ascii"),
                "host": host.decode("ascii"),
            }
            made = self._made = _Lines(
                session,
                client,
                host,
                forwarded_lines(client.address, client.secure, host),
                json.dumps(preamble, separators=(",", ":")).encode() + b"\n",
            )
        return made.forwarded, made.preamble

    def _anonymous(self, channel: RequestChannel, head: RequestHead) -> None:
        """Neither a session nor a key: to the log-in, or away."""
        path = head.target.partition(b"?")[0]
        if path.startswith(b"/api/json/"):
            channel.respond(401, b"Unauthorized", b"Cache-Control: no-store\r\n", 0)
            channel.finish()
            return
        destination = value_of(head.fields, b"sec-fetch-dest")
        is_page = (
            head.method in (b"GET", b"HEAD")
            and accepts_html(value_of(head.fields, b"accept"))
            # A page's own fetch accepts anything, but has no use for a log-in form.
            and destination in (None, b"document", b"iframe", b"frame")
        )
        if path == b"/" and head.method in (b"GET", b"HEAD"):
            is_page = True
        if not is_page:
            self._fail(channel, head, ErrorKind.UNAUTHORISED, "no session")
            return
        wanted = value_of(head.fields, b"accept-language") or b""
        location = login_path(choose(wanted.decode("latin-1")))
        channel.respond(
            303,
            b"See Other",
            b"Location: %b\r\nCache-Control: no-store\r\nVary: Accept-Language\r\n"
            % location,
            0,
        )
        channel.finish()

    def _fail(
        self,
        channel: RequestChannel,
        head: RequestHead,
        kind: ErrorKind,
        why: str,
        session: Session | None = None,
    ) -> None:
        """Answer with a small page of ours, or JSON; page and log have its id."""
        name = since = None
        error_id = new_error_id()
        if session is not None:
            system = self._gateway.systems.get(session.cloud_id)
            if system is not None:
                name = system.name or session.cloud_id
                since = system.last_seen if kind is ErrorKind.OFFLINE else None
        if kind is not ErrorKind.UNAUTHORISED:
            self.log.info(
                "{kind} {id} for {client}, {cloud_id}: {why}",
                kind=kind.slug,
                id=error_id,
                client=self._peer.address,
                cloud_id=None if session is None else session.cloud_id,
                why=why,
            )
        answer = self._gateway.error_pages.render(
            GatewayError(kind, error_id, name, since),
            value_of(head.fields, b"accept"),
            value_of(head.fields, b"accept-language"),
        )
        lines = b"".join(b"%b: %b\r\n" % pair for pair in answer.fields)
        channel.respond(
            answer.status,
            _REASONS.get(answer.status, b"Error"),
            lines,
            len(answer.body),
        )
        channel.send(answer.body)
        channel.finish()


def _from_elsewhere(head: RequestHead, client: Client) -> bool:
    """Whether the rule for other sites' requests refuses this one."""
    site = mode = destination = origin = None
    for lower, _, value in head.fields:
        if lower == b"sec-fetch-site":
            site = value
        elif lower == b"sec-fetch-mode":
            mode = value
        elif lower == b"sec-fetch-dest":
            destination = value
        elif lower == b"origin":
            origin = value
    if site is None and origin is None:
        return False
    refused = origin_rule.refusal(
        method=head.method,
        target=head.target,
        is_upgrade=head.upgrade is not None,
        sec_fetch_site=site,
        sec_fetch_mode=mode,
        sec_fetch_dest=destination,
        origin=origin,
        scheme=client.scheme,
        host=head.host,
    )
    return refused is not None
