"""The server's own secret, from which its keyed hashes take their keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret

FILE = "server-secret"
SECRET_BYTES = 32
_ISSUER_BYTES = 16


class ServerSecret:
    """32 random bytes that stay: fake salts and form tokens depend on them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def in_directory(cls, data_dir: Path) -> ServerSecret:
        """
        The secret in ``DATA/server-secret`` (0600, hexadecimal), made where there is
        none.

        :raises SecretFileError: it can't be read or is none.
        :raises OSError: it can't be written.
        """
        path = data_dir / FILE
        if not path.exists():
            write_secret(path, secrets.token_hex(SECRET_BYTES) + "\n")
        try:
            secret = bytes.fromhex(read_secret(path))
        except ValueError as error:
            raise SecretFileError(f"{path} is not hexadecimal") from error
        if len(secret) != SECRET_BYTES:
            raise SecretFileError(f"{path} is not {SECRET_BYTES} bytes")
        return cls(secret)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, which tell nothing of those for another."""
        return hmac.digest(self._secret, purpose.encode(), hashlib.sha256)


def issuer_name(secret: ServerSecret) -> str:
    """``iss`` of this server's tokens: no other server has the same."""
    name = secret.derive("issuer of access keys")[:_ISSUER_BYTES]
    return "urn:cfos-cloud:" + base64.urlsafe_b64encode(name).rstrip(b"=").decode()
