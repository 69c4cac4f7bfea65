"""TLS with a certificate that can be changed while the server runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_pem import BadCertificate

if TYPE_CHECKING:
    from twisted.protocols.tls import TLSMemoryBIOProtocol

#: Cipher suites for TLS 1.2: Mozilla's "intermediate" profile without its DHE
#: suites. Each of those lets a client make the server work hard for next to
#: nothing (CVE-2002-20001), and no browser of the last ten years needs them.
TLS_1_2_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

#: Cipher suites for TLS 1.3: all of that profile.
TLS_1_3_CIPHERS = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)

#: Groups for the key exchange, in the two spellings tried in turn: that profile's,
#: before them the hybrid which no recording of today's traffic outlives, as
#: browsers already ask for it. OpenSSL before 3.5 does not know that one.
GROUPS = (b"X25519MLKEM768:X25519:P-256:P-384", b"X25519:P-256:P-384")

#: The one protocol spoken inside (RFC 7301).
HTTP_1_1 = b"http/1.1"


@implementer(IOpenSSLServerConnectionCreator)
class ReloadableTLS:
    """
    The TLS end of a server, for
    :class:`twisted.protocols.tls.TLSMemoryBIOFactory`: TLS 1.2 and 1.3 by
    Mozilla's "intermediate" profile, and HTTP/1.1 as the only protocol.

    :param certificate: the first one to serve; without it :meth:`use` has to come
        before the first connection.
    :raises BadCertificate: OpenSSL does not take it.
    """

    def __init__(self, certificate: Certificate | None = None) -> None:
        if certificate is not None:
            self.use(certificate)

    @property
    def certificate(self) -> Certificate:
        """The one that new connections get."""
        return self._certificate

    def check(self, certificate: Certificate) -> None:
        """
        :raises BadCertificate: OpenSSL does not take it.
        """
        _context(certificate)

    def use(self, certificate: Certificate) -> None:
        """
        Serve this certificate from now on. Connections that are open, or in their
        handshake, keep the one they began with. TLS sessions can't be resumed
        across this call, as each one draws new keys for session tickets.

        :raises BadCertificate: OpenSSL does not take it; the old one stays.
        """
        # An OpenSSL context must not be changed once a connection came from it.
        self._context = _context(certificate)
        self._certificate = certificate

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Called by Twisted for each connection."""
        return SSL.Connection(self._context)


def _context(certificate: Certificate) -> SSL.Context:
    try:
        return server_context(certificate)
    except SSL.Error as error:
        entries = error.args[0] if error.args else ()
        reasons = [entry[2] for entry in entries if entry[2:]]
        raise BadCertificate(
            f"OpenSSL refuses it: {', '.join(reasons) or 'it does not say why'}"
        ) from error


def server_context(certificate: Certificate) -> SSL.Context:
    """
    :raises OpenSSL.SSL.Error: OpenSSL does not take the certificate, say for a
        key that is not its own.
    """
    # Twisted's CertificateOptions is not used: it fails the handshake of a client
    # whose ALPN list has nothing in common with ours, and offers h2 on its own
    # where a factory behind it happens to be able to.
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    # Without this each idle connection, a tunnel say, holds two buffers of 16 KiB.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(certificate.leaf)
    for each in certificate.chain[1:]:
        context.add_extra_chain_cert(each)
    context.use_privatekey(certificate.key)
    context.check_privatekey()
    _limit_groups(context)
    context.set_alpn_select_callback(_select_protocol)
    context.set_tls13_ciphersuites(":".join(TLS_1_3_CIPHERS).encode("ascii"))
    context.set_cipher_list(":".join(TLS_1_2_CIPHERS).encode("ascii"))
    return context


def served_certificate(transport: object) -> bytes | None:
    """
    The certificate, in DER, that this very connection's client received from us,
    whatever has been put in use since; ``None`` without TLS.
    """
    get_handle = getattr(transport, "getHandle", None)
    handle = get_handle() if callable(get_handle) else None
    if not isinstance(handle, SSL.Connection):
        return None
    certificate = handle.get_certificate(as_cryptography=True)
    return None if certificate is None else certificate.public_bytes(Encoding.DER)


def _limit_groups(context: SSL.Context) -> None:
    # pyOpenSSL can name no more than one group (set_tmp_ecdh). Where its binding
    # lacks this call OpenSSL's own list stays, which is longer, but not weak.
    library = getattr(SSL, "_lib", None)
    set_groups = getattr(library, "SSL_CTX_set1_curves_list", None)
    if library is None or set_groups is None:
        return
    for groups in GROUPS:
        if set_groups(context._context, groups) == 1:
            break
    # What a refused spelling leaves there would be taken for a later call's error.
    library.ERR_clear_error()


def _select_protocol(
    connection: SSL.Connection, offered: Sequence[bytes]
) -> bytes | SSL._NoOverlappingProtocols:
    # RFC 7301 §3.2 would end the handshake where nothing overlaps. Going on without
    # ALPN serves the clients whose list leaves out the HTTP/1.1 that they speak.
    return HTTP_1_1 if HTTP_1_1 in offered else SSL.NO_OVERLAPPING_PROTOCOLS
