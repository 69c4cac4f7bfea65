"""Grants and what ends with them."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.grants import MAX_GRANTS, MAX_TTL, Grant, Grants


class Stream:
    """Does what streams do when they end: leaves the grant."""

    def __init__(self, grant: Grant, error: Exception | None = None) -> None:
        self._grant = grant
        self._error = error
        self.aborted = 0
        grant.streams.add(self)

    def abort(self) -> None:
        self.aborted += 1
        if self._error is not None:
            raise self._error
        self._grant.streams.discard(self)


class GrantsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.revoked: list[Grant] = []
        self.grants = Grants(self.clock.seconds, os.urandom, self.revoked.append)

    def test_a_token_has_256_random_bits(self) -> None:
        asked: list[int] = []

        def random(size: int) -> bytes:
            asked.append(size)
            return b"\xff" * size

        grant = Grants(self.clock.seconds, random).issue("admin", "admin", 60)
        self.assertEqual(asked, [32])
        self.assertEqual(grant.token, "_" * 42 + "8")

    def test_a_grant_is_found_until_its_time_is_over(self) -> None:
        grant = self.grants.issue("user", "anna", 10)
        self.clock.advance(9.9)
        self.assertIs(self.grants.find(grant.token), grant)
        self.clock.advance(0.1)
        self.assertIsNone(self.grants.find(grant.token))
        self.assertEqual(self.revoked, [grant])
        self.assertIsNone(self.grants.find("unknown"))

    def test_no_grant_lives_longer_than_30_days_or_less_than_a_second(self) -> None:
        grant = self.grants.issue("user", "anna", 10 * MAX_TTL)
        self.assertEqual(grant.expires, MAX_TTL)
        self.assertRaises(ValueError, self.grants.issue, "user", "anna", 0)

    def test_the_end_of_its_time_aborts_its_streams(self) -> None:
        grant = self.grants.issue("user", "anna", 10)
        stream = Stream(grant)
        self.clock.advance(10)
        self.grants.sweep()
        self.assertEqual(stream.aborted, 1)
        self.assertEqual(self.revoked, [grant])
        self.assertEqual(len(self.grants), 0)

    def test_log_out_aborts_its_streams_and_tells_nobody(self) -> None:
        grant = self.grants.issue("user", "anna", 10)
        stream = Stream(grant)
        self.grants.forget(grant.token)
        self.grants.forget(grant.token)
        self.assertIsNone(self.grants.find(grant.token))
        self.assertEqual((stream.aborted, self.revoked), (1, []))

    def test_revoking_ends_those_and_only_those(self) -> None:
        anna, ben = (self.grants.issue("user", name, 10) for name in ("anna", "ben"))
        streams = [Stream(anna), Stream(anna), Stream(ben)]
        self.assertEqual(self.grants.revoke_where(lambda g: g.user == "anna"), 1)
        self.assertEqual([stream.aborted for stream in streams], [1, 1, 0])
        self.assertEqual(self.revoked, [anna])
        self.assertIs(self.grants.find(ben.token), ben)

    def test_a_stream_that_can_not_be_aborted_spares_no_other(self) -> None:
        anna = self.grants.issue("user", "anna", 10)
        ben = self.grants.issue("user", "ben", 10)
        streams = [Stream(anna, OSError("broken")), Stream(anna), Stream(ben)]
        self.grants.revoke_where(lambda grant: True)
        self.assertEqual([stream.aborted for stream in streams], [1, 1, 1])
        self.assertEqual(self.revoked, [anna, ben])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_who_can_not_be_told_spares_no_grant(self) -> None:
        def fail(grant: Grant) -> None:
            raise ConnectionError("no tunnel")

        self.grants.on_revoked = fail
        for _ in range(2):
            self.grants.issue("user", "anna", 10)
        self.grants.revoke_where(lambda grant: True)
        self.assertEqual(len(self.grants), 0)
        self.assertEqual(len(self.flushLoggedErrors(ConnectionError)), 2)

    def test_the_oldest_gives_way_to_one_too_many(self) -> None:
        first = self.grants.issue("user", "anna", 100)
        stream = Stream(first)
        for _ in range(MAX_GRANTS):
            self.grants.issue("user", "ben", 100)
        self.assertEqual(len(self.grants), MAX_GRANTS)
        self.assertEqual(self.revoked, [first])
        self.assertEqual(stream.aborted, 1)

    def test_the_token_does_not_show_in_a_representation(self) -> None:
        grant = self.grants.issue("user", "anna", 10)
        self.assertNotIn(grant.token, repr(grant))
