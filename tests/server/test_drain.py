"""The server takes leave of its device ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.outcomes import SentAway
from cfos_cloud.server.drain import (
    FAREWELL_SECONDS,
    GRACE_SECONDS,
    LOOK_SECONDS,
    RESTART_SECONDS,
    RETURNS_PER_SECOND,
    TOLD_AT_ONCE,
    drain,
)


class Session:
    def __init__(self) -> None:
        self.busy = False
        self.told: list[tuple[str, int | None]] = []

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        self.told.append((reason, retry_after))


class Sessions:
    """Iterable again and again."""

    def __init__(self, count: int) -> None:
        self.all = [Session() for _ in range(count)]

    def __iter__(self) -> Iterator[Session]:
        return iter(self.all)

    @property
    def told(self) -> int:
        return sum(bool(each.told) for each in self.all)


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def start(self, sessions: Sessions) -> Deferred[None]:
        return Deferred.fromCoroutine(drain(sessions, self.clock))

    def test_without_device_ends_it_is_over_at_once(self) -> None:
        self.successResultOf(self.start(Sessions(0)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_requests_under_way_are_waited_for_and_no_longer(self) -> None:
        sessions = Sessions(2)
        sessions.all[1].busy = True
        over = self.start(sessions)
        self.clock.pump([LOOK_SECONDS] * 30)
        self.assertEqual(sessions.told, 0)
        sessions.all[1].busy = False
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(sessions.told, 2)
        self.assertNoResult(over)
        self.clock.advance(FAREWELL_SECONDS)
        self.successResultOf(over)

    def test_what_does_not_end_gets_as_long_as_the_grace(self) -> None:
        sessions = Sessions(1)
        sessions.all[0].busy = True
        self.start(sessions)
        looks = int(GRACE_SECONDS / LOOK_SECONDS)
        self.clock.pump([LOOK_SECONDS] * (looks - 1))
        self.assertEqual(sessions.told, 0)
        self.clock.pump([LOOK_SECONDS] * 2)
        self.assertEqual(sessions.told, 1)

    def test_many_are_told_in_pieces_and_each_once(self) -> None:
        sessions = Sessions(3 * TOLD_AT_ONCE + 1)
        over = self.start(sessions)
        self.assertEqual(sessions.told, TOLD_AT_ONCE)
        self.clock.pump([0] * 3)
        self.clock.advance(FAREWELL_SECONDS)
        self.successResultOf(over)
        self.assertEqual({len(each.told) for each in sessions.all}, {1})

    def test_ten_thousand_come_back_within_a_minute_and_never_in_a_crowd(self) -> None:
        sessions = Sessions(10_000)
        self.start(sessions)
        self.clock.pump([0] * 100)
        moments = []
        for number, session in enumerate(sessions.all):
            [(reason, retry_after)] = session.told
            self.assertEqual(reason, "shutdown")
            assert retry_after is not None
            self.assertGreaterEqual(retry_after, RESTART_SECONDS)
            # As far apart as chance can put them.
            backoff = Backoff(partial(float, number * 0.6180339887 % 1.0))
            away = SentAway(reason, float(retry_after), up_for=3600.0)
            moments.append(backoff.after(away))
        self.assertLess(max(moments), 60)
        each_second = Counter(int(moment) for moment in moments)
        self.assertLessEqual(max(each_second.values()), RETURNS_PER_SECOND)
