"""One connection to the server, from its first byte until the tunnel takes it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol as Interface

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from cfos_cloud import __version__
from cfos_cloud.device.handshake import (
    ProofWanted,
    Rejected,
    Upgraded,
    UpgradeHandshake,
)
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
)
from cfos_cloud.device.tls_client import ReceivedCertificate, RecordingTLS
from cfos_cloud.device.trust import (
    Admission,
    ServerDistrusted,
    ServerKeyChanged,
    ServerTrust,
)
from cfos_cloud.device.ways import Way
from cfos_cloud.relay.prompt import PromptTLS
from cfos_cloud.relay.unsent import keep_unsent_short
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import printable, reason_of
from cfos_cloud.tunnel.scram import ClientHandshake, HandshakeError, ServerNotProven
from cfos_cloud.tunnel.websocket import WebSocketTunnel
from cfos_cloud.workers import Worker

AGENT = f"cfos-device/{__version__}"
#: Seconds from the connection to the end of TLS's handshake: a server that thousands
#: come back to at once lets them wait for their turn in front of it, up to 45 s.
TLS_SECONDS = 60.0
#: Seconds from there to the proof of both sides.
AUTHENTICATION_SECONDS = 30.0
#: Seconds that an orderly close may take before the connection is aborted.
CLOSING_SECONDS = 5.0


class AuthenticationListener(Interface):
    """Whoever wants the connection."""

    def connected(self, authentication: Authentication) -> None:
        """The connection is there; nothing has been sent."""

    def proven(self, authentication: Authentication, rest: bytes) -> None:
        """Both sides have shown the password: call ``hand_over`` with ``rest``."""

    def lost(self, outcome: Outcome) -> None:
        """It is over, once, and nothing was handed over."""


@dataclass(frozen=True)
class SystemIdentity:
    """
    What the operator and the device share.

    :raises InvalidCloudID: the name is none.
    :raises UnusablePassword: SCRAM can't use the password.
    """

    cloud_id: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        self.handshake(None)

    def handshake(self, binding: bytes | None) -> ClientHandshake:
        """A new handshake, bound to what ``binding`` says."""
        return ClientHandshake(self.cloud_id, self.password, binding)


@implementer(IHandshakeListener)
class Authentication(Protocol):
    """
    TLS's certificate is judged, then the handshake goes its way, at most 30 s; then
    the connection belongs to the tunnel that :meth:`hand_over` is given.

    :param way: how the tunnel is asked for.
    """

    log = Logger()
    transport: ITCPTransport

    def __init__(
        self,
        server: Origin,
        identity: SystemIdentity,
        trust: ServerTrust,
        listener: AuthenticationListener,
        clock: IReactorTime,
        worker: Worker,
        tls: RecordingTLS | None,
        way: Way = Way.UPGRADE,
    ) -> None:
        self.received: ReceivedCertificate | None = None
        self.admission: Admission | None = None
        self._server = server
        self._identity = identity
        self._trust = trust
        self._listener = listener
        self._clock = clock
        self._worker = worker
        self._tls = tls
        self._way = way
        self._handshake: UpgradeHandshake | None = None
        self._successor: Protocol | None = None
        self._outcome: Outcome | None = None
        self._deadline: IDelayedCall | None = None
        self._over = False

    def connect(self, endpoint: IStreamClientEndpoint) -> Deferred[IProtocol]:
        """Open the connection, with TLS where the server's address says so."""
        plain = Factory.forProtocol(lambda: self)
        if self._tls is None:
            return endpoint.connect(plain)
        factory = TLSMemoryBIOFactory(self._tls, True, plain, self._clock)
        factory.protocol = PromptTLS
        return endpoint.connect(factory)

    def hand_over(self, tunnel: Multiplexed, rest: bytes) -> None:
        """From now on the connection is ``tunnel``'s, beginning with ``rest``."""
        self._set_deadline(None)
        successor: Protocol = tunnel
        if self._way is Way.WEBSOCKET:
            successor = WebSocketTunnel(tunnel, self._clock, client=True)
        self._successor = successor
        successor.makeConnection(self.transport)
        if rest:
            successor.dataReceived(rest)

    def close(self) -> None:
        """End it in order, or after 5 s without."""
        if not self._over:
            self._set_deadline(CLOSING_SECONDS)
            self.transport.loseConnection()

    # IProtocol, IHandshakeListener

    def connectionMade(self) -> None:
        set_no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        keep_unsent_short(self.transport)
        self._set_deadline(TLS_SECONDS)
        self._listener.connected(self)
        if self._tls is None:
            self._begin()

    def handshakeCompleted(self) -> None:
        if self._tls is None or self._outcome is not None:
            return
        connection: SSL.Connection = self.transport.getHandle()  # type: ignore[attr-defined]
        try:
            self.received = self._tls.received(connection)
        except ValueError:
            self._end(Distrusted("the server's certificate can't be understood"))
        else:
            self._begin()

    def dataReceived(self, data: bytes) -> None:
        if self._successor is not None:
            self._successor.dataReceived(data)
        elif self._outcome is None and self._handshake is not None:
            try:
                event = self._handshake.receive(data)
            except HandshakeError as error:
                self._end(Lost(printable(str(error)), turned_away=True))
            except ServerNotProven as error:
                self._end(Lost(printable(str(error))))
            else:
                self._answer(event)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._set_deadline(None)
        if self._successor is not None:
            self._successor.connectionLost(reason)
        else:
            asked = self._handshake is not None
            why = reason_of(reason.value)
            self._listener.lost(self._outcome or Lost(why, turned_away=asked))

    # private

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if seconds is not None:
            self._deadline = self._clock.callLater(seconds, self._too_late)

    def _too_late(self) -> None:
        if self._outcome is None:
            asked = self._handshake is not None
            self._outcome = Lost(
                "the server does not answer in time", turned_away=asked
            )
        self.transport.abortConnection()

    def _begin(self) -> None:
        binding = None
        try:
            self.admission = self._trust.admit(self.received)
            binding = self.admission.binding
        except ServerDistrusted as error:
            changed = isinstance(error, ServerKeyChanged)
            self._end(Distrusted(str(error), key_changed=changed))
            return
        self._set_deadline(AUTHENTICATION_SECONDS)
        scram = self._identity.handshake(binding)
        self._handshake = UpgradeHandshake(
            self._server.authority, AGENT, scram, self._way
        )
        self.transport.write(self._handshake.begin())

    def _answer(self, event: ProofWanted | Upgraded | Rejected | None) -> None:
        match event:
            case ProofWanted(challenge):
                self._prove(challenge)
            case Upgraded(rest):
                if self.admission is not None:
                    self._trust.proven(self.admission)
                self._listener.proven(self, rest)
            case Rejected():
                self._end(outcome_of(event))

    def _prove(self, challenge: bytes) -> None:
        handshake = self._handshake
        if handshake is None:
            return

        def computed(proof: bytes) -> None:
            if self._outcome is None and not self._over:
                self.transport.write(handshake.prove(proof))

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, HandshakeError):
                self.log.failure("the proof could not be computed", failure=failure)
            self._end(Lost(printable(failure.getErrorMessage())))

        work = self._worker.run(handshake.proof, challenge)
        work.addCallbacks(computed, failed)

    def _end(self, outcome: Outcome) -> None:
        if self._outcome is None:
            self._outcome = outcome
            self.close()


def outcome_of(rejected: Rejected) -> Outcome:
    """What a server's no means for the next attempt."""
    match rejected.status:
        case 401:
            return Refused(rejected.reason)
        case 403 if not rejected.turned_away:
            return Disabled()
    if rejected.retry_after is not None:
        return Busy(rejected.reason, rejected.retry_after)
    return Lost(rejected.reason, turned_away=rejected.turned_away)
