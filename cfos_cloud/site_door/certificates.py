"""The certificate of the door: made here, or kept up to date by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol as Interface

from cryptography import x509
from twisted.logger import Logger

from cfos_cloud.device.door import DoorError
from cfos_cloud.device.fingerprint_tool import OWN_CERTIFICATE
from cfos_cloud.device.watched import Watched
from cfos_cloud.listener.certificate import Certificate, extension
from cfos_cloud.listener.certificate_check import (
    BadCertificate,
    OutOfDate,
    check_dates,
    check_pair,
    read_pair,
)
from cfos_cloud.listener.certificate_pem import read_chain
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.secret_files import SecretFileError, read_secret
from cfos_cloud.site_door.hosts import site_names

#: Seconds between two looks at whether it is to be renewed.
RENEWAL_SECONDS = 3600.0


class CertificateSource(Interface):
    """Where the certificate comes from."""

    def load(self) -> Certificate:
        """
        What is to be served from the start.

        :raises DoorError: there is none that could be.
        """

    def opened_as(self, host: str) -> None:
        """The server's word on the name that people open."""

    def poll(self) -> Certificate | None:
        """What is to be served from now on; ``None``: what is. To be asked often."""


class OwnCertificate:
    """
    Self-signed, in the state directory; renewed with the same key before it ends, and
    when people open other host names.

    :param guess: the name that it is for until the server says, if there is none yet.
    :param further: names of the further devices of the site.
    """

    log = Logger()

    def __init__(
        self,
        state_directory: Path,
        guess: str,
        now: Callable[[], datetime],
        further: Sequence[str] = (),
    ) -> None:
        self._directory = state_directory
        self._further = further
        self._now = now
        self._host = self._host_before() or guess
        self._due: datetime | None = None

    def load(self) -> Certificate:
        names = site_names(self._host, self._further)
        store = CertificateStore(self._directory, names, self._now)
        try:
            return store.load()[0]
        except CertificateError as error:
            raise DoorError(str(error)) from error

    def opened_as(self, host: str) -> None:
        if host != self._host:
            self._host, self._due = host, None

    def poll(self) -> Certificate | None:
        now = self._now()
        if self._due is not None and 0 <= (now - self._due).total_seconds() < (
            RENEWAL_SECONDS
        ):
            return None
        self._due = now
        try:
            return self.load()
        except DoorError as error:
            self.log.error("the certificate can't be renewed: {why}", why=str(error))
            return None

    def _host_before(self) -> str | None:
        try:
            pem = read_secret(self._directory / OWN_CERTIFICATE).encode()
            leaf = read_chain(pem)[0]
        except (SecretFileError, BadCertificate):
            # If it is there and damaged, load() says so.
            return None
        names = extension(leaf, x509.SubjectAlternativeName)
        found = [] if names is None else names.get_values_for_type(x509.DNSName)
        return found[0] if found else None


class CertificateFiles:
    """
    Somebody else's, certbot's say: read again when they change, and taken if they are a
    pair that is good now. Else the one that was stays in use.
    """

    log = Logger()

    def __init__(
        self, certificate: Path, key: Path, now: Callable[[], datetime]
    ) -> None:
        self._paths = certificate, key
        self._watched = Watched(certificate), Watched(key)
        self._now = now
        #: What was wrong at the last look, and whether the log has it.
        self._trouble: str | None = None
        self._complained = False

    def load(self) -> Certificate:
        self._has_changed()
        try:
            certificate = read_pair(*self._read())
        except (SecretFileError, BadCertificate) as error:
            raise DoorError(self._place(error)) from error
        try:
            check_dates(certificate, self._now())
        except OutOfDate as error:
            # A clock may be wrong at the start, and a new one can come any moment.
            self.log.warn("{why}", why=self._place(error))
        return certificate

    def opened_as(self, host: str) -> None:
        """They are for the names that they are for."""

    def poll(self) -> Certificate | None:
        if not self._has_changed():
            return None
        try:
            certificate = check_pair(*self._read(), self._now())
        except (SecretFileError, BadCertificate) as error:
            self._note(self._place(error))
            return None
        self._trouble, self._complained = None, False
        return certificate

    def _has_changed(self) -> bool:
        certificate, key = (watched.is_due() for watched in self._watched)
        return certificate or key

    def _read(self) -> tuple[bytes, bytes]:
        certificate, key = (read_secret(path).encode() for path in self._paths)
        return certificate, key

    def _place(self, error: Exception) -> str:
        if isinstance(error, BadCertificate):
            return f"{self._paths[error.part == 'private_key']}: {error}"
        return str(error)

    def _note(self, trouble: str) -> None:
        # Two files never change at once: what is mended by the next look is none.
        if trouble == self._trouble and not self._complained:
            self._complained = True
            self.log.error("{why}; the old certificate stays in use", why=trouble)
        elif trouble != self._trouble:
            self._trouble, self._complained = trouble, False
