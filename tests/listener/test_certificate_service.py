from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from cfos_cloud.events import SERVER, EventKind, Origin
from cfos_cloud.listener.certificate_check import BadCertificate
from cfos_cloud.listener.certificate_service import (
    CHECK_INTERVAL,
    CertificateService,
    CertificateUser,
    UnknownCertificate,
)
from cfos_cloud.listener.certificates import (
    Certificate,
    CertificateError,
    CertificateStore,
    NotImported,
)
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.listener.tls import ReloadableTLS
from tests.listener.authority import NOW, Authority, pem
from tests.listener.memory_tls import Client
from tests.listener.several import certificate_for


class ServiceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp())
        self.clock = Clock()
        self.noted: list[tuple[EventKind, str, str]] = []
        self.store = CertificateStore(self.data_dir, ("localhost",), self.now)
        (self.first,) = self.store.load()
        self.tls = ReloadableTLS(self.first, now=self.now)
        self.service = self.make_service(self.tls)
        self.service.startService()

    def make_service(
        self, user: CertificateUser, wanted: tuple[str, ...] = ()
    ) -> CertificateService:
        return CertificateService(self.store, user, self.clock, self.now, wanted, self)

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        """This is the log of events."""
        self.noted.append((kind, by.actor, detail))

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.clock.seconds())

    def pass_days(self, days: int) -> None:
        self.clock.pump([CHECK_INTERVAL] * days)

    def served(self) -> bytes:
        return Client().handshake(self.tls).der


class RenewalTests(ServiceCase):
    def test_a_renewed_certificate_is_served_without_a_restart(self) -> None:
        self.pass_days(333)
        self.assertEqual(self.served(), self.first.der)
        self.pass_days(5)
        renewed = self.tls.certificate
        self.assertGreater(renewed.not_after, self.first.not_after)
        self.assertEqual(self.served(), renewed.der)
        self.assertEqual(renewed.key_pem, self.first.key_pem)
        detail = f"SHA-256 {renewed.fingerprint}"
        self.assertEqual(
            self.noted, [(EventKind.CERTIFICATE_RENEWED, "server", detail)]
        )

    def test_what_somebody_puts_into_its_file_is_served_within_a_day(self) -> None:
        key = new_key()
        leaf = Authority().issue(key)
        path = self.data_dir / "tls" / "imported.pem"
        path.write_bytes(pem(key) + pem(leaf))
        self.pass_days(1)
        self.assertEqual(self.tls.certificate.leaf, leaf)
        ((kind, actor, _),) = self.noted
        self.assertEqual((kind, actor), (EventKind.CERTIFICATE_IMPORTED, "server"))

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
            certificates = (self.first,)

            def choose(user, name: str) -> Certificate:  # noqa: N805
                return self.first

            def check(user, certificate: Certificate) -> None:  # noqa: N805
                raise RuntimeError("unexpected")

            def use(user, *certificates: Certificate) -> None:  # noqa: N805
                calls.append(self.clock.seconds())
                raise RuntimeError("unexpected")

        service = self.make_service(Refusing())
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


class SeveralTests(ServiceCase):
    def imported(self, *names: str, days: int = 80) -> Certificate:
        made = certificate_for(*names, end=self.now() + timedelta(days=days))
        return self.service.replace(made.certificate_pem, made.key_pem)

    def served_to(self, name: str) -> bytes:
        return Client().handshake(self.tls, name).der

    def test_each_name_gets_its_own_and_all_others_the_last(self) -> None:
        a, b = self.imported("a.example"), self.imported("b.example")
        for name, certificate in (("a.example", a), ("b.example", b), ("c", b)):
            self.assertEqual(self.served_to(name), certificate.der)
        self.assertEqual(self.service.certificates, (b, a))
        self.assertEqual(self.service.certificate, b)

    def test_one_that_is_removed_is_served_no_more(self) -> None:
        a, b = self.imported("a.example"), self.imported("b.example")
        before = Client().handshake(self.tls, "b.example")
        self.service.remove(b.fingerprint)
        self.assertEqual(self.served_to("b.example"), a.der)
        self.assertEqual(self.store.load(), (a,))
        before.client.write(b"still here")
        self.service.remove(a.fingerprint.replace(":", "").lower())
        self.assertEqual(self.served_to("a.example"), self.first.der)

    def test_what_is_not_there_or_our_own_can_t_be_removed(self) -> None:
        self.assertRaises(UnknownCertificate, self.service.remove, "AB:CD")
        self.assertRaises(UnknownCertificate, self.service.remove, "")
        self.assertRaises(NotImported, self.service.remove, self.first.fingerprint)
        self.assertEqual(self.served(), self.first.der)

    def test_days_left_are_those_of_the_first_to_end(self) -> None:
        self.imported("a.example", days=7)
        b = self.imported("b.example", days=30)
        self.assertEqual(self.service.days_left, 7)
        self.assertEqual(self.service.days_left_of(b), 30)

    def test_a_warning_says_which_it_is_about(self) -> None:
        a = self.imported("a.example", days=7)
        self.imported("b.example")
        (warning,) = self.service.warnings
        self.assertTrue(warning.text.startswith("a.example: the certificate expires"))
        (warning,) = self.service.warnings_of(a)
        self.assertTrue(warning.text.startswith("the certificate expires"))

    def test_a_name_that_one_of_them_is_for_is_not_missing(self) -> None:
        service = self.service = self.make_service(self.tls, ("a.example", "*.b"))
        self.imported("x.example")
        self.imported("c.example")
        (warning,) = service.warnings
        self.assertIn("not for a.example and *.b", warning.text)
        self.imported("a.example")
        (warning,) = service.warnings
        self.assertIn("not for *.b", warning.text)
        self.imported("*.b")
        self.assertEqual(service.warnings, ())

    def test_the_daily_look_finds_what_was_put_there_and_taken_away(self) -> None:
        a, b = self.imported("a.example"), self.imported("b.example")
        directory = self.data_dir / "tls"
        c = certificate_for("c.example", end=NOW + timedelta(days=80))
        (directory / "imported-9.pem").write_bytes(c.key_pem + c.certificate_pem)
        self.pass_days(1)
        self.assertEqual(self.service.certificates, (b, c, a))
        self.assertEqual(self.served_to("c.example"), c.der)
        ((kind, actor, detail),) = self.noted
        self.assertEqual((kind, actor), (EventKind.CERTIFICATE_IMPORTED, "server"))
        self.assertIn(c.fingerprint, detail)
        (directory / "imported-1.pem").unlink()
        self.pass_days(1)
        self.assertEqual(self.service.certificates, (b, c))

    def test_a_damaged_one_leaves_all_in_use(self) -> None:
        a, b = self.imported("a.example"), self.imported("b.example")
        (self.data_dir / "tls" / "imported-1.pem").write_bytes(b"damaged")
        self.pass_days(1)
        self.assertEqual(self.service.certificates, (b, a))
        self.assertEqual(self.served_to("a.example"), a.der)


class ImportTests(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        self.events: list[LogEvent] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            self.events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def pair(self, days: int = 80) -> tuple[bytes, bytes]:
        key = new_key()
        leaf = self.authority.issue(key, end=self.now() + timedelta(days=days))
        return pem(leaf), pem(key)

    def logged(self) -> list[str]:
        """Lines since the last call, each after its level."""
        lines = [
            f"{event['log_level'].name}: {formatEvent(event)}"
            for event in self.events
            if event["log_namespace"].startswith("cfos_cloud.")
        ]
        self.events.clear()
        return lines

    def test_it_is_stored_and_served_at_once(self) -> None:
        certificate_pem, key_pem = self.pair()
        imported = self.service.replace(certificate_pem, key_pem)
        self.assertEqual(imported.certificate_pem, certificate_pem)
        self.assertEqual(self.served(), imported.der)
        self.assertEqual(self.service.certificate, imported)
        self.assertEqual(self.store.load(), (imported,))
        (line,) = self.logged()
        self.assertIn("certificate imported, for cloud.example.org", line)
        self.assertIn(imported.fingerprint, line)

    def test_connections_that_are_open_keep_theirs(self) -> None:
        before = Client().handshake(self.tls)
        self.service.replace(*self.pair())
        before.client.write(b"still here")
        self.assertEqual(before.der, self.first.der)

    def test_a_bad_pair_changes_nothing(self) -> None:
        good, key = self.pair()
        for certificate_pem, key_pem in (
            (good, pem(new_key())),
            (good[:99], key),
            (good, key[:99]),
            self.pair(days=-1),
        ):
            self.assertRaises(
                BadCertificate, self.service.replace, certificate_pem, key_pem
            )
        self.assertEqual(self.served(), self.first.der)
        self.assertEqual(self.store.load(), (self.first,))
        self.assertEqual(self.logged(), [])

    def test_what_openssl_refuses_changes_nothing(self) -> None:
        def refuse(certificate: Certificate) -> None:
            raise BadCertificate("OpenSSL refuses it: ca md too weak")

        self.patch(self.tls, "check", refuse)
        self.assertRaises(BadCertificate, self.service.replace, *self.pair())
        self.assertEqual(self.store.load(), (self.first,))
        self.assertEqual(self.served(), self.first.der)

    def test_what_can_t_be_stored_is_not_served(self) -> None:
        def fail(certificate: Certificate) -> None:
            raise CertificateError("can't write")

        self.patch(self.store, "keep", fail)
        self.assertRaises(CertificateError, self.service.replace, *self.pair())
        self.assertEqual(self.served(), self.first.der)

    def test_it_is_still_there_after_all_the_days_on_which_ours_would_renew(
        self,
    ) -> None:
        imported = self.service.replace(*self.pair())
        self.pass_days(500)
        self.assertEqual(self.served(), imported.der)

    def test_from_21_days_on_the_log_warns_every_day(self) -> None:
        imported = self.service.replace(*self.pair(days=24))
        self.pass_days(2)
        self.assertNotIn("expires", "".join(self.logged()))
        warned = []
        for _ in range(22):
            self.pass_days(1)
            (line,) = self.logged()
            warned.append(line)
        self.assertTrue(warned[0].startswith("warn: the certificate expires in 21 day"))
        end = f"on {imported.not_after:%Y-%m-%d}"
        self.assertEqual(warned[-2], f"warn: the certificate expires in 1 day, {end}")
        self.assertIn(f"expires within a day, {end}", warned[-1])
        self.pass_days(1)
        (line,) = self.logged()
        self.assertTrue(line.startswith("error: the certificate expired on "), line)

    def test_it_is_said_at_the_start_and_after_an_import_too(self) -> None:
        self.service.replace(*self.pair(days=5))
        self.assertEqual(len(self.logged()), 2)
        again = self.make_service(ReloadableTLS(*self.store.load()))
        again.startService()
        self.addCleanup(again.stopService)
        (line,) = self.logged()
        self.assertIn("expires in 5 days", line)

    def test_days_left_are_whole_ones_and_of_the_first_to_expire(self) -> None:
        self.service.replace(*self.pair(days=24))
        self.assertEqual(self.service.days_left, 24)
        self.clock.advance(1)
        self.assertEqual(self.service.days_left, 23)
        self.clock.advance(25 * CHECK_INTERVAL)
        self.assertEqual(self.service.days_left, -2)

    def test_leftovers_of_a_crash_go_at_the_start(self) -> None:
        leftover = self.data_dir / "tls" / ".imported.pem.1.new"
        leftover.write_text("a key")
        again = self.make_service(self.tls)
        again.startService()
        self.addCleanup(again.stopService)
        self.assertFalse(leftover.exists())

    def test_neither_log_nor_repr_has_the_key(self) -> None:
        certificate_pem, key_pem = self.pair(days=5)
        imported = self.service.replace(certificate_pem, key_pem)
        secret = key_pem.decode().splitlines()[1]
        for text in (repr(self.events), repr(imported), str(imported)):
            self.assertNotIn(secret, text)
            self.assertNotIn("PRIVATE", text)
