"""Nobody fills the disk with events."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.events import Event, EventKind, Origin, make_event
from cfos_cloud.registry.event_limits import (
    LIMITS,
    TOTAL_BURST,
    TOTAL_INTERVAL,
    EventLimiter,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 24 * 3600


def event(
    kind: EventKind, client: str = "192.0.2.1", cloud_id: str | None = None
) -> Event:
    return make_event(NOON, kind, Origin("nobody", client), cloud_id, "why")


class LimiterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limiter = EventLimiter(self.clock.seconds)

    def admitted(self, one: Event, times: int) -> int:
        return sum(self.limiter.admits(one) for _ in range(times))


class LimitTests(LimiterCase):
    def test_what_the_operator_does_has_no_limit(self) -> None:
        for kind in EventKind:
            if kind not in LIMITS:
                self.assertEqual(self.admitted(event(kind), 5000), 5000)

    def test_all_that_others_can_cause_has_one(self) -> None:
        of_others = {
            EventKind.CONNECTED,
            EventKind.DISCONNECTED,
            EventKind.KEY_AUTHORISATION_FAILED,
            EventKind.KEY_AUTHORISED,
            EventKind.KEY_CREATED,
            EventKind.KEY_REQUESTED,
            EventKind.END_TO_END_OFF,
            EventKind.END_TO_END_ON,
            EventKind.KEY_REVOKED,
            EventKind.KEY_SUSPENDED,
            EventKind.LOGGED_IN,
            EventKind.LOGGED_OUT,
            EventKind.LOGIN_FAILED,
            EventKind.OPERATOR_LOGGED_IN,
            EventKind.OPERATOR_LOGIN_FAILED,
            EventKind.PAIRING_OPENED,
            EventKind.SESSIONS_ENDED,
            EventKind.THROTTLED,
            EventKind.TUNNEL_REFUSED,
        }
        self.assertEqual(set(LIMITS), of_others)
        for kind in of_others:
            self.assertLess(self.admitted(event(kind, cloud_id="Garage"), 1000), 100)

    def test_one_system_s_noise_hides_no_other_s(self) -> None:
        self.admitted(event(EventKind.LOGIN_FAILED, cloud_id="A"), 100)
        self.assertTrue(
            self.limiter.admits(event(EventKind.LOGIN_FAILED, cloud_id="B"))
        )

    def test_a_system_is_the_same_in_any_case(self) -> None:
        first = self.admitted(event(EventKind.CONNECTED, cloud_id="A"), 100)
        self.assertEqual(first, LIMITS[EventKind.CONNECTED].burst)
        self.assertFalse(self.limiter.admits(event(EventKind.CONNECTED, cloud_id="a")))

    def test_a_source_is_an_ipv6_household(self) -> None:
        kinds = [
            self.limiter.admits(event(EventKind.THROTTLED, f"2001:db8::{number}"))
            for number in range(1, 20)
        ]
        self.assertEqual(kinds, [True] + [False] * 18)

    def test_an_attack_from_everywhere_on_everything_for_two_days_is_bounded(
        self,
    ) -> None:
        kept: Counter[EventKind] = Counter()
        unproven = [kind for kind, limit in LIMITS.items() if not limit.is_proven]
        for hour in range(2 * 24):
            for number in range(200):
                client = f"10.{hour}.0.{number}"
                for kind in unproven:
                    one = event(kind, client, f"S-{hour * 200 + number}")
                    kept[kind] += self.limiter.admits(one)
            self.clock.advance(3600)
            for summed in self.limiter.sums(NOON):
                kept[summed.kind] += 1
        most = TOTAL_BURST + 2 * DAY / TOTAL_INTERVAL + 2 * 24
        for kind in unproven:
            self.assertLessEqual(kept[kind], most, kind)


class SumTests(LimiterCase):
    def test_what_was_not_kept_is_summed_up_by_system(self) -> None:
        burst = LIMITS[EventKind.LOGIN_FAILED].burst
        for name, times in (("A", 3), ("B", 7)):
            self.admitted(event(EventKind.LOGIN_FAILED, cloud_id=name), burst + times)
        later = datetime(2026, 11, 22, 13, tzinfo=UTC)
        sums = self.limiter.sums(later)
        self.assertEqual(
            [(one.cloud_id, one.times, one.time) for one in sums],
            [("A", 3, later), ("B", 7, later)],
        )
        self.assertEqual({(one.client, one.detail) for one in sums}, {(None, "")})
        self.assertEqual(self.limiter.sums(later), [])

    def test_an_attack_on_all_systems_ends_in_one_sum(self) -> None:
        for number in range(TOTAL_BURST + 50):
            self.limiter.admits(event(EventKind.LOGIN_FAILED, cloud_id=f"S-{number}"))
        (one,) = self.limiter.sums(NOON)
        self.assertEqual((one.cloud_id, one.times), (None, 50))

    def test_the_sums_themselves_are_bounded(self) -> None:
        burst = LIMITS[EventKind.LOGIN_FAILED].burst
        for number in range(200):
            one = event(EventKind.LOGIN_FAILED, cloud_id=f"S-{number}")
            self.admitted(one, burst + 5)
        sums = self.limiter.sums(NOON)
        self.assertEqual(len(sums), 1)
        kept = TOTAL_BURST
        self.assertEqual(sums[0].times, 200 * (burst + 5) - kept)
