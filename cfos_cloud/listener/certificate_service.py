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


class CertificateUser(Protocol):
    """Whoever serves a certificate, and can go on with another."""

    @property
    def certificate(self) -> Certificate: ...

    def check(self, certificate: Certificate) -> None: ...

    def use(self, certificate: Certificate) -> None: ...


class CertificateService(Service):
    """
    Takes certificates while the server runs. Once a day it loads the stored one,
    which renews it when that is due, has it served, and says in the log what the
    operator should do about it. If loading fails the old one stays in use, and the
    log has the reason.

    :param user: already serves what the store held at the start.
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

    @property
    def certificate(self) -> Certificate:
        """The one that new connections get."""
        return self._user.certificate

    @property
    def days_left(self) -> int:
        """Whole days until it expires, negative after that."""
        return self.certificate.days_left(self._now())

    @property
    def warnings(self) -> tuple[CertificateWarning, ...]:
        """What the operator should know about it now."""
        return warnings_of(self.certificate, self._now(), self._wanted)

    def replace(self, certificate_pem: bytes, key_pem: bytes) -> Certificate:
        """
        Check, store and serve another certificate. Open connections keep theirs;
        it is on the disk before anybody gets it.

        :raises BadCertificate: it can't be served; nothing has changed.
        :raises CertificateError: it can't be stored; the old one stays in use.
        """
        certificate = check_pair(certificate_pem, key_pem, self._now())
        self._user.check(certificate)
        self._store.keep(certificate)
        self._user.use(certificate)
        self._log.info(
            "certificate imported, for {names}, valid until {not_after:%Y-%m-%d}, "
            "SHA-256 {fingerprint}",
            names=", ".join(certificate.names) or "no name",
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
        )
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
        try:
            certificate = self._store.load()
            changed = certificate != self._user.certificate
            # An unchanged one too: TLS 1.2 tickets are only as good as their key is
            # young, and OpenSSL draws it anew with each use().
            self._user.use(certificate)
        except CertificateError as error:
            self._log.error("the certificate stays as it is: {reason}", reason=error)
        except Exception:
            # A LoopingCall that sees an exception never runs again.
            self._log.failure("the certificate stays as it is")
        else:
            if changed:
                self._log.info(
                    "new certificate in use, valid until {not_after:%Y-%m-%d}, "
                    "SHA-256 {fingerprint}",
                    not_after=certificate.not_after,
                    fingerprint=certificate.fingerprint,
                )
                ours = made_here(certificate.leaf)
                self._events.note(
                    EventKind.CERTIFICATE_RENEWED
                    if ours
                    else EventKind.CERTIFICATE_IMPORTED,
                    detail=f"SHA-256 {certificate.fingerprint}",
                )
        self._complain()

    def _complain(self) -> None:
        for warning in self.warnings:
            log = self._log.warn
            if warning.code is WarningCode.EXPIRED:
                log = self._log.error
            log("{reason}", reason=warning.text)
