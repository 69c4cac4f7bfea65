"""TLS towards the server: any certificate may pass, and what a CA says is noted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, platformTrust
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from cfos_cloud import alpn
from cfos_cloud.device.origin import Origin

if TYPE_CHECKING:
    from twisted.internet._sslverify import IOpenSSLTrustRoot

    TrustRoot = IOpenSSLTrustRoot


@dataclass(frozen=True)
class ReceivedCertificate:
    """
    What a server has shown on one connection. ``problem`` says in a few words why no
    CA vouches for it under this host's name; ``None``: one does.
    """

    certificate: x509.Certificate
    problem: str | None
    tls_version: str = ""

    @property
    def der(self) -> bytes:
        """The certificate as it was received."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def names(self) -> list[str]:
        """The hosts that it is for, by name or address."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except (x509.ExtensionNotFound, ValueError):
            return []
        addresses = extension.get_values_for_type(x509.IPAddress)
        return [
            *extension.get_values_for_type(x509.DNSName),
            *(str(address) for address in addresses),
        ]


@implementer(IOpenSSLClientConnectionCreator)
class RecordingTLS:
    """
    The client's side of one connection: TLS 1.2 or later, SNI unless the host is an
    address, ALPN ``http/1.1``, and beside it the word that a tunnel is to come.

    The handshake takes any certificate; the caller decides by :meth:`received`
    before it sends the first byte.

    :param trust_root: the CAs to ask, the platform's by default.
    """

    def __init__(self, server: Origin, trust_root: TrustRoot | None = None) -> None:
        self._server = server
        self._trust_root = trust_root
        self._problem: str | None = None

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Called by Twisted, once."""
        options = CertificateOptions(trustRoot=self._trust_root or platformTrust())
        connection = SSL.Connection(options.getContext(), None)
        # Not by the options: of a client's they would say nothing.
        connection.set_alpn_protos([alpn.HTTP_1_1, alpn.TUNNEL])
        if not self._server.is_address:
            connection.set_tlsext_host_name(self._server.host.encode("ascii"))
        connection.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._note
        )
        return connection

    def received(self, connection: SSL.Connection) -> ReceivedCertificate:
        """
        The server's certificate, once the handshake of ``connection`` is over.

        :raises ValueError: it can't be understood.
        """
        shown = connection.get_peer_certificate()
        if shown is None:
            raise ValueError("the server has shown no certificate")
        certificate = shown.to_cryptography()
        problem = self._problem or self._name_problem(certificate)
        version = connection.get_protocol_version_name()
        return ReceivedCertificate(certificate, problem, version)

    def _note(
        self,
        connection: SSL.Connection,
        shown: crypto.X509,
        error: int,
        depth: int,
        ok: int,
    ) -> bool:
        if not ok and self._problem is None:
            self._problem = _PROBLEMS.get(
                error, f"OpenSSL's verification error {error}"
            )
        return True

    def _name_problem(self, certificate: x509.Certificate) -> str | None:
        host = self._server.host
        try:
            if self._server.is_address:
                verify_certificate_ip_address(certificate, host)
            else:
                verify_certificate_hostname(certificate, host)
        except (VerificationError, CertificateError, ValueError):
            return f"it is not for {host}"
        return None


#: ``X509_V_ERR_*`` of OpenSSL that a person can do something about.
_PROBLEMS = {
    2: "its issuer is not known",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a CA that is not trusted",
    20: "its issuer is not known",
    21: "its issuer is not known",
}
