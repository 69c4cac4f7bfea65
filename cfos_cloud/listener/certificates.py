"""The server's certificates in the data directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.listener.certificate import Certificate, PrivateKey
from cfos_cloud.listener.certificate_check import belong_together, read_pair
from cfos_cloud.listener.certificate_pem import (
    BadCertificate,
    read_chain,
    read_key,
)
from cfos_cloud.listener.imported import ImportedCertificates
from cfos_cloud.listener.self_signed import made_here, make_self_signed, new_key
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret

__all__ = [
    "Certificate",
    "CertificateError",
    "CertificateStore",
    "NotImported",
]

#: Time before its end at which a certificate of our own is replaced.
RENEW_BEFORE = timedelta(days=30)


class CertificateError(Exception):
    """The files can't be used or written; the message says why in one line."""


class NotImported(Exception):
    """This certificate is the server's own, which can't be removed."""


class CertificateStore:
    """
    The directory ``tls`` in the data directory; its files are 0600.

    ``imported*.pem`` are the operator's: a private key and its chain in each. Both
    are in one file, so that nobody ever finds the key of one and the chain of
    another. Where there are any, they are used, and none is touched but by an import
    of one that replaces it.

    Without them there are ``key.pem`` and ``certificate.pem``, self-signed, made where
    there is none, and again with the same key when the certificate nears its end or
    is for other names: devices know the server by its key. A pair there that was not
    made here is the operator's, too.

    :param names: what a certificate of our own is for; the first is its common
        name.
    :param now: the time, aware of its zone.
    """

    _log = Logger()

    def __init__(
        self, data_dir: Path, names: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._directory = data_dir / "tls"
        self._imported = ImportedCertificates(self._directory)
        self._key_path = self._directory / "key.pem"
        self._certificate_path = self._directory / "certificate.pem"
        self._names = tuple(names)
        self._now = now
        self._read_before: tuple[tuple[bytes, bytes], Certificate] | None = None

    def load(self) -> tuple[Certificate, ...]:
        """
        What is to be served now: those of the operator's, the one that was imported
        last first; else our own, made or renewed if need be.

        One of the operator's that is out of date is returned, too: the server has
        to run for a new one to be imported.

        :raises CertificateError: a file is damaged, doesn't belong to the other,
            or can't be read or written. Nothing has been changed then.
        """
        try:
            return self._imported.load() or (self._own(),)
        except (SecretFileError, OSError) as error:
            raise CertificateError(str(error)) from error
        except BadCertificate as error:
            raise CertificateError(f"{self._directory}: {error}") from error

    def keep(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """
        Have :meth:`load` give this certificate of the operator's from now on, first,
        and none that it replaces; the answer is what it gives. It is on the disk when
        this returns; a crash at any moment before leaves what was there, or that and
        this, each whole.

        :raises BadCertificate: there is no room for another.
        :raises CertificateError: it can't be written; what was there stays.
        """
        try:
            return self._imported.add(certificate)
        except OSError as error:
            raise CertificateError(
                f"can't write {self._imported.newest}: {error.strerror}"
            ) from error

    def remove(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """
        Have :meth:`load` no longer give this certificate of the operator's; the
        answer is what it gives.

        :raises NotImported: it is none of those.
        :raises CertificateError: it can't be removed, or it is the last one and our
            own can't be used; then it stays.
        """
        try:
            imported = self._imported.load()
            if certificate not in imported:
                raise NotImported
            left = tuple(each for each in imported if each != certificate)
            left = left or (self._own(),)
            self._imported.remove(certificate)
        except (SecretFileError, OSError) as error:
            raise CertificateError(str(error)) from error
        except BadCertificate as error:
            raise CertificateError(f"{self._directory}: {error}") from error
        return left

    def tidy(self) -> None:
        """
        Remove what a crash in the middle of writing has left, for it may hold a key.
        Only while nobody writes.
        """
        self._imported.tidy()
        for path in self._directory.glob(".*.pem.*.new"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._log.warn(
                    "can't remove {path}, which may hold a private key: {reason}",
                    path=str(path),
                    reason=error.strerror,
                )

    def _own(self) -> Certificate:
        key_pem = _read(self._key_path)
        certificate_pem = _read(self._certificate_path)
        if certificate_pem is None:
            return self._make(None if key_pem is None else read_key(key_pem))
        chain = read_chain(certificate_pem)
        ours = made_here(chain[0])
        if key_pem is None:
            if not ours:
                raise BadCertificate("key.pem is missing")
            return self._make(None)
        if not ours:
            return self._of_the_operator(certificate_pem, key_pem)
        key = read_key(key_pem)
        if not belong_together(chain[0], key):
            # The end of a crash after the first of two files was written.
            return self._make(key)
        certificate = Certificate(chain, key)
        return self._make(key) if self._is_due(certificate) else certificate

    def _of_the_operator(self, certificate_pem: bytes, key_pem: bytes) -> Certificate:
        # To read a key of 4,096 bits takes long enough to be felt elsewhere.
        pair = certificate_pem, key_pem
        if self._read_before is None or self._read_before[0] != pair:
            self._read_before = pair, read_pair(*pair)
        return self._read_before[1]

    def _is_due(self, certificate: Certificate) -> bool:
        now = self._now()
        return (
            certificate.not_after - now < RENEW_BEFORE
            # Made under a clock that was ahead.
            or now < certificate.not_before
            or set(certificate.names) != set(self._names)
        )

    def _make(self, key: PrivateKey | None) -> Certificate:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = key is not None
        certificate = make_self_signed(key or new_key(), self._names, self._now())
        if not kept:
            # First, so that a crash in between leaves a key to go on with.
            write_secret(self._key_path, certificate.key_pem)
        write_secret(self._certificate_path, certificate.certificate_pem)
        self._log.info(
            "self-signed certificate made with {which} key, "
            "valid until {not_after:%Y-%m-%d}, SHA-256 {fingerprint}",
            which="the same" if kept else "a new",
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
        )
        return certificate


def _read(path: Path) -> bytes | None:
    return read_secret(path).encode("utf-8") if path.exists() else None
