"""Grants of access keys: recognised by their hash, and ended with their consent."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import ConsentFile
from cfos_cloud.device.consents import Consents
from cfos_cloud.device.grants import Grant, Grants
from cfos_cloud.device.key_grants import AnyGrant, KeyGrants
from cfos_cloud.keys.consent import consent_of, grant_of
from tests.device.test_consents import ADMIN, MARK


class Stream:
    def __init__(self) -> None:
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


class Stubborn(Stream):
    def abort(self) -> None:
        super().abort()
        raise RuntimeError("will not end")


def consent_to(token: bytes, **more: object) -> Consent:
    values = {"name": "evcc", "role": "api", "expires": None} | more
    return Consent.check(consent_of(grant_of(token)), **values)


class KeyGrantsCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.seconds = 1000.0
        self.revoked: list[Grant] = []
        self.consents = Consents(ConsentFile(directory), lambda: self.seconds)
        self.grants = KeyGrants(self.consents, self.revoked.append)

    def admit(self, token: bytes, **more: object) -> Consent:
        consent = consent_to(token, **more)
        self.grants.admit(consent, ADMIN, MARK)
        return consent

    def used(self, token: bytes) -> tuple[Grant, Stream]:
        """A request with the key is under way."""
        grant = self.grants.find(grant_of(token))
        assert grant is not None
        stream = Stream()
        grant.streams.add(stream)
        return grant, stream


class FindingTests(KeyGrantsCase):
    def test_a_grant_whose_hash_was_consented_to_is_one(self) -> None:
        consent = self.admit(b"a.b.c", role="admin", name="evcc 家")
        grant = self.grants.find(grant_of(b"a.b.c"))
        assert grant is not None
        self.assertEqual(
            (grant.role, grant.user, grant.key), ("admin", "evcc 家", consent.key)
        )

    def test_no_other_text_is_one(self) -> None:
        consent = self.admit(b"a.b.c")
        for token in (
            consent.key,
            "a.b.c",
            "",
            grant_of(b"a.b.d"),
            grant_of(b"a.b.c") + "=",
            "\ud800" * 43,
            "é" * 43,
        ):
            self.assertIsNone(self.grants.find(token), token)

    def test_requests_of_a_key_share_a_grant_while_one_is_under_way(self) -> None:
        self.admit(b"a.b.c")
        grant, stream = self.used(b"a.b.c")
        self.grants.sweep()
        self.assertIs(self.grants.find(grant.token), grant)
        grant.streams.discard(stream)
        self.grants.sweep()
        self.assertEqual(len(self.grants), 0)
        self.assertIsNot(self.grants.find(grant.token), grant)

    def test_log_ins_and_keys_are_known_side_by_side(self) -> None:
        self.admit(b"a.b.c")
        log_ins = Grants(lambda: self.seconds, lambda length: bytes(length))
        log_in = log_ins.issue("user", "anna", 60)
        both = AnyGrant((log_ins, self.grants))
        self.assertIs(both.find(log_in.token), log_in)
        key = both.find(grant_of(b"a.b.c"))
        assert key is not None
        self.assertEqual(key.role, "api")
        self.assertIsNone(both.find("nobody's"))


class EndingTests(KeyGrantsCase):
    def test_an_expired_key_ends_with_its_streams_and_others_go_on(self) -> None:
        self.admit(b"short", expires=1010)
        self.admit(b"long", expires=2000)
        short, long = self.used(b"short"), self.used(b"long")
        self.seconds = 1009.9
        self.grants.sweep()
        self.assertEqual(short[1].aborted, 0)
        self.seconds = 1010.0
        self.grants.sweep()
        self.assertEqual((short[1].aborted, long[1].aborted), (1, 0))
        self.assertIsNone(self.grants.find(short[0].token))
        self.assertEqual(self.revoked, [], "the server knows when it expires")

    def test_what_the_server_forgets_ends_and_it_is_not_told_of_it(self) -> None:
        consent = self.admit(b"a.b.c")
        self.admit(b"other")
        grant, stream = self.used(b"a.b.c")
        _, other = self.used(b"other")
        self.grants.forget(key for key in (consent.key, "never heard of"))
        self.assertEqual((stream.aborted, other.aborted, self.revoked), (1, 0, []))
        self.assertIsNone(self.grants.find(grant.token))

    def test_a_changed_password_ends_all_and_tells_of_those_at_work(self) -> None:
        self.admit(b"a.b.c")
        self.admit(b"not at work")
        grant, stream = self.used(b"a.b.c")
        self.grants.drop_all()
        self.assertEqual((stream.aborted, self.revoked), (1, [grant]))
        for token in (b"a.b.c", b"not at work"):
            self.assertIsNone(self.grants.find(grant_of(token)))

    def test_a_key_authorised_anew_goes_on_with_its_new_rights(self) -> None:
        self.admit(b"a.b.c", role="admin")
        _, stream = self.used(b"a.b.c")
        self.admit(b"a.b.c", role="api")
        grant = self.grants.find(grant_of(b"a.b.c"))
        assert grant is not None
        self.assertEqual((stream.aborted, grant.role, self.revoked), (1, "api", []))

    def test_a_stream_that_will_not_end_keeps_no_other(self) -> None:
        self.admit(b"a.b.c")
        grant, stream = self.used(b"a.b.c")
        stubborn = [Stubborn(), Stubborn()]
        grant.streams.update(stubborn)
        self.grants.drop_all()
        self.assertEqual(stream.aborted, 1)
        self.assertEqual([s.aborted for s in stubborn], [1, 1])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
