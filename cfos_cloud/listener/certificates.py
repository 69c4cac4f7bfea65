"""The server's certificate in the data directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.listener.certificate import Certificate, PrivateKey
from cfos_cloud.listener.certificate_check import (
    BadCertificate,
    OutOfDate,
    belong_together,
    check_dates,
    read_chain,
    read_key,
    read_pair,
)
from cfos_cloud.listener.self_signed import made_here, make_self_signed, new_key
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret

__all__ = ["Certificate", "CertificateError", "CertificateStore"]

#: Time before its end at which a certificate of our own is replaced, and one of
#: somebody else's complained about.
RENEW_BEFORE = timedelta(days=30)


class CertificateError(Exception):
    """The files can't be used or written; the message says why in one line."""


class CertificateStore:
    """
    ``tls/key.pem`` and ``tls/certificate.pem`` in the data directory, both 0600.

    A self-signed certificate of our own is made where there is none, and again
    with the same key when it nears its end or is for other names: devices know
    the server by its key. Any other certificate is the operator's and never
    touched.

    :param names: what a certificate of our own is for; the first is its common
        name.
    :param now: the time, aware of its zone.
    """

    _log = Logger()

    def __init__(
        self, data_dir: Path, names: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._directory = data_dir / "tls"
        self._key_path = self._directory / "key.pem"
        self._certificate_path = self._directory / "certificate.pem"
        self._names = tuple(names)
        self._now = now

    def load(self) -> Certificate:
        """
        What is to be served now, made or renewed if need be.

        One of the operator's that is out of date is returned too, with an error in
        the log: the server has to run for a new one to be imported.

        :raises CertificateError: a file is damaged, doesn't belong to the other,
            or can't be read or written. Nothing has been changed then.
        """
        try:
            return self._load()
        except (SecretFileError, OSError) as error:
            raise CertificateError(str(error)) from error
        except BadCertificate as error:
            raise CertificateError(f"{self._directory}: {error}") from error

    def _load(self) -> Certificate:
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
        key = read_key(key_pem)
        if not ours:
            return self._of_the_operator(certificate_pem, key_pem)
        if not belong_together(chain[0], key):
            # The end of a crash after the first of two files was written.
            return self._make(key)
        certificate = Certificate(chain, key)
        return self._make(key) if self._is_due(certificate) else certificate

    def _of_the_operator(self, certificate_pem: bytes, key_pem: bytes) -> Certificate:
        certificate = read_pair(certificate_pem, key_pem)
        now = self._now()
        try:
            check_dates(certificate, now)
        except OutOfDate as error:
            self._log.error(
                "the imported certificate is out of date, import a new one: {reason}",
                reason=str(error),
            )
        else:
            if certificate.not_after - now < RENEW_BEFORE:
                self._log.warn(
                    "the imported certificate expires on {not_after:%Y-%m-%d}, "
                    "import a new one",
                    not_after=certificate.not_after,
                )
        return certificate

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
