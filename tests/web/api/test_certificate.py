"""``certificate`` of the operator API, over the real service and store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twisted.web.server import Request

from cfos_cloud.device.pins import pin_of
from cfos_cloud.events import EventKind
from cfos_cloud.listener import imported
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateError, CertificateStore
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.web.api.certificate import CertificateResource
from tests.listener.authority import NOW, Authority, pem
from tests.listener.several import certificate_for
from tests.web.api.resource_case import ResourceCase
from tests.web.operator_support import Reply, basic


class CertificateTests(ResourceCase):
    def more(self) -> tuple[object, ...]:
        self.store = CertificateStore(self.data_dir, ["localhost"], lambda: NOW)
        (self.first,) = self.store.load()
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

    def import_for(self, *names: str, days: int = 80) -> Certificate:
        made = certificate_for(*names, end=NOW + timedelta(days=days))
        pair = {
            "certificate": made.certificate_pem.decode(),
            "private_key": made.key_pem.decode(),
        }
        reply = self.put(pair)
        self.assertEqual(reply.json["fingerprint"], made.fingerprint)
        return made

    def listed(self, query: str = "") -> list[Any]:
        """Names of those that are listed, with a star where it is the default."""
        document = self.ask("GET", f"/certificates{query}").json
        self.assertIsNone(document["next"])
        return [
            ",".join(each["names"]) + "*" * each["default"]
            for each in document["items"]
        ]

    def put(self, document: object) -> Reply:
        return self.ask("PUT", "/certificate", json=document)

    def test_the_present_one_is_shown(self) -> None:
        self.assertEqual(
            self.ask("GET", "/certificate").json,
            {
                "names": ["localhost"],
                "issuer": "CN=localhost,O=cfos-cloud self-signed",
                "not_before": "2030-06-01T11:00:00Z",
                "not_after": "2031-06-01T11:00:00Z",
                "days_left": 364,
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
        self.assertEqual(self.store.load(), (self.tls.certificate,))

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
        self.assertEqual(self.store.load(), (self.first,))
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

    def test_several_are_listed_the_last_one_first(self) -> None:
        self.assertEqual(self.listed(), ["localhost*"])
        self.import_for("a.example")
        self.assertEqual(self.listed(), ["a.example*"])
        self.import_for("b.example", "*.b.example")
        self.import_for("c.example")
        self.assertEqual(
            self.listed(), ["c.example*", "b.example,*.b.example", "a.example"]
        )

    def test_one_is_listed_as_it_is_shown_with_its_public_key(self) -> None:
        made = self.import_for("a.example", days=20)
        (listed,) = self.ask("GET", "/certificates").json["items"]
        more = {"default": True, "public_key": pin_of(made.leaf)}
        self.assertEqual(listed, {**self.ask("GET", "/certificate").json, **more})
        self.import_for("b.example")
        _, listed = self.ask("GET", "/certificates").json["items"]
        self.assertEqual((listed["days_left"], listed["default"]), (20, False))
        self.assertEqual(
            [each["code"] for each in listed["warnings"]], ["expires-soon"]
        )
        shown = self.ask("GET", "/certificate").json
        self.assertEqual((shown["names"], shown["days_left"]), (["b.example"], 80))

    def test_who_asks_for_a_name_is_told_which_it_gets(self) -> None:
        self.import_for("a.example")
        self.import_for("*.example")
        for name, found in (
            ("a.example", "a.example"),
            ("A.Example.", "a.example"),
            ("b.example", "*.example*"),
            ("elsewhere", "*.example*"),
        ):
            self.assertEqual(self.listed(f"?name={name}"), [found], name)

    def test_one_is_removed_and_it_is_written_down(self) -> None:
        a, b = self.import_for("a.example"), self.import_for("b.example")
        self.written.noted.clear()
        reply = self.ask("DELETE", f"/certificates/{b.fingerprint}")
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(self.listed(), ["a.example*"])
        self.assertEqual(self.tls.certificates, (a,))
        ((kind, actor, _, detail),) = self.written.noted
        self.assertEqual((kind, actor), (EventKind.CERTIFICATE_REMOVED, "operator"))
        self.assertEqual(detail, f"SHA-256 {b.fingerprint} b.example")
        plain = a.fingerprint.replace(":", "").lower()
        self.assertEqual(self.ask("DELETE", f"/certificates/{plain}").status, 204)
        self.assertEqual(self.listed(), ["localhost*"])

    def test_our_own_can_t_be_removed_nor_one_that_is_not_there(self) -> None:
        own = f"/certificates/{self.first.fingerprint}"
        self.assert_problem(self.ask("DELETE", own), 409, "made this certificate")
        self.import_for("a.example")
        for unknown in (own, "/certificates/AB", "/certificates/x"):
            reply = self.ask("DELETE", unknown)
            self.assert_problem(reply, 404, "no certificate in use")
        self.assertEqual(self.listed(), ["a.example*"])

    def test_what_can_t_be_removed_stays(self) -> None:
        def fail(certificate: Certificate) -> None:
            raise CertificateError("Read-only file system")

        made = self.import_for("a.example")
        self.patch(self.store, "remove", fail)
        reply = self.ask("DELETE", f"/certificates/{made.fingerprint}")
        self.assert_problem(reply, 503, "stays in use: Read-only file system")
        self.assertEqual(self.listed(), ["a.example*"])

    def test_nobody_else_may(self) -> None:
        made = self.import_for("a.example")
        for headers in ({}, basic("wrong")):
            path = f"/certificates/{made.fingerprint}"
            self.assertEqual(self.ask("DELETE", path, headers=headers).status, 401)
            self.assertEqual(
                self.ask("GET", "/certificates", headers=headers).status, 401
            )
        self.assertEqual(self.listed(), ["a.example*"])

    def test_more_than_there_is_room_for_are_422(self) -> None:
        self.import_for("a.example")
        self.patch(imported, "MAX_IMPORTED", 1)
        made = certificate_for("b.example")
        pair = {
            "certificate": made.certificate_pem.decode(),
            "private_key": made.key_pem.decode(),
        }
        self.assert_problem(self.put(pair), 422, "remove one first", "certificate")
        self.assertEqual(self.listed(), ["a.example*"])
