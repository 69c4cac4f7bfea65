"""The steps of ``device-check`` on the way to the server, and the proof there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHandshakeListener,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud.device.authentication import Authentication, SystemIdentity
from cfos_cloud.device.check_steps import STEP_SECONDS, StepFailed, Visit
from cfos_cloud.device.connect import ProxyFailed
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
)
from cfos_cloud.device.proxy import Proxy
from cfos_cloud.device.proxy_endpoint import server_endpoint
from cfos_cloud.device.tls_client import ReceivedCertificate, RecordingTLS
from cfos_cloud.device.trust import ServerDistrusted, ServerTrust
from cfos_cloud.device.ways import Transport, Way, Ways
from cfos_cloud.tunnel.reasons import reason_of
from cfos_cloud.tunnel.scram import UnusablePassword
from cfos_cloud.workers import ThreadWorker

if TYPE_CHECKING:
    from cfos_cloud.device.tls_client import TrustRoot


@dataclass(frozen=True)
class Route:
    """How to get to the server."""

    server: Origin
    proxy: Proxy | None
    transport: Transport

    def endpoint(self, reactor: Any) -> IStreamClientEndpoint:
        """Of the server, wherever it leads through."""
        return server_endpoint(reactor, self.server, self.proxy, STEP_SECONDS)


async def check_dns(reactor: Any, route: Route) -> str:
    """
    :raises StepFailed: the name of the server, or of the proxy to it, leads nowhere.
    """
    if route.proxy is None:
        return await _resolve(reactor, route.server, "--server")
    proxy = Origin("http", route.proxy.host, route.proxy.port)
    found = await _resolve(reactor, proxy, "--proxy")
    return f"{found}, the proxy, which looks for {route.server.host} itself"


async def _resolve(reactor: Any, server: Origin, option: str) -> str:
    if server.is_address:
        return f"{server.host} is an address"
    pool = reactor.getThreadPool()
    resolving = deferToThreadPool(
        reactor, pool, socket.getaddrinfo, server.host, server.port
    )
    resolving.addTimeout(STEP_SECONDS, reactor)
    try:
        found = await resolving
    except Exception as error:
        raise StepFailed(
            f"{server.host} is not known; check {option}, and this machine's name "
            "server"
        ) from error
    addresses = sorted({str(entry[4][0]) for entry in found})
    return f"{server.host} is {', '.join(addresses)}"


async def check_tcp(reactor: Any, route: Route) -> str:
    """
    :raises StepFailed: nothing answers at the server's port, or the proxy says no.
    """
    server = route.server
    visit = Visit()
    try:
        await route.endpoint(reactor).connect(Factory.forProtocol(lambda: visit))
    except ProxyFailed as error:
        raise StepFailed(str(error)) from error
    except Exception as error:
        raise StepFailed(
            f"{server.host_and_port}: {reason_of(error)}; check the port in "
            "--server, and that no firewall is in between"
        ) from error
    await visit.left
    if route.proxy is not None:
        return f"the proxy {route.proxy} leads to {server.host_and_port}"
    return f"{server.host_and_port} answers"


async def check_tls(
    reactor: Any, route: Route, trust: ServerTrust, trust_root: TrustRoot | None
) -> str:
    """
    :raises StepFailed: no TLS there, or a certificate that gets no proof.
    """
    server = route.server
    if not server.tls:
        return "not used: --server says http, so nothing is encrypted"
    tls = RecordingTLS(server, trust_root)
    shown = _Shown(tls)
    factory = TLSMemoryBIOFactory(
        tls, True, Factory.forProtocol(lambda: shown), reactor
    )
    try:
        await route.endpoint(reactor).connect(factory)
        received: ReceivedCertificate = await shown.received.addTimeout(
            STEP_SECONDS, reactor
        )
    except Exception as error:
        shown.leave()
        raise StepFailed(
            f"{reason_of(error)}; check that a cfos-cloud server listens there"
        ) from error
    try:
        trust.admit(received)
        pin = trust.pin_state(received).value
    except ServerDistrusted as error:
        raise StepFailed(str(error)) from error
    vouched = "a CA vouches for it" if received.problem is None else received.problem
    return (
        f"{received.tls_version}, certificate for {_names(received)}, {vouched}; {pin}"
    )


async def check_password(
    reactor: Any,
    route: Route,
    cloud_id: str,
    password: str,
    trust: ServerTrust,
    trust_root: TrustRoot | None,
) -> str:
    """
    :raises StepFailed: Cloud ID and password get no tunnel.
    """
    server = route.server
    try:
        identity = SystemIdentity(cloud_id, password)
    except UnusablePassword as error:
        raise StepFailed(str(error)) from error
    worker = ThreadWorker(reactor, "proof", 1)

    async def attempt(way: Way) -> Outcome | None:
        tls = RecordingTLS(server, trust_root) if server.tls else None
        ending = _Ending()
        authentication = Authentication(
            server, identity, trust, ending, reactor, worker, tls, way
        )
        await authentication.connect(route.endpoint(reactor))
        return await ending.outcome

    ways = Ways(route.transport)
    first = ways.current
    try:
        outcome = await attempt(first)
        if outcome is not None:
            outcome = ways.after(outcome)
            if ways.current is not first:
                outcome = await attempt(ways.current)
    except Exception as error:
        raise StepFailed(reason_of(error)) from error
    finally:
        worker.stop()
    match outcome:
        case None:
            aside = (
                f", {ways.current.value}: a tunnel {first.value} does not get through"
            )
            return (
                f"{server} and {identity.cloud_id} have proven it to each other"
                f"{'' if ways.current is first else aside}"
            )
        case Refused(reason):
            raise StepFailed(
                f"{reason}; compare --cloud-id and --password-file with what the "
                "operator has given you"
            )
        case Disabled():
            raise StepFailed(
                f"it is right, and the operator has disabled {identity.cloud_id}; ask "
                "the operator to enable it"
            )
        case Busy(reason, retry_after):
            raise StepFailed(f"{reason}; try again in {retry_after:.0f} s")
        case Lost(reason) | Distrusted(reason):
            raise StepFailed(reason)
    raise StepFailed("the server has ended the connection")


def _names(received: ReceivedCertificate) -> str:
    return ", ".join(received.names) or "no name"


@implementer(IHandshakeListener)
class _Shown(Protocol):
    """Looks at the server's certificate and leaves."""

    transport: ITCPTransport

    def __init__(self, tls: RecordingTLS) -> None:
        self.received: Deferred[ReceivedCertificate] = Deferred()
        self._tls = tls

    def leave(self) -> None:
        """End the connection at once, if there is one."""
        if self.connected:
            self.transport.abortConnection()

    def handshakeCompleted(self) -> None:
        connection: SSL.Connection = self.transport.getHandle()  # type: ignore[attr-defined]
        try:
            received = self._tls.received(connection)
        except ValueError as error:
            self.received.errback(error)
        else:
            self.received.callback(received)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.received.called:
            self.received.errback(reason)


class _Ending:
    """Waits for the end of the connection; ``None``: both sides are proven."""

    def __init__(self) -> None:
        self.outcome: Deferred[Outcome | None] = Deferred()
        self._proven = False

    def connected(self, authentication: Authentication) -> None:
        """The steps before have shown that already."""

    def proven(self, authentication: Authentication, rest: bytes) -> None:
        self._proven = True
        authentication.close()

    def lost(self, outcome: Outcome) -> None:
        self.outcome.callback(None if self._proven else outcome)
