"""Keep what is served the same as what is stored."""

from __future__ import annotations

from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificates import CertificateError, CertificateStore

#: Seconds between two looks at the stored certificate.
CHECK_INTERVAL = 24 * 60 * 60.0


class CertificateUser(Protocol):
    """Whoever serves a certificate, and can go on with another."""

    @property
    def certificate(self) -> Certificate: ...

    def use(self, certificate: Certificate) -> None: ...


class CertificateService(Service):
    """
    Once a day, load the certificate, which renews it when that is due, and have
    it served. If that fails the old one stays in use, and the log has the reason.

    :param user: already serves what the store held at the start.
    """

    _log = Logger()

    def __init__(
        self, store: CertificateStore, user: CertificateUser, clock: IReactorTime
    ) -> None:
        self._store = store
        self._user = user
        self._loop = LoopingCall(self._check)
        self._loop.clock = clock

    def startService(self) -> None:
        Service.startService(self)
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
