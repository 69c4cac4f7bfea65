"""Tunnels that do nothing: how many, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks.cloud import Cloud
from benchmarks.idle_tunnels import hold, table
from benchmarks.processes import Processes, RunFailed, free_ports
from benchmarks.run import missing_programs
from tests.tree import ROOT


class TableTests(SynchronousTestCase):
    def test_a_tunnel_s_share_is_what_came_since_there_were_none(self) -> None:
        lines = table([(0, 100.0), (500, 110.24), (1000, 120.48)]).splitlines()
        self.assertEqual(lines[2], "| 0 | 100.0 |  |")
        self.assertEqual(lines[3], "| 500 | 110.2 | 20.0 |")
        self.assertEqual(lines[4], "| 1,000 | 120.5 | 20.0 |")


class HolderTests(SynchronousTestCase):
    def test_tunnels_that_are_up_are_online_and_a_refused_one_is_told(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        (port,) = free_ports(1)
        with Processes(directory) as processes:
            cloud = Cloud(processes, port)
            cloud.start_server()
            systems = cloud.add_systems(["one", "two"])
            self.assertEqual([name for name, _ in systems], ["one", "two"])
            hold(processes, "good", port, systems)
            for cloud_id, _ in systems:
                self.assertTrue(cloud.is_online(cloud_id))
            wrong = [("one", systems[1][1])]
            error = self.assertRaises(RunFailed, hold, processes, "wrong", port, wrong)
            self.assertIn("a tunnel was lost", str(error))
            processes.check("good")
            again = self.assertRaises(RunFailed, cloud.add_systems, ["ONE"])
            self.assertIn("ONE", str(again))


class RunTests(SynchronousTestCase):
    def test_each_part_prints_its_table(self) -> None:
        if lost := missing_programs():
            raise SkipTest(f"not installed: {', '.join(lost)}")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.run"),
                *("--parts", "latency", "idle-tunnels"),
                *("--rounds=1", "--seconds=1", "--tunnels=4", "--settle=1"),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split(" | ")[0] for line in done.stdout.splitlines()]
        for name in ("| nginx", "| cfos-cloud", "| 0", "| 2", "| 4"):
            self.assertIn(name, rows)
