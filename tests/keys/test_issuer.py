"""New keys: shown once, kept nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.key import KeyState, Role
from cfos_cloud.keys.token import decode
from tests.keys.workshop import ISSUER, START, Workshop


class IssueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shop = Workshop(Path(self.mktemp()))
        self.current = self.shop.signing.current

    def test_its_row_is_pending_and_as_asked(self) -> None:
        expires = START + timedelta(days=30)
        issued = self.shop.issuer.issue(
            "CFOS-1",
            "evcc",
            Role.ADMIN,
            expires,
            code="7KQ-M2X",
            requested_from="192.0.2.7",
        )
        key = issued.key
        self.assertEqual(
            (key.cloud_id, key.name, key.role, key.created, key.expires),
            ("CFOS-1", "evcc", Role.ADMIN, START, expires),
        )
        self.assertEqual((key.code, key.requested_from), ("7KQ-M2X", "192.0.2.7"))
        self.assertEqual(key.kid, self.current.kid)
        self.assertIs(key.state(START), KeyState.PENDING)

    def test_its_token_says_the_same(self) -> None:
        for cloud_id, subject in (("CFOS-1", "CFOS-1"), (None, "cloud")):
            for expires in (None, START + timedelta(hours=1)):
                issued = self.shop.issuer.issue(cloud_id, "evcc", Role.API, expires)
                said = decode(issued.token.encode(), lambda _: self.current.public_key)
                self.assertEqual(
                    (said.issuer, said.subject, said.role, said.id),
                    (ISSUER, subject, Role.API, issued.key.id),
                )
                self.assertEqual((said.issued, said.expires), (START, expires))
                self.assertEqual(said.kid, self.current.kid)

    def test_its_row_has_the_consent_and_no_token(self) -> None:
        issued = self.shop.issue()
        token = issued.token.encode()
        self.assertEqual(issued.key.consent, consent_of(grant_of(token)))
        for text in (repr(issued), repr(issued.key)):
            self.assertNotIn(issued.token, text)
            self.assertNotIn(grant_of(token), text)
            self.assertNotIn(issued.key.consent, text)

    def test_times_are_whole_seconds_in_the_token_and_in_utc_in_its_row(self) -> None:
        self.shop.clock.now = datetime(
            2026, 11, 22, 10, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=1))
        )
        expires = self.shop.clock.now + timedelta(days=1)
        issued = self.shop.issue(expires=expires)
        said = decode(issued.token.encode(), lambda _: self.current.public_key)
        self.assertEqual(
            (said.issued, said.expires), (START, START + timedelta(days=1))
        )
        self.assertEqual(issued.key.expires, said.expires)
        for time in (issued.key.created, issued.key.expires):
            assert time is not None
            self.assertIs(time.tzinfo, UTC)

    def test_those_of_one_second_have_an_order_by_their_rows(self) -> None:
        made = []
        for microsecond in range(0, 1_000_000, 200_000):
            self.shop.clock.now = START.replace(microsecond=microsecond)
            made.append(self.shop.issue().key)
        self.assertEqual(sorted(made, key=lambda key: key.created), made)
        self.assertEqual(len({key.created for key in made}), len(made))

    def test_no_two_are_alike(self) -> None:
        issued = [self.shop.issue() for _ in range(50)]
        for values in (
            {one.key.id for one in issued},
            {one.token for one in issued},
            {one.key.consent for one in issued},
        ):
            self.assertEqual(len(values), 50)

    def test_an_id_has_128_bits_of_randomness(self) -> None:
        issuer = KeyIssuer(self.shop.signing, ISSUER, self.shop.clock, bytes)
        key = issuer.issue("CFOS-1", "evcc", Role.API, None).key
        self.assertEqual(key.id, "A" * 22)

    def test_an_id_is_no_option_of_a_command(self) -> None:
        for first in range(256):
            issuer = KeyIssuer(
                self.shop.signing,
                ISSUER,
                self.shop.clock,
                lambda size, first=first: bytes([first]) + bytes(size - 1),  # type: ignore[misc]
            )
            key = issuer.issue("CFOS-1", "evcc", Role.API, None).key
            self.assertRegex(key.id, r"\A[A-Za-z0-9_][A-Za-z0-9_-]{21}\Z")

    def test_the_current_signing_key_signs(self) -> None:
        before = self.shop.issue().key
        new = self.shop.signing.rotate()
        after = self.shop.issue().key
        self.assertEqual((before.kid, after.kid), (self.current.kid, new.kid))
