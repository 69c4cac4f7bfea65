"""The time of day jumps, as it does on machines that had a wrong one at their start."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import SkipTest

from tests.chaos.case import RETURN_SECONDS, ChaosTestCase

_LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
DAY = timedelta(days=1)


class ClockTests(ChaosTestCase):
    def setUp(self) -> None:
        super().setUp()
        found = sorted(Path("/").glob(_LIBRARIES.removeprefix("/")))
        if not found:
            raise SkipTest("for them: apt-get install libfaketime")
        self.offset = self.directory / "offset"
        self.jump(timedelta())
        self.start(
            launcher=(
                "env",
                f"LD_PRELOAD={found[0]}",
                f"FAKETIME_TIMESTAMP_FILE={self.offset}",
                "FAKETIME_NO_CACHE=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1",
                # Else the interpreter takes all its compiled modules for stale.
                "NO_FAKE_STAT=1",
            )
        )
        self.settle()

    def jump(self, by: timedelta) -> None:
        """So far is the daemons' time of day from ours."""
        new = self.offset.with_name("offset.new")
        new.write_text(f"{by.total_seconds():+.0f}")
        new.replace(self.offset)

    def written(self) -> timedelta:
        """How far the time of a new event is from ours."""
        name = f"At-{datetime.now(UTC):%H%M%S%f}"
        self.cloud.add_system(name)
        created = self.cloud.ask("GET", f"/systems/{name}")["created"]
        return datetime.fromisoformat(created) - datetime.now(UTC)

    def test_whichever_way_it_jumps_all_goes_on_and_comes_back(self) -> None:
        connected = 1
        for by in (-DAY, DAY, -DAY / 24):
            begun = self.begin_all()
            self.jump(by)
            endings = self.finish(begun)
            self.assertEqual({each.value for each in endings.values()}, {"done"}, by)
            # What is written down has the new time.
            self.assertLess(abs(self.written() - by), timedelta(minutes=2))
            # Waits go on as they were: nobody waits for a day.
            self.cloud.process.signal(signal.SIGKILL)
            self.cloud.process.wait()
            self.device.process.wait_for_log("lost the tunnel", connected)
            self.jump(by - DAY)
            self.cloud.restart()
            connected += 1
            self.device.process.wait_for_log("connected to ", connected, RETURN_SECONDS)
            self.wait_online()
            self.jump(by)
            self.assert_all_works()
        self.jump(timedelta())
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_a_dead_tunnel_is_seen_in_time_though_the_clock_was_set_back(self) -> None:
        with self.stopped(self.device.process):
            self.jump(-DAY)
            self.wait_online(online=False)
        self.jump(timedelta())
        self.wait_online()
        self.assert_nothing_is_left()


class EndToEndClockTests(ClockTests):
    end_to_end = True
