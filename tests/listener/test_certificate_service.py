from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate_service import (
    CHECK_INTERVAL,
    CertificateService,
)
from cfos_cloud.listener.certificates import Certificate, CertificateStore
from cfos_cloud.listener.tls import ReloadableTLS
from tests.listener.authority import NOW
from tests.listener.memory_tls import Client


class CertificateServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp())
        self.clock = Clock()
        self.store = CertificateStore(self.data_dir, ("localhost",), self.now)
        self.first = self.store.load()
        self.tls = ReloadableTLS(self.first)
        self.service = CertificateService(self.store, self.tls, self.clock)
        self.service.startService()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.clock.seconds())

    def pass_days(self, days: int) -> None:
        self.clock.pump([CHECK_INTERVAL] * days)

    def served(self) -> bytes:
        return Client().handshake(self.tls).der

    def test_a_renewed_certificate_is_served_without_a_restart(self) -> None:
        self.pass_days(365)
        self.assertEqual(self.served(), self.first.der)
        self.pass_days(5)
        renewed = self.tls.certificate
        self.assertGreater(renewed.not_after, self.first.not_after)
        self.assertEqual(self.served(), renewed.der)
        self.assertEqual(renewed.key_pem, self.first.key_pem)

    def test_what_can_not_be_loaded_changes_nothing_until_it_can(self) -> None:
        path = self.data_dir / "tls" / "certificate.pem"
        path.write_text("damaged")
        self.pass_days(2)
        self.assertEqual(self.served(), self.first.der)
        path.unlink()
        self.pass_days(1)
        self.assertNotEqual(self.served(), self.first.der)

    def test_a_surprise_does_not_end_the_checks(self) -> None:
        calls: list[float] = []

        class Refusing:
            certificate = self.first

            def use(user, certificate: Certificate) -> None:  # noqa: N805
                calls.append(self.clock.seconds())
                raise RuntimeError("unexpected")

        service = CertificateService(self.store, Refusing(), self.clock)
        service.startService()
        self.addCleanup(service.stopService)
        self.pass_days(2)
        self.assertEqual(len(calls), 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_no_timer_is_left_when_it_stops(self) -> None:
        self.service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.service.startService()
        self.service.stopService()
