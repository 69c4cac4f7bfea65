"""Compact JWS: what is looked at before any claim is."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.jws import MAX_TOKEN, BadToken, sign, split, verify
from tests.keys.workshop import (
    ORDER,
    Workshop,
    compact,
    header_of,
    join,
    mirrored,
    parts,
    raw,
    sign_der,
    signed,
    with_secret,
)

PAYLOAD = b'{"a":1}'
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class JwsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.key = Workshop(Path(self.mktemp())).signing.current
        self.public = self.key.public_key
        self.token = sign(PAYLOAD, self.key.kid, self.key.private_key)

    def assert_refused(self, token: bytes, why: str = "") -> None:
        with self.assertRaises(BadToken) as caught:
            verify(token, self.public)
        reason = str(caught.exception)
        self.assertTrue(reason.startswith(why), (reason, token[:80]))
        self.assertEqual(len(reason.splitlines()), 1)
        for part in token.split(b"."):
            if len(part) > 16:
                self.assertNotIn(part.decode("latin-1"), reason)


class SignedTests(JwsCase):
    def test_what_was_signed_verifies(self) -> None:
        header, payload = verify(self.token.encode(), self.public)
        self.assertEqual(header, {"alg": "ES256", "kid": self.key.kid, "typ": "JWT"})
        self.assertEqual(payload, PAYLOAD)
        self.assertEqual(split(self.token.encode()), (header, payload))

    def test_signatures_of_our_own_making_do_too(self) -> None:
        """Or the tests below would show nothing."""
        token = signed(self.key, header_of(self.key), PAYLOAD)
        self.assertEqual(verify(token, self.public)[1], PAYLOAD)

    def test_the_other_signature_that_ecdsa_allows_does_too(self) -> None:
        token = mirrored(self.token)
        self.assertNotEqual(token, self.token.encode())
        self.assertEqual(verify(token, self.public)[1], PAYLOAD)

    def test_another_key_does_not(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        self.assert_refused(sign(PAYLOAD, self.key.kid, other).encode(), "signature")

    def test_nor_does_a_key_on_another_curve(self) -> None:
        for curve in (ec.SECP256K1(), ec.SECP384R1()):
            key = ec.generate_private_key(curve)
            with self.assertRaises(BadToken):
                verify(self.token.encode(), key.public_key())

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_no_token_with_another_byte_verifies(self, data: st.DataObject) -> None:
        token = bytearray(self.token.encode())
        at = data.draw(st.integers(0, len(token) - 1))
        token[at] = data.draw(
            st.integers(0, 255).filter(lambda byte: byte != token[at])
        )
        self.assert_refused(bytes(token))

    def test_nor_does_one_with_another_sign_of_the_alphabet_anywhere(self) -> None:
        good = self.token.encode()
        for at in range(len(good)):
            for other in ALPHABET[at % 7 :: 7]:
                if other != good[at] and good[at : at + 1] != b".":
                    self.assert_refused(good[:at] + bytes([other]) + good[at + 1 :])

    @settings(deadline=None)
    @given(st.binary(min_size=1, max_size=3), st.data())
    def test_nor_does_one_with_more_or_less(
        self, more: bytes, data: st.DataObject
    ) -> None:
        good = self.token.encode()
        at = data.draw(st.integers(0, len(good)))
        self.assert_refused(good[:at] + more + good[at:])
        less = good[:at] + good[at + len(more) :]
        if less != good:
            self.assert_refused(less)

    @settings(deadline=None)
    @given(st.binary(max_size=MAX_TOKEN + 10))
    def test_nor_does_anything_else(self, data: bytes) -> None:
        self.assert_refused(data)

    @settings(deadline=None)
    @given(st.binary(max_size=60), st.binary(max_size=60))
    def test_nor_do_other_parts_in_good_base64url(self, one: bytes, two: bytes) -> None:
        signature = parts(self.token)[2]
        self.assert_refused(join(one, two, signature))
        self.assert_refused(signed(self.key, one, two))


class ShapeTests(JwsCase):
    def test_three_parts_with_dots_and_nothing_else(self) -> None:
        header, payload, signature = self.token.encode().split(b".")
        for token in (
            b"",
            b".",
            b"..",
            b"...",
            header,
            header + b"." + payload,
            header + b"." + payload + b".",
            b"." + payload + b"." + signature,
            header + b".." + signature,
            header + b"..",
            b".".join((header, payload, signature, b"")),
            b".".join((b"", header, payload, signature)),
            b".".join((header, payload, signature, signature)),
            b".".join((header, payload, signature, b"a", b"a")),
            b" " + self.token.encode(),
            self.token.encode() + b" ",
            self.token.encode() + b"\n",
            self.token.encode() + b"\r\n",
            self.token.encode() + b"\x00",
            self.token.encode() + "\u200b".encode(),
            self.token.encode().replace(b".", "\uff0e".encode()),
            self.token.encode("utf-16"),
            b"Bearer " + self.token.encode(),
            b'"' + self.token.encode() + b'"',
            compact({"payload": payload.decode(), "signatures": []}),
        ):
            self.assert_refused(token, "not a compact JWS")

    def test_each_part_in_its_one_spelling(self) -> None:
        header, payload, signature = self.token.encode().split(b".")
        for token in (
            b".".join((header + b"=", payload, signature)),
            b".".join((header, payload + b"=", signature)),
            b".".join((header, payload, signature + b"==")),
            b".".join((header, payload[:4] + b"\n" + payload[4:], signature)),
            b".".join((header, payload, signature[:-2] + b"+" + signature[-1:])),
            b".".join((header, payload, signature[:-2] + b"/" + signature[-1:])),
        ):
            self.assert_refused(token, "not a compact JWS")
        # 86 signs are 516 bits, of which the last four mean nothing.
        at = ALPHABET.index(signature[-1])
        for spare in range(1, 16):
            other = bytes([ALPHABET[at ^ spare]])
            token = b".".join((header, payload, signature[:-1] + other))
            self.assert_refused(token, "a part is not base64url as it is written")
        # As lenient readers take it, they say the same.
        self.assertEqual(at % 16, 0)

    def test_at_most_2048_bytes(self) -> None:
        header = header_of(self.key)
        room = MAX_TOKEN - len(signed(self.key, header, b""))
        fits = signed(self.key, header, b" " * (room * 3 // 4))
        self.assertEqual(len(fits), MAX_TOKEN)
        verify(fits, self.public)
        self.assert_refused(fits + b"A", "longer than")
        self.assert_refused(signed(self.key, header, b" " * 1_000_000), "longer than")
        self.assert_refused(b"." * 1_000_000, "longer than")

    def test_the_signature_is_of_64_bytes(self) -> None:
        header = header_of(self.key)
        der = sign_der(self.key, header, PAYLOAD)
        good = raw(der)
        for signature in (
            der,
            good[:-1],
            good[:32],
            good[1:],
            good + b"\x00",
            b"\x00" + good,
            b"\x00" + good[:32] + b"\x00" + good[32:],
            b"\x00" * 65,
        ):
            self.assert_refused(join(header, PAYLOAD, signature), "signature: not 64")

    def test_zeros_are_no_signature(self) -> None:
        """As they were to Java (CVE-2022-21449)."""
        header = header_of(self.key)
        for r in (0, 1, ORDER - 1, ORDER, 2**256 - 1):
            for s in (0, 1, ORDER - 1, ORDER, 2**256 - 1):
                both = r.to_bytes(32, "big") + s.to_bytes(32, "big")
                self.assert_refused(join(header, PAYLOAD, both), "signature: wrong")


class HeaderTests(JwsCase):
    """Each with a signature that is right: the header alone is what is wrong."""

    def refuse_header(self, header: bytes, why: str = "header") -> None:
        self.assert_refused(signed(self.key, header, PAYLOAD), why)

    def test_it_is_one_json_object(self) -> None:
        good = header_of(self.key)
        for header in (
            b"[]",
            b"null",
            b'"ES256"',
            b"{",
            good + b"}",
            good + good,
            b"\xff" + good,
            b"\xef\xbb\xbf" + good,
            good.decode().encode("utf-16"),
            good.replace(b'"', b"'"),
            b"{" * 500,
            b"[" * 1000,
            b'{"a":' * 250,
        ):
            self.refuse_header(header, "header: not a JSON object")

    def test_no_name_comes_twice(self) -> None:
        good = header_of(self.key)
        for more in (
            b'"alg":"ES256"',
            b'"alg":"none"',
            b'"\\u0061lg":"none"',
            b'"kid":"another"',
        ):
            for header in (
                b"{" + more + b"," + good[1:],
                good[:-1] + b"," + more + b"}",
            ):
                self.refuse_header(header, "header: not a JSON object with each name")

    def test_es256_it_is(self) -> None:
        algorithms: tuple[object, ...] = (
            *("none", "None", "NONE", "nOnE", "", " ES256", "ES256 ", "es256"),
            *("HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES384", "ES512"),
            *("ES256K", "EdDSA", "ECDH-ES", "dir", "A128GCMKW", "ES256\x00"),
            *(0, 1, True, False, 256.0, ["ES256"], {"ES256": 1}),
        )
        for alg in algorithms:
            self.refuse_header(header_of(self.key, alg=alg), "header: not ES256")
        self.refuse_header(header_of(self.key, alg=None), "header: not ES256")
        self.refuse_header(
            header_of(self.key).replace(b'"alg":"ES256"', b'"alg":null'), "header"
        )
        self.refuse_header(
            header_of(self.key).replace(b'"alg"', b'"Alg"'), "header: names"
        )

    def test_it_has_no_names_but_ours(self) -> None:
        jwk = json.loads(ECAlgorithm.to_jwk(self.public))
        for name, value in (
            ("jku", "https://localhost/keys.json"),
            ("jwk", jwk),
            ("x5u", "https://localhost/cert.pem"),
            ("x5c", ["MIIB"]),
            ("x5t", "AAAA"),
            ("x5t#S256", "AAAA"),
            ("crit", ["exp"]),
            ("crit", []),
            ("crit", ["b64"]),
            ("b64", False),
            ("b64", True),
            ("zip", "DEF"),
            ("cty", "JWT"),
            ("enc", "A128GCM"),
            ("epk", jwk),
            ("p2c", 2**31),
            ("iss", "me"),
            ("", ""),
            ("KID", "a"),
            ("kid\x00", "a"),
            ("__proto__", {}),
        ):
            header = header_of(self.key, **{name: value})
            self.refuse_header(header, "header: names that it must not have")

    def test_kid_and_typ_are_texts(self) -> None:
        values: tuple[object, ...] = (1, 1.5, True, ["JWT"], {"a": 1}, [[]])
        for name in ("kid", "typ"):
            for value in values:
                header = header_of(self.key, **{name: value})
                self.refuse_header(header, "header: a value is no text")
        header = header_of(self.key).replace(b'"typ":"JWT"', b'"typ":null')
        self.refuse_header(header, "header: a value is no text")


class ConfusionTests(JwsCase):
    """What was made with another algorithm, of what is public of our key."""

    def setUp(self) -> None:
        super().setUp()
        encodings = serialization.Encoding
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self.public.public_bytes(encodings.PEM, spki)
        point = serialization.PublicFormat.UncompressedPoint
        self.secrets = (
            pem,
            pem.strip(),
            pem.replace(b"\n", b"\r\n"),
            self.public.public_bytes(encodings.DER, spki),
            self.public.public_bytes(encodings.X962, point),
            ECAlgorithm.to_jwk(self.public).encode(),
            compact(ECAlgorithm.to_jwk(self.public, as_dict=True)),
            self.key.kid.encode(),
            b"",
        )

    def test_an_hmac_under_the_public_key_is_none_of_our_signatures(self) -> None:
        for secret in self.secrets:
            for alg, name in (
                ("HS256", "sha256"),
                ("HS384", "sha384"),
                ("HS512", "sha512"),
            ):
                header = header_of(self.key, alg=alg)
                token = with_secret(header, PAYLOAD, secret, name)
                self.assert_refused(token, "header: not ES256")
                # One that claims to be ours: of 64 bytes is only that of SHA-512.
                token = with_secret(header_of(self.key), PAYLOAD, secret, name)
                self.assert_refused(token, "signature")

    def test_without_a_signature_nothing_is_signed(self) -> None:
        for alg in ("none", "None", "NONE", "nOnE", "ES256"):
            header = header_of(self.key, alg=alg)
            self.assert_refused(join(header, PAYLOAD, b""), "not a compact JWS")
            self.assert_refused(join(header, PAYLOAD, b"\x00" * 64))

    def test_nor_do_other_kinds_of_keys_sign(self) -> None:
        header = header_of(self.key)
        text = b".".join(join(header, PAYLOAD, b"").split(b".")[:2])
        rsa_key = rsa.generate_private_key(65537, 2048)
        by_rsa = rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        self.assert_refused(join(header, PAYLOAD, by_rsa), "signature: not 64")
        by_koblitz = ec.generate_private_key(ec.SECP256K1()).sign(
            text, ec.ECDSA(hashes.SHA256())
        )
        self.assert_refused(join(header, PAYLOAD, raw(by_koblitz)), "signature: wrong")
        for digest in (hashes.SHA384(), hashes.SHA512(), hashes.SHA3_256()):
            der = self.key.private_key.sign(text, ec.ECDSA(digest))
            self.assert_refused(join(header, PAYLOAD, raw(der)), "signature: wrong")

    def test_a_token_in_a_token_is_a_payload(self) -> None:
        inner = self.token.encode()
        header, payload = verify(
            signed(self.key, header_of(self.key), inner), self.public
        )
        self.assertEqual(payload, inner)
        self.assertEqual(header["typ"], "JWT")
