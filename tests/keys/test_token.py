"""What our tokens say, and that they say nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.jws import MAX_TOKEN, BadToken
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.token import Claims, decode, encode
from tests.keys.workshop import (
    ISSUER,
    START,
    Workshop,
    compact,
    header_of,
    parts,
    signed,
)

times = st.datetimes(
    datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)
).map(lambda time: time.replace(microsecond=0))


class TokenCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.signing = Workshop(Path(self.mktemp())).signing
        self.key = self.signing.current
        self.claims = Claims(
            kid=self.key.kid,
            issuer=ISSUER,
            subject="CFOS-1",
            role=Role.API,
            id="0123456789abcdefABCD-_",
            issued=START,
            expires=START + timedelta(days=1),
        )
        self.said: dict[str, object] = {
            "iss": ISSUER,
            "sub": "CFOS-1",
            "role": "api",
            "jti": "0123456789abcdefABCD-_",
            "iat": int(START.timestamp()),
            "exp": int(START.timestamp()) + 86400,
        }

    def read(self, token: bytes) -> Claims:
        keys = {key.kid: key.public_key for key in self.signing}
        return decode(token, keys.get)

    def read_payload(self, payload: bytes) -> Claims:
        return self.read(signed(self.key, header_of(self.key), payload))

    def refuse(self, token: bytes, why: str) -> None:
        with self.assertRaises(BadToken) as caught:
            self.read(token)
        self.assertTrue(str(caught.exception).startswith(why), str(caught.exception))

    def refuse_payload(self, payload: bytes, why: str = "claims") -> None:
        self.refuse(signed(self.key, header_of(self.key), payload), why)


class RoundTripTests(TokenCase):
    def test_what_was_said_is_read(self) -> None:
        token = encode(self.claims, self.key.private_key)
        self.assertEqual(self.read(token.encode()), self.claims)
        eternal = replace(self.claims, expires=None)
        token = encode(eternal, self.key.private_key)
        self.assertEqual(self.read(token.encode()), eternal)

    @settings(deadline=None)
    @given(
        st.text(min_size=1, max_size=40),
        st.sampled_from(Role),
        times,
        st.none() | times,
    )
    def test_whatever_was_said(
        self, subject: str, role: Role, issued: datetime, expires: datetime | None
    ) -> None:
        claims = replace(
            self.claims, subject=subject, role=role, issued=issued, expires=expires
        )
        token = encode(claims, self.key.private_key).encode()
        self.assertEqual(self.read(token), claims)
        self.assertLess(len(token), MAX_TOKEN)

    def test_a_token_is_as_documented(self) -> None:
        header, payload, _ = parts(encode(self.claims, self.key.private_key))
        self.assertEqual(
            header, b'{"alg":"ES256","kid":"%s","typ":"JWT"}' % self.key.kid.encode()
        )
        self.assertEqual(payload, compact(self.said))

    def test_the_order_and_spelling_of_claims_are_free(self) -> None:
        claims = b", ".join(
            compact(name) + b" :" + compact(value)
            for name, value in reversed(self.said.items())
        )
        self.assertEqual(self.read_payload(b"{" + claims + b"}"), self.claims)


class HeaderTests(TokenCase):
    def refuse_header(self, why: str, **changes: object) -> None:
        header = header_of(self.key, **changes)
        self.refuse(signed(self.key, header, compact(self.said)), why)

    def test_alg_kid_and_typ_are_all_there(self) -> None:
        self.refuse_header("header: not alg, kid and typ", kid=None)
        self.refuse_header("header: not alg, kid and typ", typ=None)
        self.refuse_header("header: not alg, kid and typ", kid="")

    def test_the_type_is_jwt(self) -> None:
        for typ in ("jwt", "JOSE", "at+jwt", "application/jwt", "JWT ", ""):
            self.refuse_header("header: not alg, kid and typ", typ=typ)

    def test_the_kid_is_one_of_ours(self) -> None:
        for kid in ("another", self.key.kid + "A", "../../dev/null", "' OR 1=1"):
            self.refuse_header("header: a signing key that is unknown", kid=kid)

    def test_and_that_of_the_key_that_signed(self) -> None:
        old = self.key
        new = self.signing.rotate()
        self.refuse(signed(old, header_of(new), compact(self.said)), "signature: wrong")
        self.refuse(signed(new, header_of(old), compact(self.said)), "signature: wrong")
        self.read(signed(old, header_of(old), compact(self.said)))
        self.read(signed(new, header_of(new), compact(self.said)))


class ClaimTests(TokenCase):
    def refuse_claims(self, **changes: object) -> None:
        claims = {n: v for n, v in (self.said | changes).items() if v is not ...}
        self.refuse_payload(compact(claims))

    def test_they_are_one_json_object(self) -> None:
        good = compact(self.said)
        for payload in (
            *(b"", b"foo", b"[]", b"null", b"{}", b"[" * 900, b'{"a":' * 200),
            *(good + b"x", good[:-1], good + good, b"\xef\xbb\xbf" + good),
            good[:-1] + b',"sub":"CFOS-2"}',
            b'{"\\u0073ub":"CFOS-2",' + good[1:],
        ):
            # An empty part has no shape of a token.
            self.refuse_payload(payload, "claims" if payload else "not a compact JWS")

    def test_each_but_exp_has_to_be_there(self) -> None:
        for name in ("iss", "sub", "role", "jti", "iat"):
            self.refuse_claims(**{name: ...})
        without = {n: v for n, v in self.said.items() if n != "exp"}
        self.assertIsNone(self.read_payload(compact(without)).expires)

    def test_there_are_no_others(self) -> None:
        for name in ("nbf", "aud", "scope", "admin", "Role", "", "iat "):
            self.refuse_claims(**{name: 1})

    def test_texts_are_texts(self) -> None:
        for name in ("iss", "sub", "role", "jti"):
            for value in (None, "", 1, 1.5, True, ["api"], ["CFOS-1"], {"a": 1}, []):
                self.refuse_claims(**{name: value})

    def test_a_role_is_one_of_ours(self) -> None:
        for role in ("API", "Admin", "admin ", "user", "root", "api,admin"):
            self.refuse_claims(role=role)

    def test_times_are_whole_seconds(self) -> None:
        for name in ("iat", "exp"):
            values: tuple[object, ...] = (
                *(None, "1800000000", True, False, 1.5, 1800000000.0, 1e300),
                *(-1, 10**12, 2**63, 2**64, 10**400, [1800000000], {}),
                *(float("nan"), float("inf"), float("-inf")),
            )
            for value in values:
                self.refuse_claims(**{name: value})
        good = compact(self.said)
        for spelling in (b"18e8", b"1800000000.0", b"01800000000", b"+1", b"0x10"):
            exp = str(self.said["exp"]).encode()
            self.refuse_payload(good.replace(exp, spelling))
