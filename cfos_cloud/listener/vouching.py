"""Does a certificate authority vouch for a certificate?"""

from __future__ import annotations

from datetime import datetime

from OpenSSL import SSL, crypto

from cfos_cloud.listener.certificate import Certificate


def a_ca_vouches_for(certificate: Certificate, now: datetime) -> bool:
    """
    Whether its chain leads to a CA that this machine trusts, and all of it is valid at
    ``now``. So it is with most browsers, too; one that a server made for itself, or
    that stands in the machine's list by itself, does not count. Takes milliseconds, and
    reads the machine's list anew.
    """
    if certificate.self_signed:
        return False
    # A context knows where the platform keeps its list, a store alone does not.
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_default_verify_paths()
    store = context.get_cert_store()
    if store is None:
        return False
    store.set_time(now)
    leaf, *others = map(crypto.X509.from_cryptography, certificate.chain)
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except (crypto.X509StoreContextError, crypto.Error):
        return False
    return True
