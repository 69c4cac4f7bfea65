"""TLS with certificates that can be changed while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from cfos_cloud.alpn import HTTP_1_1
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_choice import CertificateChoice
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.listener.vouching import a_ca_vouches_for

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


def _utc_now() -> datetime:
    return datetime.now(UTC)


@implementer(IOpenSSLServerConnectionCreator)
class ReloadableTLS:
    """
    The TLS end of a server, for
    :class:`twisted.protocols.tls.TLSMemoryBIOFactory`: TLS 1.2 and 1.3 by
    Mozilla's "intermediate" profile, and HTTP/1.1 as the only protocol. Among several
    certificates the name that a client asks for decides (:class:`CertificateChoice`).

    Connections begin with the default, which may be resumed by session tickets; those
    that get another one get no tickets. For it is the ticket's keys, and not the name,
    that decide about a resumption: one across two certificates would leave the client
    with the one and :func:`served_certificate` with the other.

    :param certificates: the first ones to serve; without any :meth:`use` has to come
        before the first connection.
    :param main: the server's own name.
    :param now: the time, aware of its zone.
    :raises BadCertificate: OpenSSL does not take one.
    """

    def __init__(
        self,
        *certificates: Certificate,
        main: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._main = main
        self._now = now
        self._by_name: dict[Certificate, SSL.Context] = {}
        if certificates:
            self.use(*certificates)

    @property
    def certificate(self) -> Certificate:
        """The default, for new connections."""
        return self._certificate

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All that new connections may get, the one that was imported last first."""
        return self._certificates

    def choose(self, name: str) -> Certificate:
        """The one that a new connection gets whose client asks for ``name``."""
        return self._choice.by_name(name, self._now()) or self._certificate

    def check(self, certificate: Certificate) -> None:
        """
        :raises BadCertificate: OpenSSL does not take it.
        """
        _context(certificate)

    def use(self, *certificates: Certificate) -> None:
        """
        Serve these certificates from now on, the one that was imported last first.
        Connections that are open, or in their handshake, keep what they began with.
        TLS sessions can't be resumed across this call, as each one draws new keys for
        session tickets.

        :raises BadCertificate: OpenSSL does not take one; what was served stays.
        """
        choice = CertificateChoice(certificates, self._main)
        default = choice.default(self._now())
        several = len(certificates) > 1
        by_name = {
            each: self._by_name.get(each) or self._vouched(each)
            for each in certificates
            if several and each is not default
        }
        # An OpenSSL context must not be changed once a connection came from it.
        self._context = self._vouched(default, self._switch(choice, by_name))
        self._choice, self._by_name = choice, by_name
        self._certificate, self._certificates = default, certificates

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Called by Twisted for each connection."""
        return SSL.Connection(self._context)

    def _vouched(
        self,
        certificate: Certificate,
        switch: Callable[[SSL.Connection], None] | None = None,
    ) -> SSL.Context:
        context = _context(certificate, switch)
        context.set_app_data(a_ca_vouches_for(certificate, self._now()))
        return context

    def _switch(
        self, choice: CertificateChoice, by_name: dict[Certificate, SSL.Context]
    ) -> Callable[[SSL.Connection], None] | None:
        if not by_name:
            return None

        def switch(connection: SSL.Connection) -> None:
            asked = connection.get_servername()
            # A client that resumes has the default: nobody else has tickets.
            if asked is None or _is_resumed(connection):
                return
            # What is no ASCII (RFC 6066 §3) is nobody's name.
            found = choice.by_name(asked.decode("ascii", "replace"), self._now())
            context = None if found is None else by_name.get(found)
            if context is not None:
                connection.set_context(context)
                connection.set_options(SSL.OP_NO_TICKET)

        return switch


def _context(
    certificate: Certificate,
    switch: Callable[[SSL.Connection], None] | None = None,
) -> SSL.Context:
    try:
        return server_context(certificate, switch)
    except SSL.Error as error:
        entries = error.args[0] if error.args else ()
        reasons = [entry[2] for entry in entries if entry[2:]]
        raise BadCertificate(
            f"OpenSSL refuses it: {', '.join(reasons) or 'it does not say why'}"
        ) from error


def server_context(
    certificate: Certificate,
    switch: Callable[[SSL.Connection], None] | None = None,
) -> SSL.Context:
    """
    :param switch: called with each connection once its client has said what it asks
        for; must not raise.
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
    if switch is not None:
        context.set_tlsext_servername_callback(switch)
        if _session_reused() is None:
            context.set_options(SSL.OP_NO_TICKET)
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


def is_vouched_for(transport: object) -> bool:
    """
    Whether a CA vouches for the certificate that this very connection's client
    received from us, as it was judged when it came into use; not without TLS.
    """
    get_handle = getattr(transport, "getHandle", None)
    handle = get_handle() if callable(get_handle) else None
    # That of the name asked for, where another one took the default's place.
    return isinstance(handle, SSL.Connection) and (
        handle.get_context().get_app_data() is True
    )


def _session_reused() -> Callable[[object], int] | None:
    # pyOpenSSL does not offer it; its binding does.
    return getattr(getattr(SSL, "_lib", None), "SSL_session_reused", None)


def _is_resumed(connection: SSL.Connection) -> bool:
    session_reused = _session_reused()
    return session_reused is not None and session_reused(connection._ssl) == 1


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
