"""Connections to the target: how many, for whom, for how long."""

from __future__ import annotations

from twisted.internet.error import (
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.target_pool import (
    IDLE_SECONDS,
    MAX_CONNECTIONS,
    MAX_LONG_LIVED,
    MAX_WAITING,
    WAIT_SECONDS,
    Claim,
    TargetError,
    TargetPool,
)
from cfos_cloud.relay.upstream import UpstreamConnection
from tests.device.target_support import Target


class Wish(Claim):
    """A claim that notes what became of it."""

    def __init__(
        self,
        *,
        long_lived: bool = False,
        owner: object | None = None,
        who: str | None = None,
    ) -> None:
        super().__init__(
            self.note_got,
            self.note_failed,
            long_lived=long_lived,
            owner=owner,
            who=who,
        )
        self.upstream: UpstreamConnection | None = None
        self.error: TargetError | None = None

    def note_got(self, upstream: UpstreamConnection) -> None:
        assert self.is_open, "told twice"
        self.upstream = upstream

    def note_failed(self, error: TargetError) -> None:
        assert self.is_open, "told twice"
        self.error = error

    @property
    def is_open(self) -> bool:
        return self.upstream is None and self.error is None


class PoolCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.target = Target()
        self.states: list[TargetError | None] = []
        self.pool = TargetPool(self.target, self.clock, target_state=self.states.append)

    def claim(
        self,
        *,
        long_lived: bool = False,
        owner: object | None = None,
        who: str | None = None,
    ) -> Wish:
        wish = Wish(long_lived=long_lived, owner=owner, who=who)
        self.pool.claim(wish)
        return wish

    def served(self, *, long_lived: bool = False) -> UpstreamConnection:
        """The connection of a claim that the target accepts."""
        wish = self.claim(long_lived=long_lived)
        self.target.accept()
        assert wish.upstream is not None
        return wish.upstream

    def full(self) -> list[UpstreamConnection]:
        """All connections for ordinary requests, in use."""
        return [self.served() for _ in range(MAX_CONNECTIONS)]

    def end(self, upstream: UpstreamConnection) -> None:
        [connection] = [c for c in self.target.connections if c.upstream is upstream]
        connection.end()


class OrdinaryTests(PoolCase):
    def test_a_claim_gets_a_connection_when_there_is_one(self) -> None:
        wish = self.claim()
        self.assertTrue(wish.is_open)
        connection = self.target.accept()
        self.assertIs(wish.upstream, connection.upstream)
        self.assertTrue(connection.wire.no_delay)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_there_are_four_and_the_fifth_waits_for_one_of_them(self) -> None:
        connections = self.full()
        self.assertEqual(len(connections), 4)
        fifth, sixth = self.claim(), self.claim()
        self.assertEqual(self.target.attempts, [])
        self.pool.release(connections[2])
        self.assertIs(fifth.upstream, connections[2])
        self.assertTrue(sixth.is_open)
        self.pool.release(connections[0])
        self.assertIs(sixth.upstream, connections[0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_attempts_count_as_well(self) -> None:
        for _ in range(MAX_CONNECTIONS + 1):
            self.claim()
        self.assertEqual(len(self.target.attempts), MAX_CONNECTIONS)

    def test_a_pool_may_be_smaller(self) -> None:
        self.pool = TargetPool(self.target, self.clock, max_connections=1)
        self.claim()
        self.claim()
        self.assertEqual(len(self.target.attempts), 1)

    def test_who_waits_too_long_is_told_that_the_target_is_busy(self) -> None:
        connections = self.full()
        fifth = self.claim()
        self.clock.advance(WAIT_SECONDS - 1)
        sixth = self.claim()
        self.clock.advance(1)
        self.assertIs(fifth.error, TargetError.BUSY)
        self.assertTrue(sixth.is_open)
        self.pool.release(connections[0])
        self.assertIs(sixth.upstream, connections[0])

    def test_a_lost_connection_makes_room_for_another(self) -> None:
        connections = self.full()
        fifth = self.claim()
        self.end(connections[1])
        self.assertTrue(fifth.is_open)
        self.target.accept()
        self.assertIsNotNone(fifth.upstream)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_so_many_may_wait_and_no_more(self) -> None:
        self.full()
        waiting = [self.claim() for _ in range(MAX_WAITING)]
        self.assertIs(self.claim().error, TargetError.BUSY)
        self.assertTrue(all(wish.is_open for wish in waiting))

    def test_who_has_gone_away_takes_nobody_s_place(self) -> None:
        self.full()
        for _ in range(MAX_WAITING):
            self.claim().cancel()
        self.assertTrue(self.claim().is_open)

    def test_who_has_gone_away_is_passed_over(self) -> None:
        connections = self.full()
        gone, stays = self.claim(), self.claim()
        gone.cancel()
        self.pool.release(connections[0])
        self.assertTrue(gone.is_open)
        self.assertIs(stays.upstream, connections[0])
        later = self.claim()
        self.claim().cancel()
        self.end(connections[1])
        self.target.accept()
        self.assertIsNotNone(later.upstream)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_connection_that_comes_too_late_serves_the_next(self) -> None:
        wish = self.claim()
        wish.cancel()
        upstream = self.target.accept().upstream
        self.assertTrue(wish.is_open)
        self.assertIs(self.pool.take_idle(), upstream)


class OwnerTests(PoolCase):
    """What may follow a body that the target may have left unread."""

    def test_only_its_owner_s_requests_follow(self) -> None:
        anna, otto = object(), object()
        upstream = self.served()
        self.pool.release(upstream, anna)
        self.assertIsNone(self.pool.take_idle(otto))
        self.assertIsNone(self.pool.take_idle())
        self.assertTrue(self.claim(owner=otto).is_open)
        self.assertIs(self.claim(owner=anna).upstream, upstream)

    def test_a_request_of_the_owner_s_without_a_body_changes_nothing(self) -> None:
        anna = object()
        upstream = self.served()
        for owner in (anna, None):
            self.pool.release(upstream, owner)
            self.assertIsNone(self.pool.take_idle(object()))
            self.assertIs(self.pool.take_idle(anna), upstream)

    def test_an_idle_one_makes_room_for_another_s_request(self) -> None:
        connections = self.full()
        for upstream in connections:
            self.pool.release(upstream, object())
        wish = self.claim(owner=object())
        self.assertTrue(self.target.connections[0].wire.disconnecting)
        self.assertFalse(self.target.connections[1].wire.disconnecting)
        self.end(connections[0])
        self.target.accept()
        self.assertIsNotNone(wish.upstream)

    def test_one_that_another_waits_for_is_closed_in_favour_of_a_new_one(self) -> None:
        connections = self.full()
        wish = self.claim(owner=object())
        self.pool.release(connections[2], object())
        self.assertTrue(wish.is_open)
        self.assertTrue(self.target.connections[2].wire.disconnecting)
        self.end(connections[2])
        self.target.accept()
        self.assertIsNotNone(wish.upstream)

    def test_the_owner_who_waits_gets_it(self) -> None:
        connections, anna = self.full(), object()
        wish = self.claim(owner=anna)
        self.pool.release(connections[0], anna)
        self.assertIs(wish.upstream, connections[0])

    def test_nothing_is_kept_of_one_that_has_ended(self) -> None:
        upstream = self.served()
        self.pool.release(upstream, object())
        self.end(upstream)
        self.assertEqual(self.pool._owners, {})
        self.clock.advance(IDLE_SECONDS)


class IdleTests(PoolCase):
    def test_a_released_connection_is_used_again_the_last_one_first(self) -> None:
        one, two = self.served(), self.served()
        self.pool.release(one)
        self.pool.release(two)
        self.assertIs(self.pool.take_idle(), two)
        self.assertIs(self.claim().upstream, one)
        self.assertIsNone(self.pool.take_idle())
        self.assertEqual(self.target.attempts, [])

    def test_it_is_closed_when_nobody_needs_it_for_a_while(self) -> None:
        upstream = self.served()
        self.pool.release(upstream)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.target.last.wire.ended)
        self.clock.advance(1)
        self.assertTrue(self.target.last.wire.disconnecting)
        self.assertIsNone(self.pool.take_idle())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_has_its_own_time(self) -> None:
        one, two = self.served(), self.served()
        self.pool.release(one)
        self.clock.advance(IDLE_SECONDS - 1)
        self.pool.release(two)
        self.clock.advance(1)
        first, second = self.target.connections
        self.assertTrue(first.wire.disconnecting)
        self.assertFalse(second.wire.disconnecting)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertTrue(second.wire.disconnecting)

    def test_use_begins_its_time_anew(self) -> None:
        upstream = self.served()
        self.pool.release(upstream)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertIs(self.pool.take_idle(), upstream)
        self.clock.advance(1)
        self.pool.release(upstream)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.target.last.wire.ended)
        self.clock.advance(1)
        self.assertTrue(self.target.last.wire.disconnecting)

    def test_one_that_is_lost_is_not_used_and_makes_room(self) -> None:
        connections = self.full()
        self.pool.release(connections[0])
        self.end(connections[0])
        self.assertIsNone(self.pool.take_idle())
        self.claim()
        self.assertEqual(len(self.target.attempts), 1)

    def test_one_that_the_target_is_closing_is_not_used(self) -> None:
        upstream = self.served()
        self.pool.release(upstream)
        upstream.readConnectionLost()
        self.assertIsNone(self.pool.take_idle())

    def test_one_that_has_said_something_unasked_is_not_used(self) -> None:
        upstream = self.served()
        self.pool.release(upstream)
        self.target.last.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        self.assertIsNone(self.pool.take_idle())

    def test_the_end_of_the_pool_is_the_end_of_what_is_idle(self) -> None:
        one, two = self.served(), self.served()
        self.pool.release(one)
        self.pool.close()
        first, second = self.target.connections
        self.assertTrue(first.wire.disconnecting)
        self.assertFalse(second.wire.ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNot(one, two)


class LongLivedTests(PoolCase):
    def test_they_take_no_place_of_an_ordinary_request(self) -> None:
        for _ in range(MAX_LONG_LIVED):
            self.served(long_lived=True)
        self.assertEqual(len(self.full()), MAX_CONNECTIONS)

    def test_they_have_a_cap_of_their_own(self) -> None:
        self.assertEqual(MAX_LONG_LIVED, 16)
        for _ in range(MAX_LONG_LIVED - 1):
            self.served(long_lived=True)
        last = self.claim(long_lived=True)
        self.assertIs(self.claim(long_lived=True).error, TargetError.BUSY)
        upstream = self.target.accept().upstream
        self.assertIs(last.upstream, upstream)
        self.assertIs(self.claim(long_lived=True).error, TargetError.BUSY)
        self.end(upstream)
        self.assertTrue(self.claim(long_lived=True).is_open)

    def test_they_never_take_an_idle_connection_nor_become_one(self) -> None:
        idle = self.served()
        self.pool.release(idle)
        upstream = self.served(long_lived=True)
        self.assertIsNot(upstream, idle)
        self.pool.release(upstream)
        self.assertTrue(self.target.last.wire.disconnecting)
        self.assertIs(self.pool.take_idle(), idle)
        self.assertIsNone(self.pool.take_idle())

    def test_one_that_fails_or_comes_too_late_makes_room(self) -> None:
        for _ in range(MAX_LONG_LIVED - 1):
            self.served(long_lived=True)
        failing = self.claim(long_lived=True)
        self.target.refuse(ConnectionRefusedError())
        self.assertIs(failing.error, TargetError.REFUSED)
        late = self.claim(long_lived=True)
        late.cancel()
        connection = self.target.accept()
        self.assertTrue(late.is_open)
        self.assertTrue(connection.wire.disconnecting)
        connection.end()
        self.assertTrue(self.claim(long_lived=True).is_open)

    def test_an_event_stream_gives_its_ordinary_place_to_who_waits(self) -> None:
        connections = self.full()
        fifth = self.claim()
        self.assertTrue(self.pool.promote(connections[0]))
        self.target.accept()
        self.assertIsNotNone(fifth.upstream)
        self.end(connections[0])
        self.claim()
        self.assertEqual(self.target.attempts, [])

    def test_an_event_stream_counts_with_its_like(self) -> None:
        for _ in range(MAX_LONG_LIVED - 1):
            self.served(long_lived=True)
        one, two = self.served(), self.served()
        self.assertTrue(self.pool.promote(one))
        self.assertTrue(self.pool.promote(one))
        self.assertFalse(self.pool.promote(two))
        self.assertIs(self.claim(long_lived=True).error, TargetError.BUSY)

    def test_one_that_ended_as_a_response_is_not_used_again(self) -> None:
        upstream = self.served()
        self.pool.promote(upstream)
        self.pool.release(upstream)
        self.assertTrue(self.target.last.wire.disconnecting)
        self.assertIsNone(self.pool.take_idle())

    def test_attempts_count_against_event_streams_as_well(self) -> None:
        upstream = self.served()
        for _ in range(MAX_LONG_LIVED):
            self.claim(long_lived=True)
        self.assertFalse(self.pool.promote(upstream))


class ShareTests(PoolCase):
    """Of connections that stay open, when all places are taken."""

    def open(self, who: str, count: int = 1) -> list[UpstreamConnection]:
        found = []
        for _ in range(count):
            wish = self.claim(long_lived=True, who=who)
            self.target.accept()
            assert wish.upstream is not None
            found.append(wish.upstream)
        return found

    def ended(self, connections: list[UpstreamConnection]) -> list[bool]:
        wires = {each.upstream: each.wire for each in self.target.connections}
        return [wires[each].aborted for each in connections]

    def test_who_has_most_gives_the_newest_to_who_has_less(self) -> None:
        theirs = self.open("user", MAX_LONG_LIVED)
        self.open("admin")
        self.assertEqual(self.ended(theirs), [False] * (MAX_LONG_LIVED - 1) + [True])

    def test_an_event_stream_gets_a_place_likewise(self) -> None:
        theirs = self.open("user", MAX_LONG_LIVED)
        self.assertTrue(self.pool.promote(self.served(), "admin"))
        self.assertEqual(sum(self.ended(theirs)), 1)

    def test_it_goes_on_until_both_have_as_many(self) -> None:
        theirs = self.open("user", MAX_LONG_LIVED)
        self.open("admin", MAX_LONG_LIVED // 2)
        self.assertEqual(sum(self.ended(theirs)), MAX_LONG_LIVED // 2)
        for who in ("admin", "user"):
            self.assertIs(self.claim(long_lived=True, who=who).error, TargetError.BUSY)

    def test_one_that_ends_has_left_its_place_already(self) -> None:
        theirs = self.open("user", MAX_LONG_LIVED)
        self.open("admin")
        self.end(theirs[-1])
        self.assertIs(self.claim(long_lived=True, who="user").error, TargetError.BUSY)

    def test_nobody_pushes_out_their_own(self) -> None:
        theirs = self.open("user", MAX_LONG_LIVED)
        self.assertIs(self.claim(long_lived=True, who="user").error, TargetError.BUSY)
        self.assertNotIn(True, self.ended(theirs))

    def test_what_is_only_tried_can_not_be_ended(self) -> None:
        for _ in range(MAX_LONG_LIVED):
            self.claim(long_lived=True, who="user")
        self.assertIs(self.claim(long_lived=True, who="admin").error, TargetError.BUSY)


class TroubleTests(PoolCase):
    def test_what_goes_wrong_has_a_name(self) -> None:
        for error, name in (
            (ConnectionRefusedError(), TargetError.REFUSED),
            (TimeoutError(), TargetError.TIMEOUT),
            (NoRouteError(), TargetError.REFUSED),
            (DNSLookupError("device.local"), TargetError.REFUSED),
        ):
            wish = self.claim()
            self.target.refuse(error)
            self.assertIs(wish.error, name)
        self.assertEqual(
            [each.value for each in TargetError], [b"refused", b"timeout", b"busy"]
        )

    def test_every_attempt_is_told(self) -> None:
        self.served()
        self.claim()
        self.target.refuse(TimeoutError())
        self.claim()
        self.target.refuse(ConnectionRefusedError())
        self.served()
        self.assertEqual(
            self.states, [None, TargetError.TIMEOUT, TargetError.REFUSED, None]
        )

    def test_a_failure_is_one_request_s_and_makes_room_for_the_next(self) -> None:
        first = [self.claim() for _ in range(MAX_CONNECTIONS)]
        fifth = self.claim()
        self.target.refuse(ConnectionRefusedError())
        self.assertEqual(
            [w.error for w in first], [TargetError.REFUSED, None, None, None]
        )
        self.assertTrue(fifth.is_open)
        self.assertEqual(len(self.target.attempts), MAX_CONNECTIONS)

    def test_a_failure_of_another_kind_makes_no_room(self) -> None:
        self.full()
        self.claim()
        self.claim(long_lived=True)
        self.target.refuse(ConnectionRefusedError())
        self.assertEqual(self.target.attempts, [])

    def test_who_has_gone_away_is_not_told(self) -> None:
        wish = self.claim()
        wish.cancel()
        self.target.refuse(ConnectionRefusedError())
        self.assertTrue(wish.is_open)
        self.assertEqual(self.states, [TargetError.REFUSED])

    def test_a_request_that_breaks_its_promise_breaks_no_pool(self) -> None:
        def bug(upstream: UpstreamConnection) -> None:
            raise RuntimeError("a bug in one request")

        self.pool.claim(Claim(bug, lambda error: None, long_lived=False))
        self.target.accept()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.served()
