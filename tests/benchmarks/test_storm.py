"""A handful of tunnels that come, rest, and come back after a restart."""

from __future__ import annotations

import resource
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.log_ins import LogIns
from benchmarks.processes import Processes, RunFailed
from benchmarks.storm import (
    SPARE_FILES,
    Coming,
    Rest,
    Storm,
    check_file_limit,
    coming_table,
    rest_table,
)


class TableTests(SynchronousTestCase):
    def test_a_tunnel_s_memory_is_what_came_since_there_were_none(self) -> None:
        lines = rest_table(Rest(1000, 100.0, 151.2, 0.0712)).splitlines()
        self.assertEqual(lines[-1], "| 1,000 | 151 | 50.0 | 7.1 % |")

    def test_each_occasion_has_its_row_with_or_without_log_ins(self) -> None:
        people = LogIns([0.1] * 99 + [0.9], refused=3)
        lines = coming_table(
            1000,
            [
                Coming("first", 10.4, 5.2, 2.5, 0),
                Coming("killed", 20.0, 9.0, 3.0, 1200, people),
            ],
        ).splitlines()
        self.assertEqual(lines[2], "| first | 5 | 10 | 2.5 | 2.5 | 0 |  |  |  |  |  |")
        self.assertEqual(
            lines[3],
            "| killed | 9 | 20 | 3.0 | 3.0 | 1,200 | 100 | 100 | 100 | 3 | 0 |",
        )


class LimitTests(SynchronousTestCase):
    def test_more_tunnels_than_files_are_refused_with_the_way_to_have_them(
        self,
    ) -> None:
        self.patch(resource, "getrlimit", lambda _: (1024, 4096))
        check_file_limit(4096 - SPARE_FILES)
        error = self.assertRaises(RunFailed, check_file_limit, 4096)
        self.assertIn(f"ulimit -Hn {4096 + SPARE_FILES}", str(error))
        self.patch(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
        check_file_limit(10_000_000)


class StormTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)

    def test_tunnels_come_rest_and_come_back_while_people_log_in(self) -> None:
        with Processes(self.directory) as processes:
            storm = Storm(processes, 5, pace=3.0)
            first = storm.begin()
            self.assertGreater(first.cpu, 0)
            rest = storm.rest(1)
            self.assertGreater(rest.after, 0)
            again = storm.stopped()
            people = again.log_ins
            assert people is not None
            tried = len(people.seconds) + people.refused + people.failed
            self.assertGreater(tried, 0)
            # Nobody is left who would not have been told.
            self.assertEqual(storm._stand().up, 5)
            processes.signal("swarm", 9)
            processes.wait("swarm", 10)
            error = self.assertRaises(RunFailed, storm.rest, 1)
            self.assertIn("swarm ended", str(error))
