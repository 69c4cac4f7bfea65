"""Whose certificates a CA vouches for."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.self_signed import make_self_signed, new_key
from cfos_cloud.listener.tls import ReloadableTLS, is_vouched_for
from cfos_cloud.listener.vouching import a_ca_vouches_for
from tests.listener.authority import NOW, Authority, pem
from tests.listener.memory_tls import Client, Handshake

NAME = "cloud.example.org"


class Transport:
    """Of a connection that has made its handshake."""

    def __init__(self, handshake: Handshake) -> None:
        self._server = handshake.server

    def getHandle(self) -> object:
        return self._server


class VouchingCase(SynchronousTestCase):
    """This machine trusts :attr:`root`, and nobody else."""

    def setUp(self) -> None:
        self.root = Authority("Root")
        self.middle = Authority("Middle", issuer=self.root)
        # Each time it is asked for it is made anew.
        self.issuers = self.middle.certificate, self.root.certificate
        self.trust(self.issuers[1])

    def trust(self, certificate: object) -> None:
        path = Path(self.mktemp())
        path.write_bytes(pem(certificate))  # type: ignore[arg-type]
        before = {
            name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")
        }
        os.environ.update(SSL_CERT_FILE=str(path), SSL_CERT_DIR=str(path.parent / "no"))

        def restore() -> None:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

        self.addCleanup(restore)

    def issued(self, name: str = NAME, by: Authority | None = None) -> Certificate:
        key = new_key()
        return Certificate(((by or self.middle).issue(key, name), self.issuers[0]), key)

    def own(self) -> Certificate:
        return make_self_signed(new_key(), [NAME], NOW)


class JudgementTests(VouchingCase):
    def test_a_chain_to_a_ca_of_this_machine_s(self) -> None:
        self.assertTrue(a_ca_vouches_for(self.issued(), NOW))

    def test_no_chain_no_word(self) -> None:
        whole = self.issued()
        self.assertFalse(a_ca_vouches_for(Certificate(whole.chain[:1], whole.key), NOW))

    def test_one_of_another_ca_s(self) -> None:
        stranger = Authority("Root")
        self.assertFalse(a_ca_vouches_for(self.issued(by=stranger), NOW))

    def test_out_of_date(self) -> None:
        for days in (-2, 91):
            now = NOW + timedelta(days=days)
            self.assertFalse(a_ca_vouches_for(self.issued(), now), days)

    def test_its_own_maker_does_not_count_even_if_the_machine_trusts_it(self) -> None:
        own = self.own()
        self.assertFalse(a_ca_vouches_for(own, NOW))
        self.trust(own.leaf)
        self.assertFalse(a_ca_vouches_for(own, NOW))


class ConnectionTests(VouchingCase):
    def served(self, tls: ReloadableTLS, name: str | None = None) -> Transport:
        return Transport(Client().handshake(tls, name))

    def test_it_is_judged_when_it_comes_into_use_and_for_new_connections(self) -> None:
        tls = ReloadableTLS(self.own(), now=lambda: NOW)
        before = self.served(tls)
        tls.use(self.issued())
        between = self.served(tls)
        tls.use(self.own())
        after = self.served(tls)
        judged = [is_vouched_for(each) for each in (before, between, after)]
        self.assertEqual(judged, [False, True, False])

    def test_of_several_it_is_the_one_that_the_client_got(self) -> None:
        stranger = Authority("Stranger")
        other = self.issued("other.example", by=stranger)
        tls = ReloadableTLS(self.issued(), other, main=NAME, now=lambda: NOW)
        found = {
            name: is_vouched_for(self.served(tls, name))
            for name in (NAME, "other.example", None)
        }
        self.assertEqual(found, {NAME: True, "other.example": False, None: True})

    def test_without_tls_there_is_nothing_to_vouch_for(self) -> None:
        self.assertFalse(is_vouched_for(object()))
        self.assertFalse(is_vouched_for(None))
