"""A daemon that is told to stop twice stops once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.twistd_command import child_environment

#: Takes its time to stop, and is told twice meanwhile; then ends as twistd does.
PROGRAM = """
    import os, signal, sys
    from twisted.internet import reactor, task
    from twisted.logger import globalLogBeginner, textFileLogObserver
    from cfos_cloud.signals import stop_once

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    if sys.argv[1] == "once":
        stop_once(reactor)

    def tell(name):
        os.kill(os.getpid(), getattr(signal, name))

    def stop():
        reactor.callLater(0, tell, "SIGTERM")
        reactor.callLater(0.05, tell, "SIGINT")
        return task.deferLater(reactor, 0.2, print, "stopped")

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    for _ in range(int(sys.argv[3])):
        reactor.callWhenRunning(tell, sys.argv[2])
    reactor.run()
    print("exit signal", reactor._exitSignal)
"""


class SignalTests(SynchronousTestCase):
    def run_program(self, how: str, first: str, times: int = 1) -> str:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), how, first, str(times)],
            env=child_environment(),
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_the_first_signal_counts_and_the_others_are_noted(self) -> None:
        for first, number in (("SIGTERM", 15), ("SIGINT", 2)):
            log = self.run_program("once", first)
            self.assertEqual(log.count("Traceback"), 0, log)
            self.assertEqual(log.count("shutting down"), 1, log)
            self.assertEqual(log.count("is stopping already"), 2, log)
            self.assertEqual(log.count("stopped\n"), 1, log)
            self.assertIn(f"exit signal {number}\n", log)

    def test_two_at_once_are_one(self) -> None:
        log = self.run_program("once", "SIGTERM", 2)
        self.assertEqual(log.count("Traceback"), 0, log)
        self.assertEqual(log.count("is stopping already"), 3, log)

    def test_without_it_they_are_errors(self) -> None:
        log = self.run_program("as-it-is", "SIGTERM")
        self.assertIn("ReactorNotRunning", log)
