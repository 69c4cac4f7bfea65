"""The keys that sign: made once, rotated, dropped, and never half written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys import signing_file
from cfos_cloud.keys.base64url import decode, encode
from cfos_cloud.keys.jws import BadToken, sign, verify
from cfos_cloud.keys.signing import (
    MAX_SIGNING_KEYS,
    SigningKey,
    SigningKeys,
    TooManySigningKeys,
    UnknownSigningKey,
)
from cfos_cloud.secret_files import MAX_SECRET_BYTES, SecretFileError
from tests.keys.workshop import START, Clock


class SigningCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "signing-keys.json"
        self.clock = Clock()

    def load(self) -> SigningKeys:
        return SigningKeys.in_directory(self.directory, self.clock)

    def content(self) -> Any:
        return json.loads(self.path.read_text())

    def kids(self, signing: SigningKeys) -> list[str]:
        return [key.kid for key in signing]

    def stop_writing(self) -> None:
        def write_secret(path: Path, data: str) -> None:
            raise OSError(28, "No space left on device")

        self.patch(signing_file, "write_secret", write_secret)


class FirstStartTests(SigningCase):
    def test_it_makes_one_for_the_owner_alone(self) -> None:
        signing = self.load()
        self.assertEqual(len(signing), 1)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(signing.current.created, START)

    def test_later_starts_have_the_same(self) -> None:
        first = self.load().current
        self.clock.go(days=1)
        again = self.load().current
        self.assertEqual((again.kid, again.created), (first.kid, first.created))
        token = sign(b"{}", first.kid, first.private_key).encode()
        verify(token, again.public_key)

    def test_another_server_has_another(self) -> None:
        other = self.directory / "other"
        other.mkdir()
        mine, other_s = self.load(), SigningKeys.in_directory(other, self.clock)
        self.assertNotEqual(mine.current.kid, other_s.current.kid)
        token = sign(b"{}", mine.current.kid, mine.current.private_key).encode()
        self.assertRaises(BadToken, verify, token, other_s.current.public_key)

    def test_the_file_is_a_jwk_set(self) -> None:
        signing = self.load()
        (jwk,) = self.content()["keys"]
        self.assertEqual(
            {
                name: jwk[name]
                for name in ("kty", "crv", "alg", "use", "kid", "created")
            },
            {
                "kty": "EC",
                "crv": "P-256",
                "alg": "ES256",
                "use": "sig",
                "kid": signing.current.kid,
                "created": "2026-11-22T09:30:00Z",
            },
        )
        self.assertEqual([len(jwk[name]) for name in "xyd"], [43, 43, 43])

    def test_a_directory_that_is_missing_is_an_error(self) -> None:
        missing = self.directory / "none"
        self.assertRaises(OSError, SigningKeys.in_directory, missing, self.clock)

    def test_no_key_says_its_secret(self) -> None:
        signing = self.load()
        secret = self.content()["keys"][0]["d"]
        number = signing.current.private_key.private_numbers().private_value
        for text in (repr(signing.current), str(signing.current), repr(signing)):
            self.assertNotIn(secret, text)
            self.assertNotIn(str(number), text)

    def test_a_kid_is_no_option_of_a_command(self) -> None:
        for _ in range(20):
            self.assertRegex(self.load().rotate().kid, r"\A[0-9a-f]{16}\Z")


class RotateTests(SigningCase):
    def test_the_new_one_signs_and_the_old_still_verifies(self) -> None:
        signing = self.load()
        old = signing.current
        self.clock.go(hours=1)
        new = signing.rotate()
        self.assertIs(signing.current, new)
        self.assertNotEqual(new.kid, old.kid)
        self.assertEqual(new.created, self.clock())
        self.assertEqual(self.kids(signing), [new.kid, old.kid])
        self.assertIs(signing.find(old.kid), old)
        self.assertIsNone(signing.find("another"))

    def test_it_survives_a_restart(self) -> None:
        signing = self.load()
        signing.rotate()
        signing.rotate()
        self.assertEqual(self.kids(self.load()), self.kids(signing))

    def test_it_is_written_before_it_counts(self) -> None:
        signing = self.load()
        seen: list[tuple[list[str], list[str]]] = []
        write = signing_file.write

        def watch(path: Path, keys: list[SigningKey]) -> None:
            before = self.kids(signing)
            write(path, keys)
            seen.append((before, self.kids(signing)))

        self.patch(signing_file, "write", watch)
        old = signing.current.kid
        signing.rotate()
        self.assertEqual(seen, [([old], [old])])
        self.assertEqual(len(self.content()["keys"]), 2)

    def test_what_cannot_be_written_changes_nothing(self) -> None:
        signing = self.load()
        signing.rotate()
        kids, content = self.kids(signing), self.path.read_bytes()
        self.stop_writing()
        self.assertRaises(OSError, signing.rotate)
        self.assertRaises(OSError, signing.drop, kids[0])
        self.assertRaises(OSError, signing.drop, kids[1])
        self.assertRaises(OSError, signing.prune, ())
        self.assertEqual(self.kids(signing), kids)
        self.assertEqual(self.path.read_bytes(), content)

    def test_a_crash_while_writing_leaves_the_old_file_whole(self) -> None:
        signing = self.load()
        kids = self.kids(signing)

        def crash(descriptor: int) -> None:
            raise KeyboardInterrupt

        # Written, and the power fails before it is on disk.
        self.patch(os, "fsync", crash)
        self.assertRaises(KeyboardInterrupt, signing.rotate)
        self.assertEqual(self.kids(signing), kids)
        self.assertEqual(self.kids(self.load()), kids)

    def test_what_a_crash_left_beside_the_file_is_no_harm(self) -> None:
        signing = self.load()
        beside = self.directory / f".{self.path.name}.{os.getpid()}.new"
        beside.write_text('{"keys": [')
        self.assertEqual(self.kids(self.load()), self.kids(signing))
        signing.rotate()
        self.assertEqual(self.kids(self.load()), self.kids(signing))
        self.assertFalse(beside.exists())

    def test_there_are_at_most_a_hundred(self) -> None:
        signing = self.load()
        while len(signing) < MAX_SIGNING_KEYS:
            signing.rotate()
        self.assertRaises(TooManySigningKeys, signing.rotate)
        self.assertLess(self.path.stat().st_size, MAX_SECRET_BYTES)
        self.assertEqual(self.kids(self.load()), self.kids(signing))
        signing.drop(signing.current.kid)
        self.assertEqual(len(signing), MAX_SIGNING_KEYS)

    def test_a_walk_over_them_is_not_disturbed(self) -> None:
        signing = self.load()
        signing.rotate()
        for key in signing:
            signing.drop(key.kid)
        self.assertEqual(len(signing), 1)


class DropTests(SigningCase):
    def test_an_old_one_is_forgotten(self) -> None:
        signing = self.load()
        old = signing.current
        new = signing.rotate()
        signing.drop(old.kid)
        self.assertEqual(self.kids(signing), [new.kid])
        self.assertIsNone(signing.find(old.kid))
        self.assertEqual(self.kids(self.load()), [new.kid])

    def test_in_the_place_of_the_current_one_a_new_one_signs(self) -> None:
        signing = self.load()
        old = signing.current
        current = signing.rotate()
        signing.drop(current.kid)
        self.assertEqual(self.kids(signing), [signing.current.kid, old.kid])
        self.assertNotIn(signing.current.kid, (current.kid, old.kid))
        self.assertEqual(self.kids(self.load()), self.kids(signing))

    def test_the_only_one_can_be_dropped(self) -> None:
        signing = self.load()
        only = signing.current.kid
        signing.drop(only)
        self.assertEqual(len(signing), 1)
        self.assertNotEqual(signing.current.kid, only)

    def test_an_unknown_one_cannot(self) -> None:
        signing = self.load()
        self.assertRaises(UnknownSigningKey, signing.drop, "another")
        self.assertEqual(len(signing), 1)


class PruneTests(SigningCase):
    def test_old_ones_without_keys_go(self) -> None:
        signing = self.load()
        first = signing.current.kid
        second = signing.rotate().kid
        third = signing.rotate().kid
        self.assertEqual(signing.prune({second}), [first])
        self.assertEqual(self.kids(signing), [third, second])
        self.assertEqual(self.kids(self.load()), [third, second])
        self.assertEqual(signing.prune(set()), [second])

    def test_the_current_one_stays_and_nothing_is_written_for_nothing(self) -> None:
        signing = self.load()
        kids = self.kids(signing)
        self.stop_writing()
        self.assertEqual(signing.prune(set()), [])
        self.assertEqual(signing.prune(set(kids)), [])
        self.assertEqual(self.kids(signing), kids)


class DamageTests(SigningCase):
    def refuse(self, content: str | bytes, why: str = "is damaged") -> None:
        data = content.encode() if isinstance(content, str) else content
        self.path.write_bytes(data)
        self.path.chmod(0o600)
        with self.assertRaises(SecretFileError) as caught:
            self.load()
        message = str(caught.exception)
        self.assertIn(f"{self.path} ", message)
        self.assertIn(why, message)
        self.assertEqual(len(message.splitlines()), 1)
        self.assertEqual(self.path.read_bytes(), data)

    def jwk(self, **changes: object) -> dict[str, object]:
        jwk: dict[str, object] = self.content()["keys"][0]
        return jwk | changes

    def test_what_is_no_jwk_set_is_refused_and_left_alone(self) -> None:
        self.load()
        good = self.path.read_text()
        for content in (
            *("", "{", "[]", "{}", "null", '{"keys": []}', '{"keys": {}}'),
            *('{"keys": [1]}', '{"keys": [{}]}', '{"keys": [[]]}', good[:-20]),
            good + good,
            good.replace('"keys"', '"Keys"'),
            '{"keys": [], ' + good[1:],
            '{"a":' * 5000,
        ):
            self.refuse(content)
        self.refuse(b"\xff\xfe", "is not UTF-8")
        self.refuse(" " * (MAX_SECRET_BYTES + 1), "is larger than")

    def test_what_is_no_key_of_ours_is_refused(self) -> None:
        signing = self.load()
        good = self.jwk()
        other = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        damages: tuple[Mapping[str, object], ...] = (
            *({"kty": "RSA"}, {"kty": ...}, {"crv": "P-384"}, {"crv": "secp256k1"}),
            *({"alg": "HS256"}, {"alg": "none"}, {"alg": ...}, {"use": "enc"}),
            *({"kid": ...}, {"kid": ""}, {"kid": 1}, {"kid": "a b"}, {"kid": "a" * 65}),
            *({"created": ...}, {"created": 1}, {"created": "yesterday"}),
            *({"created": "2026-11-22T09:30:00"}, {"created": "2026-11-22"}),
            *({"d": ...}, {"d": ""}, {"d": 1}, {"d": "A" * 43}, {"d": "_" * 43}),
            *({"d": good["x"]}, {"d": str(good["d"]) + "="}, {"d": "\ud800"}),
            {"d": encode(other.private_value.to_bytes(32, "big"))},
            {"x": encode(other.public_numbers.x.to_bytes(32, "big"))},
            *(
                {name: encode(b"\x00" + decode(str(good[name]).encode()))}
                for name in "xyd"
            ),
            *({"x": ...}, {"y": ...}, {"y": good["x"]}, {"x": str(good["x"])[:-4]}),
        )
        for changes in damages:
            jwk = {n: v for n, v in (good | dict(changes)).items() if v is not ...}
            self.refuse(json.dumps({"keys": [jwk]}))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        # And these were not refused for something else.
        self.path.write_text(json.dumps({"keys": [good]}))
        self.assertEqual(self.kids(self.load()), self.kids(signing))

    def test_no_two_have_one_name(self) -> None:
        self.load()
        self.refuse(
            json.dumps({"keys": [self.jwk(), self.jwk()]}), "two keys of one kid"
        )

    def test_the_message_has_no_secret_in_it(self) -> None:
        self.load()
        good = self.jwk()
        secret = str(good["d"])
        for changes in (
            {"d": secret[:-1] + "!"},
            {"x": "A" * 43},
            {"d": secret + "\n"},
        ):
            self.path.write_text(json.dumps({"keys": [good | changes]}))
            with self.assertRaises(SecretFileError) as caught:
                self.load()
            self.assertNotIn(secret[:8], str(caught.exception))

    def test_it_is_refused_when_others_may_read_it(self) -> None:
        self.load()
        for mode in (0o640, 0o604, 0o660, 0o666, 0o610):
            self.path.chmod(mode)
            with self.assertRaises(SecretFileError) as caught:
                self.load()
            message = str(caught.exception)
            self.assertIn(f"{self.path} is open to others (mode {mode:04o})", message)
            self.assertEqual(len(message.splitlines()), 1)
        for mode in (0o600, 0o400, 0o700):
            self.path.chmod(mode)
            self.load()

    def test_what_cannot_be_read_is_not_made_anew(self) -> None:
        self.path.mkdir()
        self.assertRaises(SecretFileError, self.load)
        self.path.rmdir()
        self.path.symlink_to(self.directory / "gone")
        self.assertRaises(SecretFileError, self.load)
        self.assertFalse((self.directory / "gone").exists())

    def test_more_members_do_no_harm(self) -> None:
        signing = self.load()
        self.path.write_text(json.dumps({"keys": [self.jwk(note="mine")], "more": 1}))
        self.assertEqual(self.kids(self.load()), self.kids(signing))

    def test_times_may_have_any_zone(self) -> None:
        self.load()
        jwk = self.jwk(created="2026-11-22T10:30:00+01:00")
        self.path.write_text(json.dumps({"keys": [jwk]}))
        created = self.load().current.created
        self.assertEqual(created, datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
