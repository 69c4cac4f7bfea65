"""The examples in docs/tunnel-protocol.md are what our code says and understands."""

from __future__ import annotations

import base64
import hashlib
import re
from base64 import b64decode
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from scramp import ScramMechanism
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.device.authorization import AuthorizeRequest
from cfos_cloud.device.preamble import parse_preamble
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.tunnel.control import Call, Message, Notification, Refusal, parse
from cfos_cloud.tunnel.devices import NamedDevice, TargetState, read_targets
from cfos_cloud.tunnel.hello import parse_grant, parse_hello
from cfos_cloud.tunnel.scram import (
    Challenge,
    ClientHandshake,
    Proven,
    Refused,
    ServerHandshake,
    Verifier,
    end_point_binding,
)
from cfos_cloud.tunnel.yamux import Connection, Data, Role, StreamOpened
from tests.tree import ROOT


class WorkedExampleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = (ROOT / "docs" / "tunnel-protocol.md").read_text(encoding="utf-8")
        pem = self.one(r"(?s)-----BEGIN CERT.*?END CERTIFICATE-----\n", 0)
        certificate = load_pem_x509_certificate(pem.encode())
        self.binding = end_point_binding(certificate.public_bytes(Encoding.DER))
        self.password = self.one(r"password `([^`]+)`")
        salt, stored, server, count = ScramMechanism("SCRAM-SHA-256").make_auth_info(
            self.password, 4096, salt=bytes.fromhex(self.value("salt"))
        )
        self.verifier = Verifier(salt, stored, server, count)

    def one(self, pattern: str, group: int = 1) -> str:
        found = re.search(pattern, self.text, re.M)
        assert found is not None, pattern
        return found[group]

    def value(self, name: str) -> str:
        return self.one(rf"^{name} +([0-9a-f]+)$")

    def headers(self) -> list[bytes]:
        lines = re.findall(
            r'^(?:Auth|WWW-Auth)[A-Za-z-]+: (.*data=".*)$', self.text, re.M
        )
        self.assertEqual(len(lines), 4)
        return [line.encode() for line in lines]

    def test_the_password_is_a_generated_one(self) -> None:
        self.assertTrue(is_generated(self.password))

    def test_the_keys_and_the_binding_are_right(self) -> None:
        self.assertEqual(self.value("binding"), self.binding.hex())
        self.assertEqual(self.value("StoredKey"), self.verifier.stored_key.hex())
        self.assertEqual(self.value("ServerKey"), self.verifier.server_key.hex())

    def test_our_client_and_our_server_say_just_these_bytes(self) -> None:
        first, challenge, final, info = self.headers()
        nonce = self.one(r"^client-first .*,r=(\S+)$")
        client = ClientHandshake("Site-7", self.password, self.binding, nonce=nonce)
        server = ServerHandshake(
            lambda _: self.verifier,
            self.binding,
            lambda n: bytes(range(0x40, 0x40 + n)),
        )
        self.assertEqual(client.first(), first)
        self.assertEqual(server.respond(first), Challenge((challenge,)))
        self.assertEqual(client.final(challenge), final)
        self.assertEqual(server.respond(final), Proven("Site-7", info))
        client.finish(info)

    def test_the_messages_are_those_of_the_headers(self) -> None:
        names = ("client-first", "server-first", "client-final", "server-final")
        for name, header in zip(names, self.headers(), strict=True):
            found = re.search(rb'data="([^"]+)"', header)
            assert found is not None
            message = b64decode(found[1]).decode()
            self.assertEqual(message, self.one(rf"^{name} +(\S+)$"))

    def test_what_a_failure_looks_like(self) -> None:
        server = ServerHandshake(lambda _: self.verifier, self.binding)
        refused = server.respond(self.headers()[2])
        assert isinstance(refused, Refused)
        (value,) = refused.www_authenticate
        self.assertIn(f"`WWW-Authenticate: {value.decode()}`", self.text)

    def test_the_offer_looks_like_this(self) -> None:
        offers = ServerHandshake(lambda _: self.verifier, self.binding).respond(None)
        assert isinstance(offers, Challenge)
        for value in offers.www_authenticate:
            self.assertIn(f"WWW-Authenticate: {value.decode()}\n", self.text)


class MessageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = (ROOT / "docs" / "tunnel-protocol.md").read_text(encoding="utf-8")

    def messages(self) -> list[Message]:
        lines = re.findall(r"^[→←] (\{.*\})$", self.text, re.M)
        return [parse(line.encode()) for line in lines]

    def test_every_control_message_is_one(self) -> None:
        messages = self.messages()
        methods = {m.method for m in messages if isinstance(m, Call | Notification)}
        self.assertEqual(
            methods,
            {
                *("hello", "login", "authorize", "logout", "forget", "revoke"),
                *("goaway", "status"),
            },
        )
        (refusal,) = (m for m in messages if isinstance(m, Refusal))
        self.assertEqual(refusal.error.code, -32001)

    def test_hello_and_grants_are_taken(self) -> None:
        grants = []
        for message in self.messages():
            if isinstance(message, Call) and message.method == "hello":
                hello = parse_hello(message.params)
                wants = hello.end_to_end or "login" in hello.capabilities
                self.assertTrue(wants)
            result = getattr(message, "result", {})
            if "grant" in result:
                grants.append(parse_grant(result))
        admin, user = grants
        self.assertEqual((admin.role, admin.devices), ("admin", ()))
        meter = NamedDevice("meter", "Smart meter")
        self.assertEqual((user.role, user.devices), ("user", (meter,)))

    def test_the_states_of_devices_are_read(self) -> None:
        told = [
            read_targets(message.params)
            for message in self.messages()
            if isinstance(message, Notification) and message.method == "status"
        ]
        states = {
            None: TargetState(True, 3600),
            "meter": TargetState(False, 12),
            "inverter": TargetState(),
        }
        self.assertEqual(told, [{}, states])

    def test_the_hashes_of_an_access_key_are_right(self) -> None:
        found = re.search(r"(?m)^```\n((?:[A-Za-z0-9_.-]+\n)+)```$", self.text)
        assert found is not None
        token = found[1].replace("\n", "")
        self.assertEqual(token.count("."), 2)
        self.assertIn(f"(one line of {len(token)} characters,", self.text)
        grant = grant_of(token.encode())
        key = consent_of(grant)
        self.assertIn(f"\ngrant  {grant}\nkey    {key}\n", self.text)
        by_hand = base64.urlsafe_b64encode(hashlib.sha256(grant.encode()).digest())
        self.assertEqual(by_hand.rstrip(b"=").decode(), key)
        lines = re.findall(r'(?m)^(\{"kind":"http".*\})⏎$', self.text)
        (line,) = (line for line in lines if grant in line)
        self.assertEqual(parse_preamble(line.encode()).grant, grant)

    def test_consent_to_that_key_is_taken_and_forgotten(self) -> None:
        messages = [m for m in self.messages() if isinstance(m, Call | Notification)]
        params = {m.method: m.params for m in messages}
        now = datetime(2026, 12, 31, tzinfo=UTC).timestamp()
        consent = AuthorizeRequest.check(params["authorize"], now).consent
        self.assertIn(f"\nkey    {consent.key}\n", self.text)
        self.assertEqual(params["forget"], {"keys": [consent.key]})

    def test_the_frames_open_a_stream_and_carry_hello(self) -> None:
        frames = re.findall(
            r"^((?:[0-9a-f]{2} ){12}) *(?:window|data)", self.text, re.M
        )
        self.assertEqual(len(frames), 2)
        found = re.search(r'^(\{.*"hello".*\})⏎$', self.text, re.M)
        assert found is not None
        line = found[1].encode() + b"\n"
        server = Connection(Role.SERVER)
        wire = b"".join(map(bytes.fromhex, frames)) + line
        self.assertEqual(server.receive_data(wire), [StreamOpened(1), Data(1, line)])
