"""``status`` of the operator API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.status import StatusParts, StatusResource
from tests.listener.several import certificate_for
from tests.web.api.case import NOON, RouteCase


class Health:
    ok = True


class StatusTests(RouteCase):
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds() - NOON.timestamp())

    def resources(self) -> tuple[object, ...]:
        self.clock.advance(NOON.timestamp() - self.clock.seconds())
        store = CertificateStore(self.data_dir, ["localhost"], self.now)
        self.certificates = certificates = CertificateService(
            store, ReloadableTLS(*store.load()), self.clock, self.now
        )
        self.health = Health()
        parts = StatusParts(
            self.systems, self.presences, [1, 2], self.health, certificates, self.now
        )
        return (StatusResource(parts),)

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp() - self.clock.seconds())

    def test_all_is_there_at_a_glance(self) -> None:
        for name in ("a", "b", "c"):
            self.add(name)
        self.ask("PATCH", "/systems/a", json={"enabled": False})
        self.presences.online["b"] = Presence(True, NOON)
        self.clock.advance(61.5)
        body = self.ask("GET", "/status").json
        self.assertRegex(body.pop("version"), r"\A\d+\.\d+")
        not_after = body["certificate"].pop("not_after")
        self.assertGreater(
            datetime.fromisoformat(not_after), datetime(2027, 1, 1, tzinfo=UTC)
        )
        self.assertEqual(
            body,
            {
                "started": "2026-11-22T12:00:00Z",
                "uptime": 61,
                "systems": {"total": 3, "enabled": 2, "online": 1},
                "sessions": 2,
                "database": {"ok": True},
                "certificate": {"days_left": 364, "self_signed": True},
                "warnings": [],
            },
        )

    def test_what_needs_doing_is_said(self) -> None:
        self.health.ok = False
        self.clock.advance(timedelta(days=348).total_seconds())
        warnings = self.ask("GET", "/status").json["warnings"]
        codes = [warning["code"] for warning in warnings]
        self.assertEqual(codes, ["database", "certificate-expires-soon"])
        for warning in warnings:
            self.assertEqual(len(warning["text"].splitlines()), 1)

    def test_of_several_certificates_the_first_to_expire_counts(self) -> None:
        ends = {"a.example": 5, "b.example": 80}
        for name, days in ends.items():
            end = self.now() + timedelta(days=days)
            start = self.now() - timedelta(days=1)
            made = certificate_for(name, start=start, end=end)
            self.certificates.replace(made.certificate_pem, made.key_pem)
        body = self.ask("GET", "/status").json
        self.assertEqual(body["certificate"]["days_left"], 5)
        self.assertEqual(body["certificate"]["not_after"], "2026-11-27T12:00:00Z")
        (warning,) = body["warnings"]
        self.assertEqual(warning["code"], "certificate-expires-soon")
        self.assertTrue(warning["text"].startswith("a.example: "), warning)

    def test_a_clock_that_was_set_back_counts_nothing_backwards(self) -> None:
        self.clock.rightNow -= 3600
        self.assertEqual(self.ask("GET", "/status").json["uptime"], 0)
