"""What the server keeps of a Cloud password, and what it shows where there is none."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from scramp import ScramException, ScramMechanism

from cfos_cloud.cloud_id import fold
from cfos_cloud.cloud_password import CHOSEN_ITERATIONS, GENERATED_ITERATIONS
from cfos_cloud.tunnel.scram_messages import PLAIN

#: Bytes of the salt of every verifier.
SALT_BYTES = 32


class UnusablePassword(ValueError):
    """A password that SCRAM can't use: empty, or refused by SASLprep (RFC 4013)."""


@dataclass(frozen=True)
class Verifier:
    """What the server keeps of a password (RFC 5802 §3)."""

    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    iterations: int


def make_verifier(password: str, iterations: int) -> Verifier:
    """
    A verifier with a new salt. Costs CPU by ``iterations``: call it in a thread.

    :raises UnusablePassword: SCRAM can't use the password.
    """
    if not password:
        raise UnusablePassword("the password is empty")
    try:
        salt, stored_key, server_key, count = ScramMechanism(PLAIN).make_auth_info(
            password, iterations, salt=secrets.token_bytes(SALT_BYTES)
        )
    except ScramException as error:
        raise UnusablePassword(
            f"the password can't be used: {error.args[0]}"
        ) from error
    return Verifier(salt, stored_key, server_key, count)


def is_guessable(verifier: Verifier) -> bool:
    """Whether its password may have been chosen by somebody: not one of 130 bits."""
    return verifier.iterations != GENERATED_ITERATIONS


@dataclass(frozen=True)
class FakeVerifiers:
    """
    Verifiers for Cloud IDs that nobody has, so that none can be told from another.

    The same ID gets the same verifier, for as long as ``secret`` is kept. One in
    four asks for the iterations of a chosen password.
    """

    secret: bytes = field(repr=False)

    def make(self, cloud_id: str) -> Verifier:
        """The verifier of any text, without regard to its case."""
        name = fold(cloud_id).encode("utf-8", "surrogatepass")

        def derive(purpose: bytes) -> bytes:
            return hmac.digest(self.secret, purpose + b":" + name, hashlib.sha256)

        chosen = derive(b"iterations")[0] % 4 == 0
        return Verifier(
            salt=derive(b"salt"),
            stored_key=derive(b"stored key"),
            server_key=derive(b"server key"),
            iterations=CHOSEN_ITERATIONS if chosen else GENERATED_ITERATIONS,
        )
