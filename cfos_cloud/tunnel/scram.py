"""
SCRAM over HTTP (RFC 7804) as the tunnel uses it: both ends of one handshake.

The mechanisms are SCRAM-SHA-256 (RFC 7677) and SCRAM-SHA-256-PLUS with the
binding ``tls-server-end-point`` (RFC 5929), the second one our extension of
RFC 7804. Header values in, header values out; no transport here.
"""

from cfos_cloud.tunnel.scram_binding import UnsupportedCertificate, end_point_binding
from cfos_cloud.tunnel.scram_client import (
    MAX_ITERATIONS,
    ClientHandshake,
    HandshakeError,
    MechanismRefused,
    ServerNotProven,
)
from cfos_cloud.tunnel.scram_messages import MAX_DATA_CHARACTERS, PLAIN, PLUS, REALM
from cfos_cloud.tunnel.scram_pending import (
    MAX_PENDING,
    MAX_PENDING_OF_SOURCE,
    PENDING_SECONDS,
    PendingHandshakes,
)
from cfos_cloud.tunnel.scram_server import (
    Challenge,
    Proven,
    Refused,
    ServerHandshake,
)
from cfos_cloud.tunnel.scram_verifier import (
    SALT_BYTES,
    FakeVerifiers,
    UnusablePassword,
    Verifier,
    make_verifier,
)

__all__ = [
    "MAX_DATA_CHARACTERS",
    "MAX_ITERATIONS",
    "MAX_PENDING",
    "MAX_PENDING_OF_SOURCE",
    "PENDING_SECONDS",
    "PLAIN",
    "PLUS",
    "REALM",
    "SALT_BYTES",
    "Challenge",
    "ClientHandshake",
    "FakeVerifiers",
    "HandshakeError",
    "MechanismRefused",
    "PendingHandshakes",
    "Proven",
    "Refused",
    "ServerHandshake",
    "ServerNotProven",
    "UnsupportedCertificate",
    "UnusablePassword",
    "Verifier",
    "end_point_binding",
    "make_verifier",
]
