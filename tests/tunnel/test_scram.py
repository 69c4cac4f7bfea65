"""SCRAM over HTTP: both ends, against each other and against captured bytes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_password import CHOSEN_ITERATIONS, GENERATED_ITERATIONS
from cfos_cloud.tunnel.auth_params import format_message, parse_message, parse_params
from cfos_cloud.tunnel.scram import (
    MAX_DATA_CHARACTERS,
    MAX_ITERATIONS,
    MAX_PENDING,
    MAX_PENDING_OF_SOURCE,
    PENDING_SECONDS,
    PLAIN,
    PLUS,
    Challenge,
    ClientHandshake,
    FakeVerifiers,
    HandshakeError,
    MechanismRefused,
    PendingHandshakes,
    Proven,
    Refused,
    ServerHandshake,
    ServerNotProven,
    UnsupportedCertificate,
    UnusablePassword,
    Verifier,
    end_point_binding,
    make_verifier,
)
from tests.device.certificates import make_certificate

BINDING = hashlib.sha256(b"the server's certificate").digest()
OTHER_BINDING = hashlib.sha256(b"a relay's certificate").digest()
PASSWORD = "correct horse battery"
VERIFIER = make_verifier(PASSWORD, 4096)
FAKES = FakeVerifiers(b"secret of the server")
#: Self-signed by ECDSA with SHA-1, which today's libraries no longer make.
SHA1_CERTIFICATE = (
    "MIIBfDCCASKgAwIBAgIUOMbdn56YaBSloiFwWHGmFPcAeNAwCQYHKoZIzj0EATAUMRIwEAYDVQQD"
    "DAlsb2NhbGhvc3QwHhcNMjYxMTIyMDMyMjU4WhcNMzYxMTE5MDMyMjU4WjAUMRIwEAYDVQQDDAls"
    "b2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQJvbuOeSl6YCai8pQaJ+/24b8JvHwM"
    "OCgkwBowOR5MsYUSlFOQUs4o19JEVEPcakwS/YTNcbX6oQ6UED3dEbL8o1MwUTAdBgNVHQ4EFgQU"
    "dneYOYCY4TplbxUSvkpBfu64wuowHwYDVR0jBBgwFoAUdneYOYCY4TplbxUSvkpBfu64wuowDwYD"
    "VR0TAQH/BAUwAwEB/zAJBgcqhkjOPQQBA0kAMEYCIQCKz/EZ3isZX81S/One1EgRuPmACgJkkBC5"
    "KA7K2zXkpAIhAJc6xGsaW3WYtZPhylS0nMiJ6jexRy9EL7I1hysLppxO"
)
FAILED_PLUS = b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", error="authentication-failed"'
FAILED_PLAIN = b'SCRAM-SHA-256 realm="cfos-tunnel", error="authentication-failed"'


def find(cloud_id: str) -> Verifier:
    return VERIFIER if cloud_id.lower() == "w00-008j" else FAKES.make(cloud_id)


def server(binding: bytes | None = BINDING) -> ServerHandshake:
    return ServerHandshake(find, binding)


def client(
    password: str = PASSWORD,
    binding: bytes | None = BINDING,
    cloud_id: str = "W00-008J",
) -> ClientHandshake:
    return ClientHandshake(cloud_id, password, binding)


def challenge_of(answer: object) -> bytes:
    assert isinstance(answer, Challenge), answer
    assert len(answer.www_authenticate) == 1, answer
    return answer.www_authenticate[0]


def first(message: str, mechanism: str = PLUS) -> bytes:
    """The Authorization that carries ``message``."""
    data = b64encode(message.encode()).decode()
    return format_message(mechanism, {"realm": "cfos-tunnel", "data": data})


class ExchangeTests(SynchronousTestCase):
    def test_the_right_password_proves_both_ends(self) -> None:
        for binding in (BINDING, None):
            ours, theirs = client(binding=binding), server(binding)
            challenge = challenge_of(theirs.respond(ours.first()))
            proven = theirs.respond(ours.final(challenge))
            assert isinstance(proven, Proven)
            self.assertEqual(proven.cloud_id, "W00-008J")
            ours.finish(proven.authentication_info)

    def test_plain_is_accepted_over_tls_too(self) -> None:
        ours, theirs = client(binding=None), server(BINDING)
        challenge = challenge_of(theirs.respond(ours.first()))
        self.assertIsInstance(theirs.respond(ours.final(challenge)), Proven)

    def test_the_case_of_a_cloud_id_does_not_matter(self) -> None:
        ours, theirs = client(cloud_id="w00-008j"), server()
        challenge = challenge_of(theirs.respond(ours.first()))
        self.assertIsInstance(theirs.respond(ours.final(challenge)), Proven)

    def test_without_authorization_both_mechanisms_are_offered(self) -> None:
        self.assertEqual(
            server().respond(None),
            Challenge(
                (
                    b'SCRAM-SHA-256-PLUS realm="cfos-tunnel"',
                    b'SCRAM-SHA-256 realm="cfos-tunnel"',
                )
            ),
        )

    def test_without_tls_only_the_plain_mechanism_is_offered(self) -> None:
        self.assertEqual(
            server(None).respond(None),
            Challenge((b'SCRAM-SHA-256 realm="cfos-tunnel"',)),
        )

    def test_a_relay_with_another_certificate_is_refused(self) -> None:
        ours, theirs = client(binding=OTHER_BINDING), server(BINDING)
        challenge = challenge_of(theirs.respond(ours.first()))
        self.assertEqual(theirs.respond(ours.final(challenge)), Refused((FAILED_PLUS,)))

    def test_a_wrong_password_and_an_unknown_cloud_id_are_the_same(self) -> None:
        answers = []
        for ours in (client("wrong horse battery"), client(cloud_id="nobody")):
            theirs = server()
            challenge = challenge_of(theirs.respond(ours.first()))
            data = parse_message(challenge).params["data"]
            fields = dict(f.split("=", 1) for f in b64decode(data).decode().split(","))
            self.assertEqual(set(fields), {"r", "s", "i"})
            self.assertEqual(len(b64decode(fields["s"])), 32)
            answers.append((theirs.respond(ours.final(challenge)), len(fields["r"])))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0][0], Refused((FAILED_PLUS,)))

    def test_each_sid_and_nonce_is_new(self) -> None:
        seen = set()
        for _ in range(5):
            message = parse_message(challenge_of(server().respond(client().first())))
            self.assertEqual(len(message.params["sid"]), 32)
            seen |= {message.params["sid"], message.params["data"]}
        self.assertEqual(len(seen), 10)

    def test_after_a_refusal_the_handshake_starts_anew(self) -> None:
        theirs = server()
        bad = client("wrong horse battery")
        theirs.respond(bad.final(challenge_of(theirs.respond(bad.first()))))
        good = client()
        challenge = challenge_of(theirs.respond(good.first()))
        self.assertIsInstance(theirs.respond(good.final(challenge)), Proven)

    def test_a_proof_can_not_be_replayed(self) -> None:
        ours, theirs = client(), server()
        final = ours.final(challenge_of(theirs.respond(ours.first())))
        self.assertIsInstance(theirs.respond(final), Proven)
        self.assertIsInstance(theirs.respond(final), Refused)
        other = server()
        other.respond(client().first())
        self.assertIsInstance(other.respond(final), Refused)


class SharedTests(SynchronousTestCase):
    """Behind a proxy, the two requests may come by two connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pending = PendingHandshakes(self.clock.seconds)

    def server(self, binding: bytes | None = None) -> ServerHandshake:
        return ServerHandshake(find, binding, pending=self.pending)

    def test_the_proof_may_come_by_another_connection(self) -> None:
        ours = client(binding=None)
        challenge = challenge_of(self.server().respond(ours.first()))
        self.clock.advance(PENDING_SECONDS - 1)
        proven = self.server().respond(ours.final(challenge))
        assert isinstance(proven, Proven)
        ours.finish(proven.authentication_info)

    def test_several_handshakes_may_share_a_connection(self) -> None:
        theirs = self.server()
        one, two = client(binding=None), client(binding=None)
        challenge_one = challenge_of(theirs.respond(one.first()))
        challenge_two = challenge_of(theirs.respond(two.first()))
        theirs.respond(None)
        self.assertIsInstance(theirs.respond(one.final(challenge_one)), Proven)
        self.assertIsInstance(theirs.respond(two.final(challenge_two)), Proven)

    def test_it_is_good_once(self) -> None:
        ours = client(binding=None)
        final = ours.final(challenge_of(self.server().respond(ours.first())))
        self.assertIsInstance(self.server().respond(final), Proven)
        self.assertIsInstance(self.server().respond(final), Refused)

    def test_it_is_good_for_a_while(self) -> None:
        ours = client(binding=None)
        challenge = challenge_of(self.server().respond(ours.first()))
        self.clock.advance(PENDING_SECONDS + 0.1)
        self.assertIsInstance(self.server().respond(ours.final(challenge)), Refused)
        self.assertEqual(len(self.pending), 0)

    def test_it_is_good_for_its_own_certificate(self) -> None:
        ours = client(binding=BINDING)
        challenge = challenge_of(self.server(BINDING).respond(ours.first()))
        answer = self.server(OTHER_BINDING).respond(ours.final(challenge))
        self.assertIsInstance(answer, Refused)

    def test_a_connection_of_its_own_takes_none_of_them(self) -> None:
        ours = client(binding=None)
        challenge = challenge_of(self.server().respond(ours.first()))
        answer = server(None).respond(ours.final(challenge))
        self.assertIsInstance(answer, Refused)

    def test_their_number_is_bounded_and_the_oldest_goes(self) -> None:
        first_one, last_one = client(binding=None), client(binding=None)
        oldest = challenge_of(self.server().respond(first_one.first(), "a"))
        for number in range(MAX_PENDING - 1):
            self.server().respond(client(binding=None).first(), f"s{number}")
        self.assertEqual(len(self.pending), MAX_PENDING)
        newest = challenge_of(self.server().respond(last_one.first(), "z"))
        self.assertEqual(len(self.pending), MAX_PENDING)
        for ours, challenge, kind in (
            (first_one, oldest, Refused),
            (last_one, newest, Proven),
        ):
            answer = self.server().respond(ours.final(challenge))
            self.assertIsInstance(answer, kind)

    def test_one_source_pushes_out_only_its_own(self) -> None:
        ours = client(binding=None)
        challenge = challenge_of(self.server().respond(ours.first(), "honest"))
        for _ in range(MAX_PENDING):
            self.server().respond(client(binding=None).first(), "flood")
        self.assertEqual(len(self.pending), MAX_PENDING_OF_SOURCE + 1)
        answer = self.server().respond(ours.final(challenge), "honest")
        self.assertIsInstance(answer, Proven)


class CapturedTests(SynchronousTestCase):
    """The example of RFC 7677 §3, in the headers of RFC 7804."""

    SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    CLIENT_FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    CLIENT_FINAL = (
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

    def test_the_client_answers_as_in_the_rfc(self) -> None:
        ours = ClientHandshake("user", "pencil", None, nonce="rOprNGfwEbeRWgbNEkqO")
        sent = parse_message(ours.first())
        self.assertEqual(b64decode(sent.params["data"]).decode(), self.CLIENT_FIRST)
        server_first = (
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        )
        data = b64encode(server_first.encode())
        sent = parse_message(ours.final(b"SCRAM-SHA-256 sid=AAAA,data=" + data))
        self.assertEqual(sent.params["sid"], "AAAA")
        self.assertEqual(b64decode(sent.params["data"]).decode(), self.CLIENT_FINAL)
        data = b64encode(self.SERVER_FINAL.encode())
        ours.finish(b'sid="AAAA", data=' + data)

    def test_a_verifier_is_that_of_the_rfc(self) -> None:
        salted = hashlib.pbkdf2_hmac("sha256", b"pencil", self.SALT, 4096)
        made = make_verifier("pencil", 4096)
        again = hashlib.pbkdf2_hmac("sha256", b"pencil", made.salt, 4096)
        self.assertNotEqual(salted, again)
        client_key = hashlib.sha256(hmac_sha256(again, b"Client Key")).digest()
        self.assertEqual(made.stored_key, client_key)
        self.assertEqual(made.server_key, hmac_sha256(again, b"Server Key"))


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


class RefusalTests(SynchronousTestCase):
    def refused(
        self, theirs: ServerHandshake, value: bytes, text: bytes = FAILED_PLUS
    ) -> None:
        self.assertEqual(theirs.respond(value), Refused((text,)), value)

    def test_a_wrong_sid_is_refused(self) -> None:
        ours, theirs = client(), server()
        final = parse_message(ours.final(challenge_of(theirs.respond(ours.first()))))
        params = dict(final.params) | {"sid": "0" * 32}
        self.refused(theirs, format_message(PLUS, params))

    def test_a_missing_sid_is_refused(self) -> None:
        ours, theirs = client(), server()
        final = parse_message(ours.final(challenge_of(theirs.respond(ours.first()))))
        self.refused(theirs, format_message(PLUS, {"data": final.params["data"]}))

    def test_the_other_mechanism_in_the_second_message_is_refused(self) -> None:
        ours, theirs = client(), server()
        final = parse_message(ours.final(challenge_of(theirs.respond(ours.first()))))
        self.refused(theirs, format_message(PLAIN, final.params), FAILED_PLAIN)

    def test_a_refused_proof_names_its_cloud_id_where_that_is_one(self) -> None:
        for name, known in (("nobody", "nobody"), ("a--b", None), ("W00-008J", None)):
            theirs = server()
            message = f"p=tls-server-end-point,,n={name},r=abcdefgh"
            challenge = parse_message(challenge_of(theirs.respond(first(message))))
            sid = {"sid": challenge.params["sid"]}
            if name != "W00-008J":
                data = {"data": b64encode(b"c=x,r=y,p=z").decode()}
                answer = theirs.respond(format_message(PLUS, sid | data))
            else:
                answer = theirs.respond(b"Basic eDp5")
            assert isinstance(answer, Refused)
            self.assertEqual(answer.cloud_id, known)

    def test_a_proof_before_a_challenge_is_refused(self) -> None:
        ours, theirs = client(), server()
        final = ours.final(challenge_of(theirs.respond(ours.first())))
        self.refused(server(), final)

    def test_a_second_first_message_begins_anew_and_the_first_is_forgotten(
        self,
    ) -> None:
        theirs = server()
        one, two = client(), client()
        old = challenge_of(theirs.respond(one.first()))
        new = challenge_of(theirs.respond(two.first()))
        self.refused(theirs, one.final(old))
        self.assertIsInstance(theirs.respond(two.final(new)), Refused)

    def test_flags_that_do_not_fit_are_refused(self) -> None:
        bare = "n=W00-008J,r=abcdefghijklmnop"
        cases: list[tuple[bytes | None, str, str]] = [
            (BINDING, "y,," + bare, PLAIN),
            (BINDING, "y,," + bare, PLUS),
            (BINDING, "n,," + bare, PLUS),
            (BINDING, "p=tls-server-end-point,," + bare, PLAIN),
            (BINDING, "p=tls-unique,," + bare, PLUS),
            (BINDING, "p=tls-exporter,," + bare, PLUS),
            (BINDING, "n,a=admin," + bare, PLAIN),
            (None, "p=tls-server-end-point,," + bare, PLAIN),
        ]
        for binding, message, mechanism in cases:
            text = FAILED_PLUS if mechanism == PLUS else FAILED_PLAIN
            self.refused(server(binding), first(message, mechanism), text)

    def test_without_tls_the_plus_mechanism_is_refused(self) -> None:
        self.refused(server(None), client().first(), FAILED_PLAIN)

    def test_without_tls_a_client_may_say_that_it_could_bind(self) -> None:
        answer = server(None).respond(first("y,,n=W00-008J,r=abcdefgh", PLAIN))
        self.assertIsInstance(answer, Challenge)

    def test_garbage_is_refused(self) -> None:
        good = "p=tls-server-end-point,,n=W00-008J,r=abcdefgh"
        for value in (
            b"",
            b"Basic dXNlcjpwYXNz",
            b"Bearer abc.def.ghi",
            b"SCRAM-SHA-1 realm=cfos-tunnel, data=YWI=",
            b"SCRAM-SHA-256-PLUS",
            b'SCRAM-SHA-256-PLUS realm="cfos-tunnel"',
            b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", data="???"',
            b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", data="/w=="',
            b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", data=""',
            first(good).replace(b"cfos-tunnel", b"other"),
            first(good + ",r=again"),
            first(good.replace("n=W00-008J", "n=")),
            first(good.replace("r=abcdefgh", "r=")),
            first(good.replace("W00", "=41")),
            first("m=ext," + good),
            first("\x00"),
        ):
            self.refused(server(), value)

    def test_too_much_data_is_refused(self) -> None:
        self.refused(
            server(),
            first("p=tls-server-end-point,,n=W00-008J,r=" + "x" * MAX_DATA_CHARACTERS),
        )

    def test_a_name_that_is_no_cloud_id_is_treated_like_an_unknown_one(self) -> None:
        for name in ("-", "a--b", "x" * 41, "W00_008J", "Wärme"):
            theirs = server()
            message = f"p=tls-server-end-point,,n={name},r=abcdefgh"
            challenge = parse_message(challenge_of(theirs.respond(first(message))))
            self.assertEqual(len(challenge.params["sid"]), 32)

    def test_a_name_that_is_no_cloud_id_never_proves(self) -> None:
        theirs = ServerHandshake(lambda cloud_id: VERIFIER, None)
        ours = ClientHandshake("xx", PASSWORD, None, nonce="abcdefgh")
        # Same lengths and the same nonce: only the name differs from an honest one.
        ours._client.username.username = "a--b"  # a client that breaks the rule
        challenge = challenge_of(theirs.respond(ours.first()))
        self.assertEqual(
            theirs.respond(ours.final(challenge)), Refused((FAILED_PLAIN,))
        )

    def test_a_failing_lookup_is_our_fault_and_not_the_clients(self) -> None:
        def broken(cloud_id: str) -> Verifier:
            raise KeyError(cloud_id)

        theirs = ServerHandshake(broken, BINDING)
        self.assertRaises(KeyError, theirs.respond, client().first())

    @given(st.binary(max_size=300))
    def test_any_bytes_get_an_answer(self, value: bytes) -> None:
        self.assertIsInstance(server().respond(value), Refused)

    @given(st.text(max_size=100), st.sampled_from([PLUS, PLAIN]))
    def test_any_message_gets_an_answer(self, message: str, mechanism: str) -> None:
        theirs = server()
        try:
            value = first(message, mechanism)
        except UnicodeEncodeError:
            return
        theirs.respond(value)
        sid = "0" * 32
        data = b64encode(message.encode()).decode()
        theirs.respond(client().first())
        theirs.respond(format_message(mechanism, {"sid": sid, "data": data}))


class ClientTests(SynchronousTestCase):
    def answer(self, ours: ClientHandshake, message: str, **params: str) -> bytes:
        data = b64encode(message.encode()).decode()
        return format_message(ours.mechanism, {"sid": "s", "data": data} | params)

    def started(self, nonce: str = "abcdefgh") -> ClientHandshake:
        ours = ClientHandshake("W00-008J", PASSWORD, BINDING, nonce=nonce)
        ours.first()
        return ours

    def test_a_nonce_that_is_not_ours_is_refused(self) -> None:
        salt = b64encode(b"s" * 32).decode()
        for nonce in ("xbcdefgh123", "abcdefgh", "abcdefg"):
            ours = self.started()
            value = self.answer(ours, f"r={nonce},s={salt},i=4096")
            self.assertRaises(HandshakeError, ours.final, value)

    def test_iterations_out_of_bounds_are_refused(self) -> None:
        salt = b64encode(b"s" * 32).decode()
        for count in ("1", "4095", str(MAX_ITERATIONS + 1), "9" * 5000, "-1", "0x10"):
            ours = self.started()
            value = self.answer(ours, f"r=abcdefgh1,s={salt},i={count}"[:3000])
            self.assertRaises(HandshakeError, ours.final, value)

    def test_another_mechanism_or_a_failure_is_told_apart(self) -> None:
        for value in (FAILED_PLUS, FAILED_PLAIN, b"SCRAM-SHA-256 sid=a, data=YQ=="):
            self.assertRaises(MechanismRefused, self.started().final, value)

    def test_a_challenge_without_a_usable_sid_is_refused(self) -> None:
        salt = b64encode(b"s" * 32).decode()
        message = f"r=abcdefgh1,s={salt},i=4096"
        for sid in ("", "x" * 257):
            ours = self.started()
            value = self.answer(ours, message, sid=sid)
            self.assertRaises(HandshakeError, ours.final, value)

    def test_malformed_challenges_are_refused(self) -> None:
        for value in (b"", b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256-PLUS sid=a, data=?"):
            self.assertRaises(HandshakeError, self.started().final, value)

    def test_a_server_without_the_verifier_is_not_proven(self) -> None:
        for spoil in (
            lambda info: b"",
            lambda info: info.replace(b'sid="', b'sid="x'),
            lambda info: b'sid="' + parse_params(info)["sid"].encode() + b'"',
            lambda info: swapped(info, "v=" + b64encode(b"x" * 32).decode()),
            lambda info: swapped(info, "e=other-error"),
            lambda info: swapped(info, "e=unheard-of"),
        ):
            self.not_proven(spoil)

    def not_proven(self, spoil: Callable[[bytes], bytes]) -> None:
        ours, theirs = client(), server()
        final = ours.final(challenge_of(theirs.respond(ours.first())))
        proven = theirs.respond(final)
        assert isinstance(proven, Proven)
        info = spoil(proven.authentication_info)
        self.assertRaises(ServerNotProven, ours.finish, info)

    def test_a_password_that_scram_can_not_use_is_refused(self) -> None:
        for password in ("", "a\x00b", "\u0221"):
            self.assertRaises(
                UnusablePassword, ClientHandshake, "W00-008J", password, BINDING
            )
            self.assertRaises(UnusablePassword, make_verifier, password, 4096)


def swapped(info: bytes, message: str) -> bytes:
    sid = parse_params(info)["sid"]
    data = b64encode(message.encode()).decode()
    return f'sid="{sid}", data="{data}"'.encode()


class VerifierTests(SynchronousTestCase):
    def test_verifiers_of_one_password_differ_by_their_salt(self) -> None:
        again = make_verifier(PASSWORD, 4096)
        self.assertNotEqual(VERIFIER.salt, again.salt)
        self.assertEqual((len(again.salt), again.iterations), (32, 4096))

    def test_neither_keys_nor_secrets_are_in_a_repr(self) -> None:
        self.assertNotIn("stored_key", repr(VERIFIER))
        self.assertNotIn("secret", repr(FAKES))

    def test_a_fake_is_stable_and_without_regard_to_case(self) -> None:
        self.assertEqual(FAKES.make("Nobody"), FAKES.make("nobody"))
        again = FakeVerifiers(FAKES.secret)
        self.assertEqual(FAKES.make("nobody"), again.make("NOBODY"))
        self.assertNotEqual(FAKES.make("nobody"), FAKES.make("nobody2"))
        self.assertNotEqual(FAKES.make("nobody"), FakeVerifiers(b"x").make("nobody"))

    def test_a_fake_looks_like_a_real_one(self) -> None:
        for fake in (FAKES.make("nobody"), FAKES.make("\udc80")):
            self.assertEqual(len(fake.salt), len(VERIFIER.salt))
            self.assertEqual(len(fake.stored_key), len(VERIFIER.stored_key))
            self.assertEqual(len(fake.server_key), len(VERIFIER.server_key))

    def test_a_quarter_of_the_fakes_asks_for_many_iterations(self) -> None:
        counts = [FAKES.make(f"id-{n}").iterations for n in range(1000)]
        self.assertEqual(set(counts), {GENERATED_ITERATIONS, CHOSEN_ITERATIONS})
        self.assertTrue(200 < counts.count(CHOSEN_ITERATIONS) < 300)


class BindingTests(SynchronousTestCase):
    def binding(self, algorithm: hashes.HashAlgorithm | None, **how: object) -> bytes:
        made = make_certificate(algorithm=algorithm, **how)  # type: ignore[arg-type]
        self.der = made.certificate.public_bytes(Encoding.DER)
        return end_point_binding(self.der)

    def test_it_is_the_hash_by_the_hash_of_the_signature(self) -> None:
        for algorithm in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            found = self.binding(algorithm)
            self.assertEqual(found, hashlib.new(algorithm.name, self.der).digest())

    def test_rsa_with_pss_binds_by_its_hash(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        pss = padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
        found = self.binding(hashes.SHA384(), key=key, rsa_padding=pss)
        self.assertEqual(found, hashlib.sha384(self.der).digest())

    def test_sha_1_is_taken_for_sha_256(self) -> None:
        der = b64decode(SHA1_CERTIFICATE)
        certificate = x509.load_der_x509_certificate(der)
        self.assertIsInstance(certificate.signature_hash_algorithm, hashes.SHA1)
        self.assertEqual(end_point_binding(der), hashlib.sha256(der).digest())

    def test_ed25519_can_not_be_bound_to(self) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        self.assertRaises(UnsupportedCertificate, self.binding, None, key=key)

    def test_what_is_no_certificate_can_not_be_bound_to(self) -> None:
        for der in (b"", b"\x30\x00", b"x" * 100):
            self.assertRaises(UnsupportedCertificate, end_point_binding, der)

    def test_an_elliptic_key_signed_by_rsa_binds_by_the_signature(self) -> None:
        issuer = make_certificate(key=rsa.generate_private_key(65537, 2048), ca=True)
        key = ec.generate_private_key(ec.SECP256R1())
        found = self.binding(hashes.SHA512(), key=key, issuer=issuer)
        self.assertEqual(found, hashlib.sha512(self.der).digest())
