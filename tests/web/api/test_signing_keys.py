"""The signing keys, by the operator API."""

from __future__ import annotations

from cfos_cloud.events import EventKind
from cfos_cloud.keys.signing import FILE, MAX_SIGNING_KEYS, SigningKeys
from tests.registry.support import access_key
from tests.web.api.key_case import A_KEY, KeyAPICase
from tests.web.operator_support import basic


class SigningKeysTests(KeyAPICase):
    def kids(self) -> list[tuple[str, bool, int]]:
        items = self.ask("GET", "/signing-keys").json["items"]
        return [(each["kid"], each["current"], each["keys"]) for each in items]

    def test_the_first_is_there_from_the_start(self) -> None:
        kid = self.signing.current.kid
        self.assertEqual(self.kids(), [(kid, True, 0)])
        self.make_key(None)
        self.make_key("Garage")
        self.assertEqual(self.kids(), [(kid, True, 2)])

    def test_a_rotation_lets_the_old_keys_work_on(self) -> None:
        old = self.signing.current.kid
        made = self.authorised(None, role="admin")
        self.clock.advance(60)
        reply = self.ask("POST", "/signing-keys")
        self.assertEqual(reply.status, 201)
        new = reply.json["kid"]
        self.assertEqual(
            reply.json,
            {
                "kid": new,
                "created": "2026-11-22T12:01:00Z",
                "current": True,
                "keys": 0,
            },
        )
        self.assertEqual(self.kids(), [(new, True, 0), (old, False, 1)])
        self.assertEqual(
            self.ask("GET", "/systems", headers=self.bearer(made)).status, 200
        )
        self.assertEqual(self.row(self.make_key(None)["id"]).kid, new)
        self.assertEqual(
            self.noted(EventKind.SIGNING_KEY_ROTATED), [("operator", None, new)]
        )

    def test_it_forgets_those_without_keys(self) -> None:
        made = self.make_key(None)
        first = self.signing.current.kid
        second = self.ask("POST", "/signing-keys").json["kid"]
        third = self.ask("POST", "/signing-keys").json["kid"]
        self.assertEqual([kid for kid, *_ in self.kids()], [third, first])
        self.ask("DELETE", f"/keys/{made['id']}")
        self.ask("POST", "/signing-keys")
        kids = [kid for kid, *_ in self.kids()]
        self.assertNotIn(first, kids)
        self.assertNotIn(second, kids)

    def test_a_hundred_without_keys_make_room_for_the_next(self) -> None:
        while len(self.signing) < MAX_SIGNING_KEYS:
            self.signing.rotate()
        self.assertEqual(self.ask("POST", "/signing-keys").status, 201)
        self.assertEqual(len(self.signing), 1)

    def test_a_hundred_with_keys_under_them_are_as_many_as_may_be(self) -> None:
        for number in range(MAX_SIGNING_KEYS):
            if number:
                self.signing.rotate()
            new = access_key(
                f"key-{number}",
                ("Garage", "Barn")[number % 2],
                kid=self.signing.current.kid,
            )
            self.successResultOf(self.keys.add(new))
        reply = self.ask("POST", "/signing-keys")
        self.assert_problem(reply, 409, "too-many-signing-keys")
        self.assertEqual(len(self.signing), MAX_SIGNING_KEYS)

    def test_a_key_that_is_being_made_does_not_lose_its_own(self) -> None:
        gate = self.hold_making()
        url = "https://cloud.example/cloud/api/v1"
        made = self.treq.post(f"{url}/keys", headers=basic(), json=A_KEY)
        rotated = self.treq.post(f"{url}/signing-keys", headers=basic())
        self.treq.flush()
        self.assertNoResult(made)
        gate.callback(None)
        self.treq.flush()
        for each in (made, rotated):
            self.assertEqual(self.successResultOf(each).code, 201)
        (key,) = self.keys
        self.assertIsNotNone(self.signing.find(key.kid))

    def test_to_drop_one_ends_the_keys_under_it_and_no_other(self) -> None:
        old = self.signing.current.kid
        cloud = self.authorised(None, role="admin")
        garage = self.authorised("Garage")
        self.ask("POST", "/signing-keys")
        other = self.authorised(None, role="admin", name="other")
        reply = self.ask("DELETE", f"/signing-keys/{old}")
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertIsNone(self.signing.find(old))
        for made in (cloud, garage):
            self.assertIsNotNone(self.row(made["id"]).revoked)
        self.assertEqual(self.device.forgot, [self.row(garage["id"]).consent])
        self.assert_no_key(self.ask("GET", "/systems", headers=self.bearer(cloud)))
        headers = self.bearer(other)
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)
        self.assertEqual(
            self.noted(EventKind.SIGNING_KEY_DROPPED),
            [("operator", None, f"{old}, 2 keys revoked")],
        )
        stored = SigningKeys.in_directory(self.data_dir, self.now)
        self.assertIsNone(stored.find(old))

    def test_where_it_is_the_current_one_another_signs(self) -> None:
        old = self.signing.current.kid
        self.assertEqual(self.ask("DELETE", f"/signing-keys/{old}").status, 204)
        ((new, current, keys),) = self.kids()
        self.assertNotEqual(new, old)
        self.assertEqual((current, keys), (True, 0))

    def test_an_unknown_one_is_404_and_revokes_nothing(self) -> None:
        made = self.authorised(None)
        self.assert_problem(self.ask("DELETE", "/signing-keys/nobody"), 404)
        self.assertIsNone(self.row(made["id"]).revoked)

    def test_a_file_that_can_t_be_written_is_503_and_all_is_as_before(self) -> None:
        made = self.authorised(None, role="admin")
        kid = self.signing.current.kid
        (self.data_dir / FILE).unlink()
        self.signing._path = self.data_dir / "no such directory" / FILE
        reply = self.ask("POST", "/signing-keys")
        self.assert_problem(reply, 503)
        self.assertEqual(self.signing.current.kid, kid)
        headers = self.bearer(made)
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)
        self.assertEqual(self.noted(EventKind.SIGNING_KEY_ROTATED), [])
