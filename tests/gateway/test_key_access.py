"""What is under way by an access key, and what ends it."""

from __future__ import annotations

import gc
from dataclasses import replace

from cfos_cloud.gateway.access import Access
from cfos_cloud.gateway.key_access import (
    KEY_SWEEP_SECONDS,
    KeyAccess,
    SystemKeyAccess,
)
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.consent import grant_of
from cfos_cloud.keys.issuer import Issued
from cfos_cloud.keys.key import Role
from tests.gateway.key_support import Enabled, KeyCase, Stream

CLIENT = "203.0.113.7"


class KeyAccessCase(KeyCase):
    def find(self, issued: Issued) -> KeyAccess:
        return self.accesses.find(issued.token.encode(), CLIENT)

    def use(self, issued: Issued) -> tuple[KeyAccess, Stream]:
        """Something under way by a key."""
        access, stream = self.find(issued), Stream()
        access.streams.add(stream)
        return access, stream

    def why_not(self, issued: Issued) -> str:
        error: KeyRefused = self.assertRaises(KeyRefused, self.find, issued)
        return error.reason


class FindTests(KeyAccessCase):
    def test_a_key_has_the_grant_that_its_token_makes(self) -> None:
        issued = self.issue()
        access = self.find(issued)
        self.assertEqual(access.grant, grant_of(issued.token.encode()))
        self.assertEqual((access.key, access.cloud_id), (issued.key, "W00-A"))
        self.assertFalse(access.ended)

    def test_a_system_s_key_leads_to_a_device_the_operator_s_to_none(self) -> None:
        access = self.find(self.issue())
        assert isinstance(access, SystemKeyAccess)
        leads: Access = access
        self.assertEqual(leads.cloud_id, "W00-A")
        cloud = self.find(self.issue(cloud_id=None))
        self.assertNotIsInstance(cloud, SystemKeyAccess)
        self.assertIsNone(cloud.cloud_id)

    def test_no_key_leads_to_a_system_that_is_end_to_end(self) -> None:
        issued = self.issue()
        access, stream = self.use(issued)
        self.systems["W00-A"] = Enabled(True, end_to_end=True)
        self.assertEqual(self.why_not(issued), "its system is end to end")
        self.accesses.sweep()
        self.assertEqual((access.ended, stream.ended), (True, 1))

    def test_a_use_is_noted_with_its_address(self) -> None:
        issued = self.issue()
        self.find(issued)
        self.assertEqual(self.rows.uses, [(issued.key.id, CLIENT)])

    def test_what_does_not_work_is_no_use(self) -> None:
        for issued in (self.issue(authorised=False), self.issue(seconds=0)):
            self.assertRaises(KeyRefused, self.find, issued)
        self.assertEqual(self.rows.uses, [])

    def test_a_system_that_is_disabled_or_gone_has_no_keys_that_work(self) -> None:
        issued = self.issue()
        self.systems["W00-A"] = Enabled(False)
        self.assertEqual(self.why_not(issued), "its system is disabled")
        del self.systems["W00-A"]
        self.assertEqual(self.why_not(issued), "its system is disabled")
        self.systems["W00-A"] = Enabled(True)
        self.find(issued)

    def test_a_key_has_one_access_as_long_as_anything_is_under_way(self) -> None:
        issued = self.issue()
        access, _ = self.use(issued)
        self.assertIs(self.find(issued), access)
        self.assertIsNot(self.find(self.issue()), access)

    def test_one_that_nobody_holds_is_forgotten(self) -> None:
        issued = self.issue()
        self.find(issued)
        self.accesses.sweep()
        gc.collect()
        self.assertEqual(len(self.accesses._held), 0)
        self.assertEqual(self.accesses._in_use, {})

    def test_one_that_has_a_stream_is_not(self) -> None:
        issued = self.issue()
        stream = self.use(issued)[1]
        for _ in range(3):
            gc.collect()
            self.accesses.sweep()
        self.revoke(issued)
        self.assertEqual(stream.ended, 1)

    def test_nor_one_that_got_its_stream_later(self) -> None:
        issued = self.issue()
        access = self.find(issued)
        self.accesses.sweep()
        stream = Stream()
        access.streams.add(stream)
        self.accesses.sweep()
        del access
        gc.collect()
        self.revoke(issued)
        self.assertEqual(stream.ended, 1)

    def test_those_with_something_under_way_are_counted(self) -> None:
        self.assertEqual(len(self.accesses), 0)
        access, stream = self.use(self.issue())
        idle = self.find(self.issue())
        self.assertEqual(len(self.accesses), 1)
        access.streams.discard(stream)
        self.assertEqual((len(self.accesses), idle.ended), (0, False))

    def test_no_secret_is_in_its_text(self) -> None:
        issued = self.issue()
        text = repr(self.find(issued))
        self.assertNotIn(grant_of(issued.token.encode()), text)
        self.assertNotIn(issued.key.consent, text)


class EndTests(KeyAccessCase):
    def test_a_key_that_ends_in_the_registry_ends_here_at_once(self) -> None:
        for end in (self.revoke, self.suspend, lambda i: self.rows.remove(i.key)):
            issued = self.issue()
            access, stream = self.use(issued)
            end(issued)
            self.assertTrue(access.ended)
            self.assertEqual((stream.ended, access.streams), (1, set()))
            self.assertRaises(KeyRefused, self.find, issued)

    def test_one_that_works_on_goes_on(self) -> None:
        issued, other = self.issue(), self.issue()
        access, stream = self.use(issued)
        self.rows.put(replace(issued.key, name="Another name"))
        self.revoke(other)
        self.assertEqual((access.ended, stream.ended), (False, 0))

    def test_one_that_works_again_is_another_access(self) -> None:
        issued = self.issue()
        access, _ = self.use(issued)
        self.suspend(issued)
        self.rows.put(issued.key)
        self.assertIsNot(self.find(issued), access)
        self.assertTrue(access.ended)

    def test_what_expires_ends_within_a_second(self) -> None:
        issued = self.issue(seconds=60)
        access, stream = self.use(issued)
        self.clock.advance(59.9)
        self.accesses.sweep()
        self.assertFalse(access.ended)
        self.clock.advance(KEY_SWEEP_SECONDS)
        self.accesses.sweep()
        self.assertTrue(access.ended)
        self.assertEqual(stream.ended, 1)
        self.assertLessEqual(KEY_SWEEP_SECONDS, 0.5)

    def test_what_the_registry_has_not_told_ends_by_the_sweep(self) -> None:
        # A database that comes back may know more than it did.
        issued = self.issue()
        stream = self.use(issued)[1]
        del self.rows.rows[issued.key.id]
        self.accesses.sweep()
        self.assertEqual(stream.ended, 1)

    def test_a_grant_that_its_device_does_not_know_is_a_key_to_suspend(self) -> None:
        issued, other = self.issue(), self.issue()
        stream, others = self.use(issued)[1], self.use(other)[1]
        grant = grant_of(issued.token.encode())
        self.assertEqual(self.accesses.grant_revoked("W00-A", grant), issued.key)
        self.assertEqual((stream.ended, others.ended), (1, 0))

    def test_only_its_own_device_can_say_so(self) -> None:
        issued = self.issue()
        stream = self.use(issued)[1]
        grant = grant_of(issued.token.encode())
        for cloud_id, said in (
            ("W00-B", grant),
            ("W00-A", issued.key.consent),
            ("W00-A", self.session.grant),
        ):
            self.assertIsNone(self.accesses.grant_revoked(cloud_id, said))
        self.assertEqual(stream.ended, 0)

    def test_a_grant_is_a_key_s_also_while_nothing_is_under_way(self) -> None:
        issued = self.issue()
        grant = grant_of(issued.token.encode())
        self.assertEqual(self.accesses.grant_revoked("W00-A", grant), issued.key)

    def test_a_system_that_goes_takes_its_keys_along(self) -> None:
        mine, other, cloud = (
            self.use(self.issue(cloud_id=each))[1] for each in ("W00-A", "W00-B", None)
        )
        self.accesses.end_system("w00-a")
        self.assertEqual((mine.ended, other.ended, cloud.ended), (1, 0, 0))

    def test_all_streams_end_even_if_one_fails_to(self) -> None:
        class Broken(Stream):
            __hash__ = Stream.__hash__

            def abort(self) -> None:
                super().abort()
                raise ValueError("a bug")

        issued = self.issue()
        access = self.find(issued)
        streams = [Broken(), Stream(), Broken(), Stream()]
        access.streams.update(streams)
        self.revoke(issued)
        self.assertEqual([each.ended for each in streams], [1] * 4)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_ending_is_once(self) -> None:
        issued = self.issue(Role.API, seconds=1)
        stream = self.use(issued)[1]
        self.revoke(issued)
        self.clock.advance(2)
        self.accesses.sweep()
        self.accesses.end_system("W00-A")
        self.assertEqual(stream.ended, 1)
