"""Where devices come in: ``GET /cloud/tunnel``, proven, becomes a tunnel."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from typing import Protocol as Interface

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.buffered import Buffered
from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.own_fields import own_fields
from cfos_cloud.gateway.tunnel_upgrade import (
    NoUpgrade,
    TunnelUpgrade,
    is_question,
    upgrade_of,
)
from cfos_cloud.http.message import RequestHead, value_of
from cfos_cloud.listener.arrival import was_admitted
from cfos_cloud.listener.places import place_under
from cfos_cloud.listener.tls import served_certificate
from cfos_cloud.metrics import HandshakeMetrics
from cfos_cloud.pace import Appointments, Pace
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.relay.unsent import keep_unsent_short
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.modes import Modes
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.scram import (
    Challenge,
    FakeVerifiers,
    PendingHandshakes,
    Proven,
    Refused,
    ServerHandshake,
    Verifier,
    end_point_binding,
)
from cfos_cloud.tunnel.session import TunnelSession
from cfos_cloud.tunnel.websocket import WebSocketTunnel
from cfos_cloud.tunnel.yamux import Role

#: Seconds for a device to come back to a server that is about to stop, at least.
STOPPING_RETRY_AFTER = 10
#: … to one that has no room for more tunnels.
FULL_RETRY_AFTER = 300
#: Bytes that wait in the streams of a tunnel, and on the connections that lead to them.
MAX_TUNNEL_BYTES = 128 * 1024 * 1024
#: Tunnels that may begin in a second, and at one time, of those that had no turn in
#: front of TLS: it ends at a proxy, or they did not announce themselves.
PER_SECOND = 250.0
AT_ONCE = 50
#: Seconds after which the others are to come again, at most.
MOST_RETRY_AFTER = 120.0


class KnownSystem(Interface):
    """What the door needs of a system."""

    @property
    def cloud_id(self) -> str:
        """As the registry spells it."""

    @property
    def verifier(self) -> Verifier:
        """Of its Cloud password."""

    @property
    def enabled(self) -> bool:
        """Whether it may have a tunnel."""


class TunnelDoor:
    """
    Shared by all connections.

    :param find: the system of a Cloud ID in any case, from memory.
    :param fakes: verifiers for those that don't exist.
    :param buffered: where what the tunnels' streams keep counts.
    """

    log = Logger()

    def __init__(
        self,
        find: Callable[[str], KnownSystem | None],
        fakes: FakeVerifiers,
        exchange: Exchange,
        throttle: Throttle,
        clock: IReactorTime,
        events: EventLog = NO_EVENTS,
        modes: Modes | None = None,
        buffered: Buffered | None = None,
        random: Callable[[], float] = random.random,
        counts: HandshakeMetrics | None = None,
    ) -> None:
        self._buffered = buffered or Buffered(2 * MAX_TUNNEL_BYTES)
        self._find = find
        self._counts = HandshakeMetrics() if counts is None else counts
        self._modes = modes
        self._fakes = fakes
        self._exchange = exchange
        self._throttle = throttle
        self._clock = clock
        self._events = events
        self._pending = PendingHandshakes(clock.seconds)
        self._pace = Pace(clock.seconds, PER_SECOND, AT_ONCE)
        self._appointments = Appointments(
            clock.seconds, PER_SECOND, MOST_RETRY_AFTER, random
        )
        #: The server is about to stop: no more tunnels.
        self.closed = False

    def verifier(self, cloud_id: str) -> Verifier:
        """The verifier of ``cloud_id``, a stable fake if there is no such system."""
        system = self._find(cloud_id)
        return self._fakes.make(cloud_id) if system is None else system.verifier

    def handshake(
        self, channel: RequestChannel, *, of_proxy: bool = False
    ) -> ServerHandshake:
        """
        What the connection of ``channel`` keeps between its requests. One ``of_proxy``
        shares it with all others: a proxy may choose another one for each request.
        """
        certificate = served_certificate(channel.transport)
        binding = None if certificate is None else end_point_binding(certificate)
        shared = self._pending if of_proxy else None
        return ServerHandshake(self.verifier, binding, pending=shared)

    def answer(
        self,
        handshake: ServerHandshake,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
    ) -> None:
        """Answer one request for the tunnel; a proven one becomes it."""
        upgrade = upgrade_of(head)
        if isinstance(upgrade, NoUpgrade):
            # No device end's request: a browser's, say.
            fields = own_fields(channel, client, upgrade.fields)
            if is_question(head):
                offers = _www_authenticate(handshake.offers())
                _respond(channel, 401, b"Unauthorized", offers + fields)
            else:
                _respond(channel, upgrade.status, upgrade.reason, fields)
            return
        if self.closed:
            self._put_off(channel, STOPPING_RETRY_AFTER)
            return
        keys = (source_key(client.address),)
        wait = self._throttle.wait(keys)
        authorization = value_of(head.fields, b"authorization")
        if self._is_too_much(channel, authorization):
            self._counts.put_off += 1
            self._put_off(channel)
            return
        step = handshake.respond(authorization, keys[0])
        # Whoever shares a guesser's address would wait with them; but there is no
        # guessing at a generated password, so nobody who has one need be kept out.
        if wait > 0 and (isinstance(step, Refused) or step.guessable):
            self._note(EventKind.THROTTLED, client, None, "tunnel")
            _refuse(channel, 429, b"Too Many Requests", int(wait) + 1)
            return
        if isinstance(step, Proven):
            self._admit(channel, head, client, step, upgrade)
            return
        if not isinstance(step, Challenge):
            self._throttle.failed(keys)
            self._log_refusal(client, step)
            self._note(EventKind.TUNNEL_REFUSED, client, step.cloud_id, "no proof")
        lines = _www_authenticate(step.www_authenticate)
        _respond(channel, 401, b"Unauthorized", lines)

    def _is_too_much(
        self, channel: RequestChannel, authorization: bytes | None
    ) -> bool:
        """Of handshakes that begin: to one that goes on its cost is sunk."""
        if authorization is None or b"sid=" in authorization:
            return False
        return not (was_admitted(channel.transport) or self._pace.take())

    def _put_off(self, channel: RequestChannel, least: int = 0) -> None:
        seconds = least + math.ceil(self._appointments.make())
        _refuse(channel, 503, b"Service Unavailable", seconds)

    def _log_refusal(self, client: Client, refused: Refused) -> None:
        cloud_id = refused.cloud_id
        system = None if cloud_id is None else self._find(cloud_id)
        if refused.astray:
            why = (
                "its proof answers no challenge of this connection; is there a proxy "
                "in between that --trusted-proxy does not name?"
            )
        elif cloud_id is None:
            why = "what it sent is no proof of a password"
        elif system is None:
            # Not named: somebody may have mixed up Cloud ID and password.
            why = "its Cloud ID is not known here"
        else:
            why = (
                f"it has not the Cloud password of {system.cloud_id}, or has been "
                "shown another certificate than this server's"
            )
        self.log.info(
            "tunnel refused to {client}: {why}", client=client.address, why=why
        )

    def _note(
        self, kind: EventKind, client: Client, cloud_id: str | None, detail: str
    ) -> None:
        # Of a registered system only: what else is sent may be a password.
        system = None if cloud_id is None else self._find(cloud_id)
        known = None if system is None else system.cloud_id
        self._events.note(kind, Origin("nobody", client.address), known, detail)

    def _admit(
        self,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
        proven: Proven,
        upgrade: TunnelUpgrade,
    ) -> None:
        system = self._find(proven.cloud_id)
        if system is None or not system.enabled:
            self.log.info(
                "tunnel refused to {client}: the system {cloud_id} is {state}",
                client=client.address,
                cloud_id=proven.cloud_id,
                state="removed" if system is None else "disabled",
            )
            self._note(EventKind.TUNNEL_REFUSED, client, proven.cloud_id, "disabled")
            _respond(channel, 403, b"Forbidden", b"")
            return
        buffered = self._buffered.part(MAX_TUNNEL_BYTES)
        place = place_under(channel.transport)
        if place is not None and not place.become_tunnel(client.address, buffered):
            _refuse(channel, 503, b"Service Unavailable", FULL_RETRY_AFTER)
            return
        session = TunnelSession(
            system.cloud_id,
            client.address,
            self._exchange,
            self._clock,
            url=(client.scheme + b"://" + head.host).decode("ascii"),
            modes=self._modes,
        )
        channel.inform(
            101,
            b"Switching Protocols",
            b"Connection: Upgrade\r\n%bAuthentication-Info: %b\r\n"
            % (upgrade.fields, proven.authentication_info),
        )
        keep_unsent_short(channel.transport)
        tunnel = Multiplexed(Role.SERVER, self._clock, session, buffered=buffered)
        if upgrade.websocket:
            channel.hand_over(WebSocketTunnel(tunnel, self._clock, client=False))
        else:
            channel.hand_over(tunnel)


def _www_authenticate(values: Iterable[bytes]) -> bytes:
    return b"".join(b"WWW-Authenticate: %b\r\n" % value for value in values)


def _respond(
    channel: RequestChannel, status: int, reason: bytes, fields: bytes
) -> None:
    channel.respond(status, reason, fields + b"Cache-Control: no-store\r\n", 0)
    channel.finish()


def _refuse(
    channel: RequestChannel, status: int, reason: bytes, retry_after: int
) -> None:
    _respond(channel, status, reason, b"Retry-After: %d\r\n" % retry_after)
