"""How the devices of a site stand, as the server is told."""

from __future__ import annotations

from twisted.internet.error import ConnectError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.further import MAX_FURTHER
from cfos_cloud.device.target_pool import IDLE_SECONDS, TargetError, TargetPool
from cfos_cloud.device.target_probe import PROBE_SECONDS, TargetProbes
from cfos_cloud.device.target_report import SiteReport
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.hello import MAX_STATUS_BYTES, parse_status
from tests.device.target_support import Target


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[JSONObject] = []
        self.site = SiteReport(self.told.append, self.clock.seconds)
        self.main = self.site.add("http://192.168.1.20")

    def test_before_anybody_has_tried_there_is_nothing_to_tell(self) -> None:
        self.site.tell()
        self.assertEqual(self.told, [])

    def test_each_change_is_told_with_its_age(self) -> None:
        self.main.attempted(None)
        self.main.attempted(None)
        self.clock.advance(7.9)
        self.site.tell()
        self.main.attempted(TargetError.REFUSED)
        self.main.attempted(TargetError.TIMEOUT)
        states = [("up", 0), ("up", 7), ("down", 0)]
        self.assertEqual(
            self.told,
            [
                {"target": state, "targets": [{"state": state, "seconds": seconds}]}
                for state, seconds in states
            ],
        )

    def test_all_devices_are_in_each_report(self) -> None:
        meter = self.site.add("http://192.168.1.30", "meter")
        self.site.add("http://192.168.1.40", "inverter")
        meter.attempted(TargetError.REFUSED)
        named = [
            {"name": "meter", "state": "down", "seconds": 0},
            {"name": "inverter"},
        ]
        self.assertEqual(self.told.pop(), {"targets": named})
        self.main.attempted(None)
        main = {"state": "up", "seconds": 0}
        self.assertEqual(self.told.pop(), {"target": "up", "targets": [main, *named]})

    def test_as_many_as_there_can_be_are_not_too_long(self) -> None:
        self.clock.advance(1.0)
        for number in range(MAX_FURTHER):
            name = f"{number:02}".ljust(20, "x")
            self.site.add("http://h", name).attempted(TargetError.REFUSED)
        self.clock.advance(1e10)
        self.site.tell()
        parse_status(self.told[-1])
        self.assertLess(len(str(self.told[-1])), MAX_STATUS_BYTES)

    def test_the_log_says_which_is_down_and_when_it_is_back(self) -> None:
        meter = self.site.add("http://192.168.1.30", "meter")
        with capturedLogs() as events:
            meter.attempted(None)
            meter.attempted(TargetError.REFUSED)
            meter.attempted(None)
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                "the target http://192.168.1.30 is down: it refuses connections or "
                "can't be reached",
                "the target http://192.168.1.30 is back",
            ],
        )


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.states: list[TargetError | None] = []
        self.target = Target()
        self.pool = TargetPool(self.target, self.clock, target_state=self.states.append)
        self.probes = TargetProbes([self.pool], self.clock)
        self.probes.startService()
        self.addCleanup(self.probes.stopService)

    def test_it_connects_sends_nothing_and_leaves(self) -> None:
        connection = self.target.accept()
        self.assertEqual(self.states, [None])
        self.assertEqual(connection.wire.take(), b"")
        self.assertFalse(connection.wire.disconnecting)
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(connection.wire.disconnecting)

    def test_it_looks_again_and_again(self) -> None:
        self.target.refuse(ConnectError())
        self.clock.advance(PROBE_SECONDS)
        self.target.accept().end()
        self.assertEqual(self.states, [TargetError.REFUSED, None])
        self.clock.advance(PROBE_SECONDS)
        self.assertEqual(len(self.target.attempts), 1)

    def test_a_device_that_is_used_is_left_alone(self) -> None:
        # The first attempt still waits.
        self.clock.advance(PROBE_SECONDS)
        self.assertEqual(len(self.target.attempts), 1)
        connection = self.target.accept()
        self.assertIs(self.pool.take_idle(), connection.upstream)
        self.clock.advance(PROBE_SECONDS)
        self.assertEqual(self.target.attempts, [])
