"""What the daemons log, and how it looks."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application import app, service
from twisted.internet.protocol import Factory
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    Logger,
    LogPublisher,
    globalLogBeginner,
)
from twisted.logger import LogLevel as Severity
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.logs import (
    MAX_TEXT,
    LoggedService,
    LogLevel,
    format_line,
    is_journal,
    make_observer,
    observer_for_twistd,
)
from cfos_cloud.twistd_command import child_environment, twistd_command


class LogTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = io.StringIO()
        self.level = LogLevel()
        self.log = Logger(
            namespace="cfos_cloud.test",
            observer=LogPublisher(make_observer(self.file, self.level)),
        )

    def lines(self) -> list[str]:
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return text.splitlines()


class LevelTests(LogTestCase):
    def test_each_level_adds_one_kind(self) -> None:
        for level, kinds in enumerate(
            [
                ["error", "error"],
                ["error", "error", "warning"],
                ["error", "error", "warning", "information"],
                ["error", "error", "warning", "information", "data"],
            ],
            start=1,
        ):
            self.level.level = level
            self.log.critical("x")
            self.log.error("x")
            self.log.warn("x")
            self.log.info("x")
            self.log.debug("x")
            self.assertEqual([line.split()[1] for line in self.lines()], kinds)

    def test_there_are_four_levels(self) -> None:
        for level in (0, 5, -1):
            self.assertRaises(ValueError, LogLevel, level)
            self.assertRaises(ValueError, setattr, self.level, "level", level)
        self.assertEqual(self.level.level, 3)

    def test_twisteds_own_information_is_data(self) -> None:
        publisher = LogPublisher(make_observer(self.file, self.level))
        for namespace in ("twisted.internet.protocol.Factory", "log_legacy"):
            log = Logger(namespace=namespace, observer=publisher)
            log.info("Starting factory {factory!r}", factory=Factory())
            self.assertEqual(self.lines(), [])
            log.warn("trouble")
            self.assertEqual(len(self.lines()), 1)
        self.level.level = 4
        log.info("Starting factory {factory!r}", factory=Factory())
        self.assertEqual(len(self.lines()), 1)

    def test_the_signal_that_ends_a_daemon_is_information(self) -> None:
        publisher = LogPublisher(make_observer(self.file, self.level))
        Logger("twisted.internet.base", observer=publisher).info("Received SIGTERM")
        self.assertEqual(len(self.lines()), 1)


class LineTests(LogTestCase):
    def test_a_line_has_time_level_namespace_and_text(self) -> None:
        self.log.info("tunnel of {cloud_id} is up", cloud_id="demo")
        (line,) = self.lines()
        self.assertRegex(
            line,
            r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d information "
            r"\[cfos_cloud\.test\] tunnel of demo is up\Z",
        )

    def test_no_value_can_forge_a_line_or_move_the_cursor(self) -> None:
        for character in "\n\r\0\x1b\x7f\x85\u2028\u202e\ud800\t\x0b":
            self.log.info("from {agent}", agent=f"a{character}2026 error [x] forged")
            text = self.file.getvalue()
            (line,) = self.lines()
            self.assertNotIn(character, text[:-1])
            self.assertIn("forged", line)
        self.log.info("from {agent}", agent="Käse 充电")
        self.assertIn("Käse 充电", self.lines()[0])

    def test_a_failure_brings_its_traceback_indented(self) -> None:
        try:
            raise ValueError("first\n2026-01-01 error [x] forged\r\x1b[2J")
        except ValueError:
            self.log.failure("it {verb}", verb="broke")
        first, *others = self.lines()
        self.assertTrue(first.endswith("[cfos_cloud.test] it broke"))
        self.assertTrue(all(line.startswith("\t") for line in others))
        self.assertIn("forged\\r\\x1b[2J", "".join(others))
        self.assertIn("ValueError", "".join(others))

    def test_a_failure_without_words_is_logged_too(self) -> None:
        line = format_line({"log_failure": Failure(ValueError("x"))})
        assert line is not None
        self.assertIn("ValueError", line)

    def test_a_long_value_is_cut(self) -> None:
        self.log.info("{value}", value="x" * 10 * MAX_TEXT)
        self.assertLess(len(self.lines()[0]), MAX_TEXT + 200)

    def test_an_event_that_can_not_be_formatted_is_one_line(self) -> None:
        self.log.info("{missing}")
        self.assertEqual(len(self.lines()), 1)

    def test_an_event_without_text_is_no_line(self) -> None:
        self.assertIsNone(format_line({}))


class ApplicationTests(SynchronousTestCase):
    """twistd takes the observer from the Application."""

    def setUp(self) -> None:
        self.begun: list[list[Any]] = []
        self.patch(
            globalLogBeginner,
            "beginLoggingTo",
            lambda observers: self.begun.append(list(observers)),
        )

    def start(self, observer: FilteringLogObserver | None) -> list[Any]:
        application = service.Application("cfos-cloud")
        child = LoggedService(observer)
        child.setServiceParent(application)
        self.assertIs(child.parent, service.IServiceCollection(application))
        logger = app.AppLogger({"logfile": "", "logger": None})
        self.patch(logger, "_initialLog", lambda: None)
        logger.start(application)
        return self.begun[-1]

    def test_the_services_observer_wins(self) -> None:
        observer = make_observer(io.StringIO(), LogLevel())
        self.assertEqual(self.start(observer), [observer])

    def test_without_one_twistd_has_its_own(self) -> None:
        (observer,) = self.start(None)
        self.assertTrue(ILogObserver.providedBy(observer))
        self.assertNotIsInstance(observer, FilteringLogObserver)


class TwistdOptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.handlers: dict[int, Callable[[int, None], None]] = {}

    def observer(self, **options: object) -> FilteringLogObserver | None:
        return observer_for_twistd(options, LogLevel(), self.handlers.__setitem__)

    def test_in_the_foreground_standard_output_is_the_log(self) -> None:
        output = io.StringIO()
        self.patch(sys, "stdout", output)
        for options in ({}, {"logfile": "-"}):
            observer = self.observer(nodaemon=True, **options)
            assert observer is not None
            Logger(observer=LogPublisher(observer), namespace="x").info("said")
        self.assertEqual(output.getvalue().count("said"), 2)

    def test_a_log_file_is_written_and_rotates_by_signal(self) -> None:
        path = Path(self.mktemp())
        observer = self.observer(nodaemon=True, logfile=str(path))
        assert observer is not None
        log = Logger(observer=LogPublisher(observer), namespace="x")
        log.info("one {what}", what="Käse")
        self.assertIn("one Käse", path.read_text("utf-8"))
        self.handlers[signal.SIGUSR1](signal.SIGUSR1, None)
        log.info("two")
        self.assertNotIn("one", path.read_text())
        self.assertIn("one", path.with_name(f"{path.name}.1").read_text("utf-8"))

    def test_what_twistd_is_to_do_is_left_to_it(self) -> None:
        self.assertIsNone(self.observer(nodaemon=True, syslog=True))
        self.assertIsNone(self.observer(nodaemon=True, logger="some.factory"))


class JournalTests(SynchronousTestCase):
    """Where systemd's journal reads standard output."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.file = self.path.open("w+", encoding="utf-8")
        self.addCleanup(self.file.close)
        status = os.fstat(self.file.fileno())
        self.stream = f"{status.st_dev}:{status.st_ino}"

    def test_it_is_known_by_device_and_inode(self) -> None:
        self.assertTrue(is_journal(self.file, {"JOURNAL_STREAM": self.stream}))
        for environment in ({}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": "1:2"}):
            self.assertFalse(is_journal(self.file, environment))
        self.assertFalse(is_journal(io.StringIO(), {"JOURNAL_STREAM": self.stream}))

    def lines(self) -> list[str]:
        self.patch(sys, "stdout", self.file)
        observer = observer_for_twistd({"nodaemon": True}, LogLevel(4))
        assert observer is not None
        log = Logger(observer=LogPublisher(observer), namespace="x")
        for level in (Severity.error, Severity.warn, Severity.info, Severity.debug):
            log.emit(level, "said")
        try:
            raise ValueError
        except ValueError:
            log.failure("it broke")
        return self.path.read_text("utf-8").splitlines()

    def test_it_learns_the_priority_of_every_line(self) -> None:
        before = dict(os.environ)
        os.environ["JOURNAL_STREAM"] = self.stream
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.pop, "JOURNAL_STREAM")
        lines = self.lines()
        self.assertEqual([line[:3] for line in lines[:4]], ["<3>", "<4>", "<6>", "<7>"])
        self.assertGreater(len(lines), 5)
        self.assertEqual({line[:3] for line in lines[4:]}, {"<3>"})

    def test_nobody_else_sees_priorities(self) -> None:
        self.assertNotIn("<", "".join(self.lines()[:4]))


class TwistdTests(SynchronousTestCase):
    """The real twistd, started as our tools start it."""

    def test_a_daemons_output_has_our_lines_only(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "logging.py").write_text("raise SystemExit('shadowed')")
        (directory / "test.tac").write_text(
            "from twisted.application import service\n"
            "from twisted.internet import reactor\n"
            "from twisted.internet.protocol import Factory\n"
            "from twisted.logger import Logger\n"
            "from cfos_cloud.logs import *\n"
            "application = service.Application('test')\n"
            "observer = observer_for_twistd({'nodaemon': True}, LogLevel())\n"
            "LoggedService(observer).setServiceParent(application)\n"
            "def started():\n"
            "    reactor.listenTCP(0, Factory(), interface='127.0.0.1')\n"
            "    Logger(namespace='test').info('up {x}', x='a\\nb')\n"
            "    reactor.stop()\n"
            "reactor.callWhenRunning(started)\n"
        )
        done = subprocess.run(
            twistd_command("-n", "--pidfile=", "-oy", "test.tac"),
            cwd=directory,
            env={**child_environment(), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertEqual(
            [line.partition(" ")[2] for line in done.stdout.splitlines()],
            ["information [test] up a\\nb"],
        )

    def test_what_twistd_refuses_it_says_in_its_own_name(self) -> None:
        done = subprocess.run(
            twistd_command("--no-such-option"),
            cwd=os.sep,
            env=child_environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("twistd", done.stdout.splitlines()[-1])
