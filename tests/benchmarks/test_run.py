"""What is compared can be measured, and what goes wrong is told."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks.load import Subject, download_rate, request_rate
from benchmarks.processes import Processes, RunFailed, free_ports
from benchmarks.run import missing_programs
from benchmarks.web_servers import FILES, start_limit


class RunTests(SynchronousTestCase):
    def setUp(self) -> None:
        if lost := missing_programs():
            raise SkipTest(f"not installed: {', '.join(lost)}")
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)

    def test_the_limit_can_be_measured(self) -> None:
        origin, proxy = free_ports(2)
        with Processes(self.directory) as processes:
            start_limit(processes, proxy, origin)
            subject = Subject("nginx", proxy)
            self.assertGreater(request_rate(subject, "1k.bin", 4, 1).per_second, 0)
            size = FILES["64m.bin"]
            self.assertGreater(download_rate(subject, "64m.bin", size), 0)
            self.assertRaises(RunFailed, request_rate, subject, "gone.bin", 4, 1)
            self.assertRaises(RunFailed, download_rate, subject, "1k.bin", size)

    def test_a_program_that_ends_at_once_is_told_with_its_log(self) -> None:
        with Processes(self.directory) as processes:
            processes.start("sad", "/bin/sh", "-c", "echo no reason; exit 1")
            error = self.assertRaises(
                RunFailed, processes.wait_for, "sad", lambda: False
            )
        self.assertIn("no reason", str(error))
