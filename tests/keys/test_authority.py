"""Whether a token is good: everything but the one that was issued is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys import proven
from cfos_cloud.keys import token as tokens
from cfos_cloud.keys.authority import KeyAuthority, KeyRefused
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.issuer import Issued, KeyIssuer
from cfos_cloud.keys.jws import verify
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.signing import SigningKeys
from tests.keys.workshop import (
    ISSUER,
    START,
    Workshop,
    claims_of,
    header_of,
    mirrored,
    parts,
    signed,
)


class AuthorityCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.shop = Workshop(Path(self.mktemp()))
        self.authority = self.shop.authority

    def look(self, issued: Issued) -> AccessKey:
        return self.authority.look(issued.token.encode())

    def check(self, issued: Issued) -> AccessKey:
        return self.authority.check(issued.token.encode())

    def refuse(self, token: bytes, why: str) -> None:
        """Nobody's token: neither of both methods knows a key to it."""
        for ask in (self.authority.look, self.authority.check):
            with self.assertRaises(KeyRefused) as caught:
                ask(token)
            error = caught.exception
            self.assertEqual((error.reason, error.key), (why, None))
            self.assertEqual(str(error), error.reason)

    def refuse_state(self, issued: Issued, why: str) -> None:
        """A key's token, which doesn't work now."""
        with self.assertRaises(KeyRefused) as caught:
            self.check(issued)
        key = self.shop.rows.get(issued.key.id)
        self.assertEqual((caught.exception.reason, caught.exception.key), (why, key))
        self.assertEqual(self.look(issued), key)

    def forged(self, issued: Issued, **changes: object) -> bytes:
        """Signed by us, of what was never issued: as if the issuer had a hole."""
        key = self.shop.signing.current
        return signed(key, header_of(key), claims_of(issued, changes))

    def put_for(self, token: bytes, issued: Issued, **changes: object) -> None:
        """Even a row that has the consent of ``token``, so that it isn't what fails."""
        consent = consent_of(grant_of(token))
        self.shop.rows.put(replace(issued.key, consent=consent, **changes))  # type: ignore[arg-type]


class StateTests(AuthorityCase):
    def test_a_key_that_was_authorised_works(self) -> None:
        for cloud_id in ("CFOS-1", None):
            for role in Role:
                issued = self.shop.working(cloud_id, role)
                self.assertEqual(self.check(issued), issued.key)
                self.assertEqual(self.look(issued), issued.key)

    def test_before_that_it_is_pending(self) -> None:
        self.refuse_state(self.shop.issue(), "pending")

    def test_once_revoked_it_never_works_again(self) -> None:
        issued = self.shop.working()
        self.check(issued)
        self.shop.rows.put(replace(issued.key, revoked=self.shop.clock()))
        self.refuse_state(issued, "revoked")

    def test_a_device_that_forgot_it_makes_it_pending(self) -> None:
        issued = self.shop.working()
        self.shop.rows.put(replace(issued.key, authorised=None))
        self.refuse_state(issued, "pending")

    def test_it_ends_in_the_very_second(self) -> None:
        issued = self.shop.working(expires=START + timedelta(hours=1))
        self.shop.clock.go(seconds=3599.999)
        self.check(issued)
        self.shop.clock.go(seconds=0.001)
        self.refuse_state(issued, "expired")

    def test_by_its_row_it_may_end_earlier(self) -> None:
        issued = self.shop.working(expires=START + timedelta(hours=1))
        self.shop.rows.put(replace(issued.key, expires=START + timedelta(minutes=1)))
        self.check(issued)
        self.shop.clock.go(minutes=1)
        self.refuse_state(issued, "expired")

    def test_but_never_later_than_its_token_says(self) -> None:
        issued = self.shop.working(expires=START + timedelta(hours=1))
        self.shop.rows.put(replace(issued.key, expires=None))
        self.shop.clock.go(hours=1)
        self.refuse_state(issued, "expired")

    def test_each_request_asks_anew(self) -> None:
        issued = self.shop.working()
        for _ in range(3):
            self.check(issued)
        del self.shop.rows.rows[issued.key.id]
        self.refuse(issued.token.encode(), "no such key")

    def test_a_restart_changes_nothing(self) -> None:
        issued = self.shop.working()
        signing = SigningKeys.in_directory(self.shop.directory, self.shop.clock)
        again = KeyAuthority(signing, ISSUER, self.shop.rows, self.shop.clock)
        self.assertEqual(again.check(issued.token.encode()), issued.key)


class RememberedTests(AuthorityCase):
    def test_a_signature_is_computed_once_for_a_token_that_was_issued(self) -> None:
        issued = self.shop.working()
        seen = []
        decode = tokens.decode

        def counted(token: bytes, find: Any) -> tokens.Claims:
            seen.append(token)
            return decode(token, find)

        self.patch(tokens, "decode", counted)
        for _ in range(3):
            self.assertEqual(self.check(issued), issued.key)
        self.assertEqual(len(seen), 1)

    def test_what_is_refused_is_not_remembered(self) -> None:
        issued = self.shop.working()
        for token in (mirrored(issued.token), b"a.b.c", b"x" * 5000):
            with self.assertRaises(KeyRefused):
                self.authority.look(token)
        self.assertEqual(len(self.authority._proven), 0)

    def test_no_more_are_remembered_than_may(self) -> None:
        self.patch(proven, "MAX_PROVEN", 3)
        made = [self.shop.working() for _ in range(5)]
        for _ in range(2):
            for issued in made:
                self.assertEqual(self.check(issued), issued.key)
                self.assertLessEqual(len(self.authority._proven), 3)


class MalleableTests(AuthorityCase):
    def test_the_other_signature_that_ecdsa_allows_is_refused(self) -> None:
        issued = self.shop.working()
        token = mirrored(issued.token)
        verify(token, self.shop.signing.current.public_key)
        self.refuse(token, "not the token that was issued")

    def test_and_so_is_a_second_one_of_the_same_claims(self) -> None:
        issued = self.shop.working()
        header, payload, _ = parts(issued.token)
        again = signed(self.shop.signing.current, header, payload)
        self.assertNotEqual(again, issued.token.encode())
        self.refuse(again, "not the token that was issued")

    def test_and_one_in_other_words(self) -> None:
        issued = self.shop.working()
        key = self.shop.signing.current
        header, payload, _ = parts(issued.token)
        for other_header, other_payload in (
            (header.replace(b",", b", "), payload),
            (header, payload.replace(b",", b",\n")),
            (header, payload.replace(b'"api"', b'"\\u0061pi"')),
        ):
            token = signed(key, other_header, other_payload)
            self.refuse(token, "not the token that was issued")

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_no_token_with_another_byte_is_let_through(
        self, data: st.DataObject
    ) -> None:
        token = bytearray(self.shop.working().token.encode())
        at = data.draw(st.integers(0, len(token) - 1))
        token[at] ^= data.draw(st.integers(1, 255))
        self.assertRaises(KeyRefused, self.authority.look, bytes(token))
        self.assertRaises(KeyRefused, self.authority.check, bytes(token))

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_nor_is_anything_else(self, token: bytes) -> None:
        self.assertRaises(KeyRefused, self.authority.look, token)
        self.assertRaises(KeyRefused, self.authority.check, token)


class ClaimTests(AuthorityCase):
    """Tokens that are signed by us, and even of the consent in the row."""

    def test_what_is_signed_and_agrees_is_let_through(self) -> None:
        """Or those below would show nothing."""
        issued = self.shop.working()
        token = self.forged(issued)
        self.put_for(token, issued)
        self.assertEqual(self.authority.check(token).id, issued.key.id)

    def test_another_servers_is_refused(self) -> None:
        issued = self.shop.working()
        for iss in (
            "urn:cfos-cloud:" + "x" * 22,
            ISSUER + "/",
            ISSUER.upper(),
            "cloud",
        ):
            token = self.forged(issued, iss=iss)
            self.put_for(token, issued)
            self.refuse(token, "claims: another server's")

    def test_another_subject_than_the_rows_is_refused(self) -> None:
        issued = self.shop.working("CFOS-1")
        for sub in ("CFOS-2", "cfos-1", "cloud", "CFOS-1 "):
            token = self.forged(issued, sub=sub)
            self.put_for(token, issued)
            self.refuse(token, "says otherwise than its row")

    def test_another_role_than_the_rows_is_refused(self) -> None:
        for role, other in ((Role.API, "admin"), (Role.ADMIN, "api")):
            issued = self.shop.working(role=role)
            token = self.forged(issued, role=other)
            self.put_for(token, issued)
            self.refuse(token, "says otherwise than its row")

    def test_another_signing_key_than_the_rows_is_refused(self) -> None:
        issued = self.shop.working()
        token = self.forged(issued)
        self.shop.signing.rotate()
        self.put_for(token, issued, kid=self.shop.signing.current.kid)
        self.refuse(token, "says otherwise than its row")

    def test_the_id_of_another_row_is_refused(self) -> None:
        mine, other = self.shop.working(), self.shop.working()
        token = self.forged(mine, jti=other.key.id)
        self.refuse(token, "not the token that was issued")
        self.refuse(self.forged(mine, jti="A" * 22), "no such key")

    def test_a_row_that_went_to_another_system_is_refused(self) -> None:
        issued = self.shop.working("CFOS-1")
        for cloud_id in ("CFOS-2", None):
            self.shop.rows.put(replace(issued.key, cloud_id=cloud_id))
            self.refuse(issued.token.encode(), "says otherwise than its row")

    def test_a_system_called_cloud_is_not_the_cloud(self) -> None:
        system = self.shop.working("cloud", Role.ADMIN)
        cloud = self.shop.working(None, Role.ADMIN)
        self.assertEqual(self.check(system).cloud_id, "cloud")
        self.assertIsNone(self.check(cloud).cloud_id)
        token = self.forged(system, jti=cloud.key.id)
        self.refuse(token, "not the token that was issued")


class ClockTests(AuthorityCase):
    def test_a_clock_may_be_set_back_before_the_key_was_made(self) -> None:
        issued = self.shop.working()
        self.shop.clock.go(days=-365)
        self.check(issued)

    def test_a_clock_that_is_far_ahead_ends_what_ends(self) -> None:
        eternal = self.shop.working()
        ending = self.shop.working(expires=START + timedelta(days=365))
        self.shop.clock.go(days=20_000)
        self.check(eternal)
        self.refuse_state(ending, "expired")

    def test_a_token_of_any_time_is_answered(self) -> None:
        issued = self.shop.working()
        last = 253_402_300_799
        for changes in ({"iat": 0}, {"iat": last}, {"exp": 0}, {"exp": last}):
            token = self.forged(issued, **changes)
            self.refuse(token, "not the token that was issued")


class SigningKeyTests(AuthorityCase):
    def test_keys_live_on_when_the_signing_key_is_rotated(self) -> None:
        before = self.shop.working()
        self.shop.signing.rotate()
        after = self.shop.working()
        self.assertEqual(self.check(before), before.key)
        self.assertEqual(self.check(after), after.key)

    def test_and_end_when_it_is_dropped(self) -> None:
        before = self.shop.working()
        old = self.shop.signing.current
        self.shop.signing.rotate()
        after = self.shop.working()
        self.shop.signing.drop(old.kid)
        self.refuse(before.token.encode(), "header: a signing key that is unknown")
        self.assertEqual(self.check(after), after.key)

    def test_what_was_proven_by_it_is_proven_no_more(self) -> None:
        issued = self.shop.working()
        self.check(issued)
        old = self.shop.signing.current
        self.shop.signing.drop(old.kid)
        self.refuse(issued.token.encode(), "header: a signing key that is unknown")

    def test_nor_by_another_of_its_name(self) -> None:
        issued = self.shop.working()
        self.check(issued)
        other = Workshop(Path(self.mktemp()))
        old = self.shop.signing.current
        self.shop.signing._keys = [replace(other.signing.current, kid=old.kid)]
        self.refuse(issued.token.encode(), "signature: wrong")

    def test_so_do_those_under_the_current_one(self) -> None:
        issued = self.shop.working()
        self.shop.signing.drop(self.shop.signing.current.kid)
        self.refuse(issued.token.encode(), "header: a signing key that is unknown")

    def test_another_servers_signing_key_is_none_of_ours(self) -> None:
        other = Workshop(Path(self.mktemp()))
        issued = other.working()
        self.shop.rows.put(issued.key)
        self.refuse(issued.token.encode(), "header: a signing key that is unknown")
        # Nor under the name of ours.
        key = replace(other.signing.current, kid=self.shop.signing.current.kid)
        token = signed(key, header_of(key), claims_of(issued))
        self.put_for(token, issued, kid=key.kid)
        self.refuse(token, "signature: wrong")

    def test_one_issuer_does_not_read_what_is_anothers_on_the_same_keys(self) -> None:
        other = KeyIssuer(self.shop.signing, "urn:cfos-cloud:other", self.shop.clock)
        issued = other.issue("CFOS-1", "evcc", Role.API, None)
        self.shop.rows.put(replace(issued.key, authorised=START))
        self.refuse(issued.token.encode(), "claims: another server's")


class RefusalTests(AuthorityCase):
    def test_a_reason_never_has_a_word_of_the_token(self) -> None:
        issued = self.shop.working()
        token = issued.token.encode()
        self.shop.rows.rows.clear()
        for bad in (token, mirrored(issued.token), token[:-1], token + b"=", token * 9):
            with self.assertRaises(KeyRefused) as caught:
                self.authority.look(bad)
            self.assertEqual(len(caught.exception.reason.splitlines()), 1)
            for part in issued.token.split("."):
                self.assertNotIn(part[:16], str(caught.exception))
            self.assertNotIn(issued.key.id, str(caught.exception))
