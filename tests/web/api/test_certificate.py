"""``certificate`` of the operator API, over the real service and store."""

from __future__ import annotations

from datetime import timedelta

from twisted.web.server import Request

from cfos_cloud.events import EventKind
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.web.api.certificate import CertificateResource
from tests.listener.authority import NOW, Authority, pem
from tests.web.api.resource_case import ResourceCase
from tests.web.operator_support import Reply, basic


class CertificateTests(ResourceCase):
    def more(self) -> tuple[object, ...]:
        self.store = CertificateStore(self.data_dir, ["localhost"], lambda: NOW)
        self.first = self.store.load()
        self.tls = ReloadableTLS(self.first)
        self.service = CertificateService(
            self.store, self.tls, self.clock, lambda: NOW, ["cloud.example.org"]
        )
        return (CertificateResource(self.service, self.written),)

    def pair(self, days: int = 80) -> dict[str, str]:
        key = new_key()
        leaf = Authority("Test CA").issue(key, end=NOW + timedelta(days=days))
        return {
            "certificate": pem(leaf).decode(),
            "private_key": pem(key).decode(),
        }

    def put(self, document: object) -> Reply:
        return self.ask("PUT", "/certificate", json=document)

    def test_the_present_one_is_shown(self) -> None:
        self.assertEqual(
            self.ask("GET", "/certificate").json,
            {
                "names": ["localhost"],
                "issuer": "CN=localhost,O=cfos-cloud self-signed",
                "not_before": "2030-06-01T11:00:00Z",
                "not_after": "2031-07-03T11:00:00Z",
                "days_left": 396,
                "self_signed": True,
                "imported": False,
                "fingerprint": self.first.fingerprint,
                "key_type": "EC P-256",
                "chain": 1,
                "warnings": [
                    {
                        "code": "name-missing",
                        "text": "the certificate is not for cloud.example.org",
                    }
                ],
            },
        )

    def test_another_is_taken_served_and_shown(self) -> None:
        reply = self.put(self.pair())
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(self.ask("GET", "/certificate").json, reply.json)
        self.assertEqual(reply.json["names"], ["cloud.example.org"])
        self.assertEqual(reply.json["issuer"], "CN=Test CA")
        self.assertEqual(reply.json["days_left"], 80)
        self.assertEqual(
            (reply.json["self_signed"], reply.json["imported"]), (False, True)
        )
        self.assertEqual(reply.json["warnings"], [])
        self.assertEqual(reply.json["fingerprint"], self.tls.certificate.fingerprint)
        self.assertEqual(self.store.load(), self.tls.certificate)

    def test_an_end_that_is_near_is_told(self) -> None:
        (warning,) = self.put(self.pair(days=20)).json["warnings"]
        self.assertEqual(warning["code"], "expires-soon")

    def test_the_key_is_never_said_again(self) -> None:
        pair = self.pair()
        key = pair["private_key"].splitlines()[1]
        self.assertNotIn(key, self.put(pair).body.decode())
        self.assertNotIn(key, self.ask("GET", "/certificate").body.decode())
        self.assertNotIn(key, repr(self.written.noted))

    def test_it_is_written_down_who_did_it(self) -> None:
        self.put(self.pair())
        ((kind, actor, cloud_id, detail),) = self.written.noted
        self.assertEqual(kind, EventKind.CERTIFICATE_IMPORTED)
        self.assertEqual((actor, cloud_id), ("operator", None))
        self.assertIn(self.tls.certificate.fingerprint, detail)

    def test_what_can_t_be_served_is_422_with_its_reason(self) -> None:
        good, other = self.pair(), self.pair()
        for document, field, words in (
            ({}, "certificate", "PEM is needed"),
            ({**good, "private_key": None}, "private_key", "PEM is needed"),
            ({**good, "certificate": 7}, "certificate", "PEM is needed"),
            ({**good, "certificate": ""}, "certificate", "not PEM"),
            ({**good, "certificate": "\ud800 ü"}, "certificate", "not PEM"),
            (
                {**good, "private_key": other["private_key"]},
                "private_key",
                "belongs to another certificate",
            ),
            (self.pair(days=-1), "certificate", "expired"),
            ({**good, "certificate": "x" * 50_000}, "certificate", "larger than"),
        ):
            self.assert_problem(self.put(document), 422, words, field)
        self.assertEqual(self.tls.certificate, self.first)
        self.assertEqual(self.store.load(), self.first)
        self.assertEqual(self.written.noted, [])

    def test_more_than_the_api_reads_is_413(self) -> None:
        reply = self.put({"certificate": "x" * 65_536})
        self.assertEqual(reply.status, 413)

    def test_what_can_t_be_stored_is_503_and_the_old_one_stays(self) -> None:
        def fail(certificate: Certificate) -> None:
            raise CertificateError("can't write it: No space left on device")

        self.patch(self.store, "keep", fail)
        self.assert_problem(
            self.put(self.pair()), 503, "the old certificate stays in use: can't write"
        )
        self.assertEqual(self.tls.certificate, self.first)

    def test_a_key_is_not_taken_over_plain_http(self) -> None:
        self.patch(Request, "isSecure", lambda request: False)
        self.assert_problem(self.put(self.pair()), 403, "over https:// only")
        self.assertEqual(self.tls.certificate, self.first)

    def test_without_credentials_there_is_nothing(self) -> None:
        for headers in ({}, basic("wrong")):
            for method in ("GET", "PUT"):
                reply = self.ask(
                    method, "/certificate", headers=headers, json=self.pair()
                )
                self.assertEqual(reply.status, 401)
        self.assertEqual(self.tls.certificate, self.first)

    def test_other_methods_are_405(self) -> None:
        for method in ("POST", "DELETE", "PATCH"):
            self.assertEqual(self.ask(method, "/certificate").status, 405)
