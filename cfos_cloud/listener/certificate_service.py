"""Keep what is served the same as what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import check_pair
from cfos_cloud.listener.certificate_warnings import (
    CertificateWarning,
    WarningCode,
    warnings_of,
)
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.listener.self_signed import made_here

#: Seconds between two looks at the stored certificate.
CHECK_INTERVAL = 24 * 60 * 60.0


class UnknownCertificate(LookupError):
    """None that is served has this fingerprint."""


class CertificateUser(Protocol):
    """Whoever serves certificates, and can go on with others."""

    @property
    def certificate(self) -> Certificate: ...

    @property
    def certificates(self) -> tuple[Certificate, ...]: ...

    def choose(self, name: str) -> Certificate: ...

    def check(self, certificate: Certificate) -> None: ...

    def use(self, *certificates: Certificate) -> None: ...


class CertificateService(Service):
    """
    Takes certificates while the server runs. Once a day it loads the stored ones,
    which renews our own when that is due, has them served, and says in the log what
    the operator should do about them. If loading fails the old ones stay in use, and
    the log has the reason.

    :param user: serves what the store held at the start, by :meth:`load` if not yet.
    :param now: the time, aware of its zone.
    :param wanted: names under which the server is meant to be reached.
    :param events: learn of a certificate that was renewed, or that somebody has put
        into its file.
    """

    _log = Logger()

    def __init__(
        self,
        store: CertificateStore,
        user: CertificateUser,
        clock: IReactorTime,
        now: Callable[[], datetime],
        wanted: Sequence[str] = (),
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._store = store
        self._user = user
        self._now = now
        self._wanted = tuple(wanted)
        self._events = events
        self._loop = LoopingCall(self._check)
        self._loop.clock = clock

    def load(self) -> None:
        """
        Serve what is stored.

        :raises CertificateError: it can't be read or made.
        :raises BadCertificate: OpenSSL does not take it.
        """
        self._user.use(*self._store.load())

    @property
    def certificate(self) -> Certificate:
        """The one that new connections get unless they ask for another's name."""
        return self._user.certificate

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All that new connections may get, the one that was imported last first."""
        return self._user.certificates

    def choose(self, name: str) -> Certificate:
        """The one that a new connection gets which asks for ``name``."""
        return self._user.choose(name)

    @property
    def first_to_end(self) -> Certificate:
        """Of all of them."""
        return min(self.certificates, key=lambda each: each.not_after)

    @property
    def days_left(self) -> int:
        """Whole days until the first of them expires, negative after that."""
        return self.days_left_of(self.first_to_end)

    def days_left_of(self, certificate: Certificate) -> int:
        """Whole days until it expires, negative after that."""
        return certificate.days_left(self._now())

    @property
    def warnings(self) -> tuple[CertificateWarning, ...]:
        """What the operator should know about them now; with several, of which."""
        several = len(self.certificates) > 1
        return tuple(
            warning.about(", ".join(certificate.names)) if several else warning
            for certificate in self.certificates
            for warning in self.warnings_of(certificate)
        )

    def warnings_of(self, certificate: Certificate) -> tuple[CertificateWarning, ...]:
        """What the operator should know about this one."""
        # What none of them is for is missing in the one that everybody else gets.
        missing = [
            name
            for name in self._wanted
            if certificate == self.certificate
            and not any(each.covers(name) for each in self.certificates)
        ]
        return warnings_of(certificate, self._now(), missing)

    def replace(self, certificate_pem: bytes, key_pem: bytes) -> Certificate:
        """
        Check, store and serve another certificate, in the place of those that it
        replaces. Open connections keep theirs; it is on the disk before anybody gets
        it.

        :raises BadCertificate: it can't be served; nothing has changed.
        :raises CertificateError: it can't be stored; the old ones stay in use.
        """
        certificate = check_pair(certificate_pem, key_pem, self._now())
        self._user.check(certificate)
        self._user.use(*self._store.keep(certificate))
        self._log.info(
            "certificate imported, for {names}, valid until {not_after:%Y-%m-%d}, "
            "SHA-256 {fingerprint}",
            names=", ".join(certificate.names) or "no name",
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
        )
        self._complain()
        return certificate

    def remove(self, fingerprint: str) -> Certificate:
        """
        No longer serve an imported certificate, and forget its key. Open connections
        keep it.

        :param fingerprint: as :attr:`Certificate.fingerprint` has it; neither case
            nor colons matter.
        :raises UnknownCertificate: there is none.
        :raises NotImported: it is the server's own.
        :raises CertificateError: it can't be removed; it stays in use.
        """
        wanted = fingerprint.replace(":", "").upper()
        for certificate in self.certificates:
            if certificate.fingerprint.replace(":", "") == wanted:
                break
        else:
            raise UnknownCertificate(fingerprint)
        before = self.certificates
        self._user.use(*self._store.remove(certificate))
        self._tell_of_lost(before)
        self._complain()
        return certificate

    def startService(self) -> None:
        Service.startService(self)
        self._store.tidy()
        self._complain()
        self._loop.start(CHECK_INTERVAL, now=False)

    def stopService(self) -> None:
        Service.stopService(self)
        if self._loop.running:
            self._loop.stop()

    def _check(self) -> None:
        before = self.certificates
        try:
            # Unchanged ones too: TLS 1.2 tickets are only as good as their key is
            # young, and OpenSSL draws it anew with each use().
            self.load()
        except CertificateError as error:
            self._log.error("the certificate stays as it is: {reason}", reason=error)
        except Exception:
            # A LoopingCall that sees an exception never runs again.
            self._log.failure("the certificate stays as it is")
        else:
            for certificate in self.certificates:
                if certificate not in before:
                    self._tell_of_new(certificate)
            self._tell_of_lost(before)
        self._complain()

    def _tell_of_new(self, certificate: Certificate) -> None:
        self._log.info(
            "new certificate in use, valid until {not_after:%Y-%m-%d}, "
            "SHA-256 {fingerprint}",
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
        )
        ours = made_here(certificate.leaf)
        self._events.note(
            EventKind.CERTIFICATE_RENEWED if ours else EventKind.CERTIFICATE_IMPORTED,
            detail=f"SHA-256 {certificate.fingerprint}",
        )

    def _tell_of_lost(self, before: Sequence[Certificate]) -> None:
        for certificate in before:
            if certificate not in self.certificates:
                self._log.info(
                    "certificate no longer in use, for {names}, SHA-256 {fingerprint}",
                    names=", ".join(certificate.names) or "no name",
                    fingerprint=certificate.fingerprint,
                )

    def _complain(self) -> None:
        for warning in self.warnings:
            log = self._log.warn
            if warning.code is WarningCode.EXPIRED:
                log = self._log.error
            log("{reason}", reason=warning.text)
