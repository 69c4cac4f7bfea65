"""The single steps of ``device-check``; each says in a line what it found."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface import implementer

from cfos_cloud.device.authentication import AGENT, Authentication, SystemIdentity
from cfos_cloud.device.credentials import Credentials, CredentialsError
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
)
from cfos_cloud.device.target_header import TargetHeader, TargetHeaderError
from cfos_cloud.device.tls_client import ReceivedCertificate, RecordingTLS
from cfos_cloud.device.trust import ServerDistrusted, ServerTrust
from cfos_cloud.tunnel.reasons import printable, reason_of
from cfos_cloud.tunnel.scram import UnusablePassword
from cfos_cloud.workers import ThreadWorker

if TYPE_CHECKING:
    from cfos_cloud.device.tls_client import TrustRoot

#: Seconds that one step may take; the handshake with a proof has 30 of its own.
STEP_SECONDS = 15.0


class StepFailed(Exception):
    """A step did not work; one line says why, and what to do."""


async def check_dns(reactor: Any, server: Origin) -> str:
    """
    :raises StepFailed: the server's name leads nowhere.
    """
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
            f"{server.host} is not known; check --server, and this machine's name "
            "server"
        ) from error
    addresses = sorted({str(entry[4][0]) for entry in found})
    return f"{server.host} is {', '.join(addresses)}"


async def check_tcp(reactor: Any, server: Origin) -> str:
    """
    :raises StepFailed: nothing answers at the server's port.
    """
    visit = _Visit()
    try:
        await _endpoint(reactor, server).connect(Factory.forProtocol(lambda: visit))
    except Exception as error:
        raise StepFailed(
            f"{server.host_and_port}: {reason_of(error)}; check the port in "
            "--server, and that no firewall is in between"
        ) from error
    await visit.left
    return f"{server.host_and_port} answers"


async def check_tls(
    reactor: Any, server: Origin, trust: ServerTrust, trust_root: TrustRoot | None
) -> str:
    """
    :raises StepFailed: no TLS there, or a certificate that gets no proof.
    """
    if not server.tls:
        return "not used: --server says http, so nothing is encrypted"
    tls = RecordingTLS(server, trust_root)
    shown = _Shown(tls)
    factory = TLSMemoryBIOFactory(
        tls, True, Factory.forProtocol(lambda: shown), reactor
    )
    try:
        await _endpoint(reactor, server).connect(factory)
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
    server: Origin,
    cloud_id: str,
    password: str,
    trust: ServerTrust,
    trust_root: TrustRoot | None,
) -> str:
    """
    :raises StepFailed: Cloud ID and password get no tunnel.
    """
    try:
        identity = SystemIdentity(cloud_id, password)
    except UnusablePassword as error:
        raise StepFailed(str(error)) from error
    tls = RecordingTLS(server, trust_root) if server.tls else None
    ending = _Ending()
    worker = ThreadWorker(reactor, "proof", 1)
    authentication = Authentication(
        server, identity, trust, ending, reactor, worker, tls
    )
    try:
        await authentication.connect(_endpoint(reactor, server))
        outcome = await ending.outcome
    except Exception as error:
        raise StepFailed(reason_of(error)) from error
    finally:
        worker.stop()
    match outcome:
        case None:
            return f"{server} and {identity.cloud_id} have proven it to each other"
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


async def check_log_in(admin_file: Path | None, users_file: Path | None) -> str:
    """
    :raises StepFailed: the files can't be used, or nobody can log in by them.
    """
    credentials = Credentials(admin_file, users_file)
    try:
        credentials.load()
    except CredentialsError as error:
        raise StepFailed(str(error)) from error
    if not credentials.admin.is_set:
        place = "" if admin_file is None else f" in {admin_file}"
        raise StepFailed(
            f"there is no admin password{place}: every log-in is refused, users' too"
        )
    count = len(credentials.users.hashes)
    return f"there is an admin password, and {count} user{'' if count == 1 else 's'}"


async def check_target(reactor: Any, target: Origin) -> str:
    """
    :raises StepFailed: nothing that speaks HTTP is there.
    """
    code, phrase = await _ask(reactor, target, Headers())
    return f"{target} answers {code} {phrase}".rstrip()


async def check_credential(reactor: Any, target: Origin, file: Path) -> str:
    """
    :raises StepFailed: the file can't be used, or the target does not take what is in
        it.
    """
    try:
        header = TargetHeader.load(file)
    except TargetHeaderError as error:
        raise StepFailed(str(error)) from error
    fields = Headers()
    for _, line in header.lines:
        name, _, value = line.rstrip().partition(b": ")
        fields.setRawHeaders(name, [value])
    code, phrase = await _ask(reactor, target, fields)
    answer = f"{target} answers {code} {phrase}".rstrip()
    if code in (401, 403):
        raise StepFailed(
            f"{answer} to a request with it; compare {file} with what the device "
            "expects"
        )
    return f"{answer} to a request with it"


async def _ask(reactor: Any, target: Origin, fields: Headers) -> tuple[int, str]:
    """Status and phrase for ``GET /`` with ``fields``."""
    if not fields.hasHeader("user-agent"):
        fields.setRawHeaders("User-Agent", [AGENT])
    agent: IAgent = Agent(reactor, connectTimeout=STEP_SECONDS)
    asking = agent.request(b"GET", f"{target}/".encode("ascii"), fields)
    try:
        response = await asking.addTimeout(STEP_SECONDS, reactor)
    except Exception as error:
        raise StepFailed(
            f"{target}: {reason_of(error)}; check --target, and that the device's web "
            "UI runs"
        ) from error
    visit = _Visit()
    response.deliverBody(visit)
    await visit.left
    return response.code, printable(response.phrase.decode("latin-1"))


def _endpoint(reactor: Any, server: Origin) -> HostnameEndpoint:
    return HostnameEndpoint(reactor, server.host, server.port, timeout=STEP_SECONDS)


def _names(received: ReceivedCertificate) -> str:
    return ", ".join(received.names) or "no name"


class _Visit(Protocol):
    """Knocks and leaves."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.left: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.left.callback(None)


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
