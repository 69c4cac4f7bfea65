"""What people are told of a device end, one source of words for all."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.outcomes import (
    Busy,
    Disabled,
    Distrusted,
    Lost,
    Outcome,
    Refused,
    SentAway,
    Unsuited,
)
from cfos_cloud.device.report import Report
from cfos_cloud.device.status import Cause, DeviceState, DeviceStatus
from cfos_cloud.device.tunnel import Welcome

WELCOME = Welcome("s", 25.0, "https://cloud.example/")
NOW = 1_700_000_000.0


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.statuses: list[DeviceStatus] = []
        self.notified: list[str] = []
        self.report = Report(
            "https://cloud.example",
            "W00-008J",
            self.notified.append,
            self.statuses.append,
            self.clock.seconds,
        )

    def test_it_is_off_at_first_and_at_the_end(self) -> None:
        self.assertEqual(self.report.status, DeviceStatus(DeviceState.OFF, NOW))
        self.clock.advance(5)
        self.report.stopped()
        self.assertEqual(self.statuses, [DeviceStatus(DeviceState.OFF, NOW + 5)])

    def test_a_tunnel_that_is_up_says_where_people_log_in(self) -> None:
        self.report.connecting()
        self.clock.advance(2)
        self.report.connected(WELCOME)
        self.assertEqual(
            self.statuses,
            [
                DeviceStatus(DeviceState.CONNECTING, NOW),
                DeviceStatus(
                    DeviceState.CONNECTED,
                    NOW + 2,
                    "connected to https://cloud.example as W00-008J",
                    login_url="https://cloud.example/",
                ),
            ],
        )
        self.assertEqual(self.report.status, self.statuses[-1])

    def test_end_to_end_that_is_the_system_s_own_host(self) -> None:
        for port in ("", ":4443"):
            welcome = Welcome(
                "s",
                25.0,
                f"https://cloud.example{port}/",
                end_to_end=True,
                host="w00-008j.cloud.example",
            )
            self.report.connected(welcome)
            self.assertEqual(
                self.report.status.login_url, f"https://w00-008j.cloud.example{port}/"
            )

    def test_what_mends_itself_waits_and_the_rest_is_refused(self) -> None:
        cases: tuple[tuple[Outcome, DeviceState, str], ...] = (
            (Lost("broke"), DeviceState.WAITING, "no tunnel to https://cloud.example:"),
            (Lost("broke", 9.0), DeviceState.WAITING, "lost the tunnel to"),
            (Busy("status 503", 9.0), DeviceState.WAITING, "status 503"),
            (SentAway("shutdown", 5.0), DeviceState.WAITING, "is going down"),
            (SentAway("party", None), DeviceState.WAITING, "ended the tunnel: party"),
            (Refused("wrong password"), DeviceState.REFUSED, "wrong password"),
            (Disabled(), DeviceState.REFUSED, "has disabled W00-008J"),
            (Distrusted("another key"), DeviceState.REFUSED, "another key"),
            (Unsuited("too old"), DeviceState.REFUSED, "cloud.example: too old"),
            (SentAway("replaced", None), DeviceState.REFUSED, "taken over"),
            (SentAway("disabled", None), DeviceState.REFUSED, "has disabled"),
            (SentAway("removed", None), DeviceState.REFUSED, "has removed"),
        )
        for outcome, state, words in cases:
            self.report.waiting(outcome, 12.5)
            status = self.statuses[-1]
            self.assertEqual((status.state, status.since), (state, NOW), outcome)
            self.assertEqual(status.retry_at, NOW + 12.5)
            self.assertIn(words, status.reason)
            self.assertIn(status.reason[:150], self.notified[-1])

    def test_each_outcome_has_a_cause_for_those_with_words_of_their_own(self) -> None:
        cases: tuple[tuple[Outcome, Cause], ...] = (
            (Lost("broke"), Cause.UNREACHABLE),
            (Busy("status 503", 9.0), Cause.BUSY),
            (SentAway("shutdown", 5.0), Cause.SHUTDOWN),
            (SentAway("party", None), Cause.UNREACHABLE),
            (Refused("wrong password"), Cause.WRONG_PASSWORD),
            (Disabled(), Cause.DISABLED),
            (Distrusted("another key"), Cause.UNTRUSTED),
            (Unsuited("too old"), Cause.UNSUITED),
            (SentAway("replaced", None), Cause.REPLACED),
            (SentAway("disabled", None), Cause.DISABLED),
            (SentAway("removed", None), Cause.REMOVED),
        )
        for outcome, cause in cases:
            self.report.waiting(outcome, 12.5)
            self.assertIs(self.statuses[-1].cause, cause, outcome)
        self.report.connecting()
        self.assertIsNone(self.statuses[-1].cause)

    def test_the_next_attempt_still_tells_why_the_one_before_ended(self) -> None:
        self.report.connecting()
        self.report.waiting(Busy("status 503", 9.0), 9.0)
        self.report.connecting()
        self.assertIn("status 503", self.statuses[-1].reason)
        self.assertIsNone(self.statuses[-1].retry_at)

    def test_a_listener_that_fails_does_not_harm_the_tunnel(self) -> None:
        def fail(status: DeviceStatus) -> None:
            raise RuntimeError("no screen")

        report = Report("s", "c", self.notified.append, fail, self.clock.seconds)
        report.connecting()
        self.assertEqual(report.status.state, DeviceState.CONNECTING)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
