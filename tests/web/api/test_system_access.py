"""A system's Cloud password, and its tunnel, by the operator API."""

from __future__ import annotations

from scramp import ScramMechanism

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.events import EventKind
from cfos_cloud.registry import SystemChange
from cfos_cloud.tunnel.exchange import OFFLINE, Presence
from cfos_cloud.tunnel.scram import Verifier
from cfos_cloud.web.api.system_access import RETRY_AFTER, SystemAccessResource
from tests.registry.support import InlineWorker
from tests.web.api.resource_case import ResourceCase
from tests.web.operator_support import Reply

CHOSEN = "a chosen password"


class Tunnels:
    def __init__(self) -> None:
        self.online: set[str] = set()
        self.cut: list[tuple[str, str, int | None]] = []

    def presence(self, cloud_id: str) -> Presence:
        return Presence(True) if cloud_id.lower() in self.online else OFFLINE

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool:
        self.cut.append((cloud_id.lower(), reason, retry_after))
        return cloud_id.lower() in self.online


class AccessCase(ResourceCase):
    def setUp(self) -> None:
        super().setUp()
        self.ask("POST", "/systems", json={"cloud_id": "Garage", "name": "My garage"})

    def more(self) -> tuple[object, ...]:
        self.tunnels = Tunnels()
        return (
            SystemAccessResource(
                self.systems, self.tunnels, InlineWorker(), self.written
            ),
        )

    def verifier(self) -> Verifier:
        system = self.systems.get("garage")
        assert system is not None
        return system.verifier

    def is_password(self, password: str) -> bool:
        known = self.verifier()
        _, stored_key, server_key, _ = ScramMechanism("SCRAM-SHA-256").make_auth_info(
            password, known.iterations, salt=known.salt
        )
        return (stored_key, server_key) == (known.stored_key, known.server_key)


class RotateTests(AccessCase):
    def rotate(self, cloud_id: str = "Garage", **document: object) -> Reply:
        return self.ask("POST", f"/systems/{cloud_id}/password", json=document)

    def test_a_generated_one_is_said_once_and_is_it_from_then_on(self) -> None:
        before = self.verifier()
        reply = self.rotate("gARAGE")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("cache-control"), "no-store")
        password = reply.json["password"]
        self.assertTrue(is_generated(password))
        self.assertTrue(self.is_password(password))
        self.assertNotEqual(self.verifier(), before)
        self.assertEqual(
            (reply.json["cloud_id"], reply.json["name"]), ("Garage", "My garage")
        )
        self.assertNotIn("password", self.ask("GET", "/systems/Garage").json)

    def test_no_body_is_as_an_empty_object(self) -> None:
        reply = self.ask("POST", "/systems/Garage/password")
        self.assertEqual(reply.status, 200)
        self.assertTrue(self.is_password(reply.json["password"]))
        self.assertIn("password", self.rotate(password=None).json)

    def test_a_chosen_one_is_not_said_and_costs_a_guesser_more(self) -> None:
        reply = self.rotate(password=CHOSEN)
        self.assertEqual(reply.status, 200)
        self.assertNotIn("password", reply.json)
        self.assertTrue(self.is_password(CHOSEN))
        self.assertEqual(self.verifier().iterations, 210_000)

    def test_it_is_there_after_a_restart(self) -> None:
        self.rotate(password=CHOSEN)
        self.restart()
        self.assertTrue(self.is_password(CHOSEN))

    def test_who_listens_to_the_registry_learns_of_it(self) -> None:
        changes: list[SystemChange] = []
        self.systems.subscribe(changes.append)
        self.rotate()
        self.assertEqual([change.password_changed for change in changes], [True])

    def test_what_can_t_be_is_422(self) -> None:
        before = self.verifier()
        for password in ("elevenchars", "", 123456789012, "x" * 257, "a\x07" * 12):
            reply = self.rotate(password=password)
            self.assert_problem(reply, 422, "", "password")
        reply = self.ask("POST", "/systems/Garage/password", data=b"[]")
        self.assert_problem(reply, 422, "has to be a JSON object", "")
        reply = self.ask("POST", "/systems/Garage/password", data=b"{")
        self.assertEqual(reply.status, 400)
        self.assertEqual(self.verifier(), before)

    def test_an_unknown_system_is_404(self) -> None:
        self.assert_problem(self.rotate("Barn"), 404, "Barn")

    def test_without_credentials_nothing_changes(self) -> None:
        before = self.verifier()
        for path in ("password", "disconnect"):
            reply = self.ask("POST", f"/systems/Garage/{path}", headers={})
            self.assertEqual(reply.status, 401)
        self.assertEqual((self.verifier(), self.tunnels.cut), (before, []))


class DisconnectTests(AccessCase):
    def test_the_tunnel_is_cut_and_the_device_may_come_back(self) -> None:
        self.tunnels.online.add("garage")
        reply = self.ask("POST", "/systems/GARAGE/disconnect")
        self.assertEqual((reply.status, reply.json), (200, {"disconnected": True}))
        self.assertEqual(self.tunnels.cut, [("garage", "shutdown", RETRY_AFTER)])
        self.assertEqual(
            self.written.noted,
            [(EventKind.SYSTEM_DISCONNECTED, "operator", "Garage", "")],
        )

    def test_one_that_is_offline_is_said_to_be(self) -> None:
        reply = self.ask("POST", "/systems/Garage/disconnect")
        self.assertEqual((reply.status, reply.json), (200, {"disconnected": False}))
        self.assertEqual(self.written.noted, [])

    def test_an_unknown_system_is_404(self) -> None:
        self.assert_problem(self.ask("POST", "/systems/Barn/disconnect"), 404, "Barn")
