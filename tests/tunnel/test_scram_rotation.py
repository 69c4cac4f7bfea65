"""A Cloud password that changes while somebody proves the old one."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.scram import (
    Challenge,
    ClientHandshake,
    FakeVerifiers,
    Proven,
    Refused,
    ServerHandshake,
    Verifier,
    make_verifier,
)

BINDING = hashlib.sha256(b"the server's certificate").digest()
OLD, NEW = "the old password", "the new password"


class RotationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.verifiers = {"site-7": make_verifier(OLD, 4096)}
        self.fakes = FakeVerifiers(b"secret of the server")
        self.server = ServerHandshake(self.find, BINDING)

    def find(self, cloud_id: str) -> Verifier:
        known = self.verifiers.get(cloud_id.lower())
        return self.fakes.make(cloud_id) if known is None else known

    def final(self, client: ClientHandshake) -> bytes:
        """The proof, up to which the server has been asked once."""
        challenge = self.server.respond(client.first())
        assert isinstance(challenge, Challenge)
        return client.final(challenge.www_authenticate[0])

    def test_a_proof_of_the_old_one_is_worth_nothing_after_the_change(self) -> None:
        proof = self.final(ClientHandshake("Site-7", OLD, BINDING))
        self.verifiers["site-7"] = make_verifier(NEW, 4096)
        self.assertIsInstance(self.server.respond(proof), Refused)

    def test_nor_after_the_system_was_removed(self) -> None:
        proof = self.final(ClientHandshake("Site-7", OLD, BINDING))
        del self.verifiers["site-7"]
        self.assertIsInstance(self.server.respond(proof), Refused)

    def test_the_new_one_opens_from_then_on(self) -> None:
        self.verifiers["site-7"] = make_verifier(NEW, 4096)
        proof = self.final(ClientHandshake("Site-7", NEW, BINDING))
        self.assertIsInstance(self.server.respond(proof), Proven)
