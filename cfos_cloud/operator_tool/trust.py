"""
Whether the password may go to this server: a CA vouches for it, or it has the key
that it had the first time, as ssh does it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from cfos_cloud.device.pins import PinFile, PinFileError, pin_of
from cfos_cloud.operator_tool.errors import (
    BadUsage,
    ServerKeyChanged,
    ToolError,
    UnknownServerKey,
)
from cfos_cloud.operator_tool.server_address import ServerAddress

Say = Callable[[str], None]


class KnownKeys:
    """
    The keys of servers, by ``host:port``. The first one that is seen is kept, unless
    somebody can be asked about it; a later one if ``accept_new``. ``say`` gets a line
    for the person about that.

    Keys and not certificates: a self-signed one is renewed with the same key.

    :param can_ask: a first key is not taken at once, but told of by
        :class:`UnknownServerKey`.
    :ivar trusted: the pin of the key that was last found right, or remembered.
    """

    def __init__(
        self, pins: PinFile, accept_new: bool, say: Say, can_ask: bool = False
    ) -> None:
        self._pins = pins
        self._accept_new = accept_new
        self._say = say
        self._can_ask = can_ask
        self.trusted: str | None = None

    def check(self, server: ServerAddress, certificate: x509.Certificate) -> None:
        """
        :raises ServerKeyChanged: it is not the key that is known.
        :raises UnknownServerKey: none is known, and somebody can be asked.
        :raises ToolError: the file of keys can't be understood.
        """
        pin = pin_of(certificate)
        try:
            known = self._pins.get(server.netloc)
        except PinFileError as error:
            raise ToolError(str(error)) from error
        if known == pin:
            self.trusted = pin
            return
        fingerprint = certificate.fingerprint(SHA256()).hex(":").upper()
        if known is not None and not self._accept_new:
            raise ServerKeyChanged(
                f"{server.netloc} has another key than before, somebody may be in "
                f"between (certificate SHA-256 {fingerprint}); if it is right, "
                "--accept-new-key takes it"
            )
        if known is None and self._can_ask:
            raise UnknownServerKey(
                f"no CA vouches for {server.netloc}, and its key is not known yet "
                f"(certificate SHA-256 {fingerprint})",
                pin,
            )
        self._say(
            f"{server.netloc} is known by its key from now on "
            f"(certificate SHA-256 {fingerprint})"
        )
        self.remember(server, pin)

    def remember(self, server: ServerAddress, pin: str) -> None:
        """From now on ``server`` is the one with this key, if that can be kept."""
        self.trusted = pin
        try:
            self._pins.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._pins.put(server.netloc, pin)
        except (OSError, PinFileError):
            self._say(f"{self._pins.path} can't be written, so only for this time")


@implementer(IPolicyForHTTPS)
class FirstUseTrust:
    """Any certificate that a CA vouches for; any other one by its known key."""

    def __init__(self, server: ServerAddress, keys: KnownKeys) -> None:
        self._server = server
        self._keys = keys

    @property
    def pin(self) -> str | None:
        """Of the key by which the server is known; ``None``: a CA vouches for it."""
        return self._keys.trusted

    def accept(self, pin: str) -> None:
        """The server is the one with this key: somebody says so who knows."""
        self._keys.remember(self._server, pin)

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return _FirstUseConnection(self._server, self._keys)


@implementer(IOpenSSLClientConnectionCreator)
class _FirstUseConnection:
    """Decides within the handshake, before anything is sent."""

    def __init__(self, server: ServerAddress, keys: KnownKeys) -> None:
        self._server = server
        self._keys = keys

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        options = CertificateOptions(trustRoot=platformTrust())
        connection = SSL.Connection(options.getContext(), None)
        if not self._server.is_address:
            connection.set_tlsext_host_name(self._server.host.encode("ascii"))
        vouched = True

        def verify(
            _connection: SSL.Connection,
            shown: crypto.X509,
            _error: int,
            depth: int,
            ok: int,
        ) -> bool:
            # OpenSSL comes here for each trouble and, last, for the leaf (depth 0).
            nonlocal vouched
            vouched = vouched and bool(ok)
            if depth > 0:
                return True
            try:
                certificate = shown.to_cryptography()
                if not (vouched and self._has_our_name(certificate)):
                    self._keys.check(self._server, certificate)
            except Exception as error:  # nothing may leave a callback of OpenSSL's
                reason = error
                if not isinstance(error, ToolError):
                    reason = ToolError("the server's certificate is not understood")
                failure = Failure(reason)
                tlsProtocol.failVerification(failure)
                return False
            return True

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection

    def _has_our_name(self, certificate: x509.Certificate) -> bool:
        try:
            if self._server.is_address:
                verify_certificate_ip_address(certificate, self._server.host)
            else:
                verify_certificate_hostname(certificate, self._server.host)
        except (VerificationError, CertificateError, ValueError):
            return False
        return True


@implementer(IPolicyForHTTPS)
class CAFileTrust:
    """
    Only what a CA in ``path`` (PEM) vouches for.

    :raises BadUsage: there is none in it.
    """

    def __init__(self, path: Path) -> None:
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
        except OSError as error:
            raise BadUsage(f"can't read {path}: {error.strerror}") from error
        except ValueError as error:
            raise BadUsage(f"{path} has no certificates in PEM") from error
        own = [Certificate(crypto.X509.from_cryptography(one)) for one in found]
        self._root = trustRootFromCertificates(own)

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return optionsForClientTLS(hostname.decode("ascii"), trustRoot=self._root)


@implementer(IPolicyForHTTPS, IOpenSSLClientConnectionCreator)
class NoTrust:
    """Anything goes: ``--insecure``."""

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return self

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        context = CertificateOptions(verify=False).getContext()
        return SSL.Connection(context, None)
