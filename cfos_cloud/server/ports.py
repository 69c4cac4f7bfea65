"""What listens for the server, and who gets a connection by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.protocol import ServerFactory

from cfos_cloud.gateway.client import ProxyTrust
from cfos_cloud.gateway.passthrough import Passthrough
from cfos_cloud.listener.admission import AdmissionFactory
from cfos_cloud.listener.client_hello import by_name
from cfos_cloud.listener.counted_tls import CountedTLSFactory
from cfos_cloud.listener.first_bytes import Route
from cfos_cloud.listener.listening import ListeningService
from cfos_cloud.listener.places import Places
from cfos_cloud.listener.plain import PlainOnlyFactory
from cfos_cloud.listener.ports import ListenError, PortSpec
from cfos_cloud.listener.proxied import ProxiedFactory
from cfos_cloud.listener.sniffer import SnifferFactory
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.metrics import HandshakeMetrics


@dataclass(frozen=True)
class ServerPorts:
    """
    :param reactor: a real one.
    :param lost: called when a port that was listened on can't be any more.
    """

    reactor: Any
    tls: ReloadableTLS
    handshakes: HandshakeMetrics
    allow_http: bool
    lost: Callable[[ListenError], None]

    def listen(
        self,
        port: PortSpec,
        factory: Callable[[bool], ServerFactory],
        places: Places,
        passthrough: Passthrough | None = None,
        proxies: ProxyTrust | None = None,
    ) -> ListeningService:
        """
        Bound, and accepting once it is started.

        :param factory: makes that of connections behind TLS, or without.
        :param places: for its connections.
        :param passthrough: has those whose TLS is not ours.
        :param proxies: begin with a PROXY header.
        :raises ListenError: the port can't be had.
        """
        reactor = self.reactor
        plain = factory(False) if self.allow_http else PlainOnlyFactory(reactor)
        secure = CountedTLSFactory(
            self.tls, False, factory(True), reactor, handshakes=self.handshakes
        )
        admitted = AdmissionFactory(secure, reactor, self.handshakes)
        routes = {Route.TLS: admitted, Route.PLAIN: plain}
        if passthrough is None:
            first: ServerFactory = SnifferFactory(routes, reactor, places=places)
        else:
            routes[Route.PASSED] = passthrough
            by_sni = by_name(passthrough.is_passed)
            first = SnifferFactory(routes, reactor, by_sni, places=places)
        if proxies is not None:
            # In front of the places: they are its clients', whom the header names.
            first = ProxiedFactory(first, proxies.trusts, reactor)
        listening = ListeningService(reactor, port, first, self.lost)
        listening.bind()
        return listening
