"""The servers' public keys that a device end remembers: its pin file."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cfos_cloud.secret_files import write_secret

FILE_NAME = "server-keys.json"
#: A device end knows a few servers, never as many as fit into this.
MAX_FILE_BYTES = 64 * 1024

_PIN = re.compile(r"[0-9a-f]{64}\Z")


class PinFileError(Exception):
    """The pin file can't be used; the message names it and says what to do."""


def pin_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's SubjectPublicKeyInfo, in hexadecimal."""
    key = certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(key).hexdigest()


class PinFile:
    """
    One pin per server, by ``host:port``, in ``server-keys.json``.

    The file is read at every look, so that what a person deletes in it is gone at
    once. What could not be written stays known for as long as this object lives.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._unwritten: dict[str, str] = {}

    def get(self, server: str) -> str | None:
        """
        The pin of ``server``, if there is one.

        :raises PinFileError: the file is there and can't be understood.
        """
        return self._unwritten.get(server) or self._read().get(server)

    def put(self, server: str, pin: str) -> None:
        """
        Remember ``pin`` for ``server``, in the place of an earlier one.

        :raises PinFileError: it can't be written; it is remembered until the end of
            this process.
        """
        self._unwritten[server] = pin
        pins = self._read() | {server: pin}
        try:
            write_secret(self.path, json.dumps(pins, indent=2, sort_keys=True) + "\n")
        except OSError as error:
            raise PinFileError(
                f"can't write {self.path}: {error.strerror}; give the device end a "
                "--state-dir that it can write to"
            ) from error
        del self._unwritten[server]

    def check_writable(self) -> None:
        """
        Make the directory if need be, and see that pins can be kept in it.

        :raises PinFileError: they can't.
        """
        directory = self.path.parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PinFileError(f"can't make {directory}: {error.strerror}") from error
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PinFileError(f"can't write to {directory}")
        self._read()

    def _read(self) -> dict[str, str]:
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PinFileError(f"can't read {self.path}: {error.strerror}") from error
        try:
            pins = json.loads(data[: MAX_FILE_BYTES + 1])
        except (ValueError, RecursionError):
            pins = None
        if (
            not isinstance(pins, dict)
            or len(data) > MAX_FILE_BYTES
            or not all(isinstance(p, str) and _PIN.match(p) for p in pins.values())
        ):
            raise PinFileError(
                f"{self.path} is damaged; delete it to accept the server's key anew"
            )
        return pins
