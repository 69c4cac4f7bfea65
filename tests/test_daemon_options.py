"""What the two daemons' command lines have in common."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from platformdirs import user_data_path, user_state_path
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.daemon_options import (
    DaemonOptions,
    data_directory,
    leave,
    make_private,
    state_directory,
)
from cfos_cloud.log_json import format_json
from cfos_cloud.logs import format_line


class SomeOptions(DaemonOptions):
    command = "twistd some"
    optParameters = [["file", None, None, "a file"]]  # noqa: RUF012

    def postOptions(self) -> None:
        if self["file"] == "bad":
            raise usage.UsageError("--file is\nbad")


class ErrorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        self.patch(sys, "__stderr__", self.stream)

    def parse(self, *words: str) -> SomeOptions:
        options = SomeOptions()
        options.parseOptions(list(words))
        return options

    def refused(self, *words: str) -> str:
        """The one line on stderr; the status is 2."""
        self.stream.truncate(0)
        self.stream.seek(0)
        with self.assertRaises(SystemExit) as caught:
            self.parse(*words)
        self.assertEqual(caught.exception.code, 2)
        line = self.stream.getvalue()
        self.assertEqual(line.count("\n"), 1, line)
        return line


class LogFormatTests(ErrorCase):
    def test_text_is_the_default_and_json_the_other(self) -> None:
        self.assertIs(self.parse().log_formatter, format_line)
        self.assertIs(self.parse("--log-format=text").log_formatter, format_line)
        self.assertIs(self.parse("--log-format", "json").log_formatter, format_json)

    def test_there_is_no_other(self) -> None:
        for value in ("xml", "", "JSON"):
            self.assertIn("--log-format", self.refused(f"--log-format={value}"))


class CredentialTests(ErrorCase):
    """Files that systemd hands over in ``$CREDENTIALS_DIRECTORY``."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.patch(
            os,
            "environ",
            {**os.environ, "CREDENTIALS_DIRECTORY": str(self.directory)},
        )

    def taken(self, *words: str) -> object:
        options = self.parse(*words)
        options.take_credentials({"file": "a-secret"})
        return options["file"]

    def test_one_that_is_there_is_taken(self) -> None:
        (self.directory / "a-secret").write_text("x")
        self.assertEqual(self.taken(), str(self.directory / "a-secret"))

    def test_what_is_given_counts_before_it(self) -> None:
        (self.directory / "a-secret").write_text("x")
        self.assertEqual(self.taken("--file", "given"), "given")

    def test_one_that_is_not_there_is_none(self) -> None:
        self.assertIsNone(self.taken())
        self.patch(os, "environ", {})
        self.assertIsNone(self.taken())


class LeaveTests(ErrorCase):
    def test_it_is_one_line_whatever_the_message_is(self) -> None:
        for message, line in (
            ("why", "cmd: why\n"),
            ("two\n  lines\n", "cmd: two lines\n"),
            (ValueError("an error"), "cmd: an error\n"),
        ):
            self.stream.truncate(0)
            self.stream.seek(0)
            with self.assertRaises(SystemExit) as caught:
                leave("cmd", message)
            self.assertEqual(caught.exception.code, 1)
            self.assertEqual(self.stream.getvalue(), line)

    def test_it_is_not_written_into_the_log(self) -> None:
        log = io.StringIO()
        self.patch(sys, "stderr", log)
        self.assertRaises(SystemExit, leave, "cmd", "why")
        self.assertEqual(log.getvalue(), "")

    def test_where_the_real_one_is_gone_the_other_serves(self) -> None:
        other = io.StringIO()
        self.patch(sys, "__stderr__", None)
        self.patch(sys, "stderr", other)
        self.assertRaises(SystemExit, leave, "cmd", "why")
        self.assertEqual(other.getvalue(), "cmd: why\n")


class DaemonOptionsTests(ErrorCase):
    def test_errors_are_one_line_and_status_2(self) -> None:
        for words in (
            ("--nothing",),
            ("--file",),
            ("surplus",),
            ("--file=bad",),
            ("--loglevel=x",),
        ):
            self.assertTrue(self.refused(*words).startswith("twistd some: "), words)

    def test_the_log_level_is_1_to_4_and_3_unless_given(self) -> None:
        self.assertEqual(self.parse().loglevel, 3)
        for level in (1, 2, 3, 4):
            self.assertEqual(self.parse("--loglevel", str(level)).loglevel, level)
        for text in ("0", "5", "-1", "", "three", "3.0", "٣"):
            self.assertIn("--loglevel is 1 to 4", self.refused(f"--loglevel={text}"))

    def test_a_log_level_of_whatever_length_is_one_line(self) -> None:
        self.assertIn("--loglevel is 1 to 4", self.refused("--loglevel=" + "9" * 6000))

    def test_a_path_is_none_where_it_is_not_given(self) -> None:
        self.assertIsNone(self.parse().path("file"))
        self.assertIsNone(self.parse("--file=").path("file"))
        self.assertEqual(self.parse("--file=a/b").path("file"), Path("a/b"))


class DirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {"HOME": "/home/somebody"})

    def test_what_is_given_wins(self) -> None:
        os.environ["STATE_DIRECTORY"] = "/var/lib/unit"
        self.assertEqual(data_directory("given"), Path("given"))
        self.assertEqual(state_directory("given"), Path("given"))

    def test_else_it_is_systemd_s_the_first_of_several(self) -> None:
        os.environ["STATE_DIRECTORY"] = "/var/lib/one:/var/lib/two"
        self.assertEqual(data_directory(None), Path("/var/lib/one"))
        self.assertEqual(state_directory(""), Path("/var/lib/one"))

    def test_else_it_is_the_user_s(self) -> None:
        self.assertEqual(data_directory(None), user_data_path("cfos-cloud"))
        self.assertEqual(state_directory(None), user_state_path("cfos-device"))
        self.assertNotEqual(data_directory(None), state_directory(None))

    def test_a_new_one_is_its_owner_s_alone(self) -> None:
        directory = Path(self.mktemp()) / "a" / "b"
        old_mask = os.umask(0)
        self.addCleanup(os.umask, old_mask)
        make_private(directory)
        self.assertEqual(directory.stat().st_mode & 0o777, 0o700)

    def test_one_that_is_there_stays_as_it_is(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir(mode=0o750)
        make_private(directory)
        self.assertEqual(directory.stat().st_mode & 0o777, 0o750)

    def test_a_file_in_its_place_is_an_error(self) -> None:
        path = Path(self.mktemp())
        path.write_text("")
        self.assertRaises(FileExistsError, make_private, path)

    def test_one_that_can_t_be_written_is_an_error(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.patch(os, "access", lambda path, mode: False)
        with self.assertRaises(PermissionError) as caught:
            make_private(directory)
        self.assertEqual(caught.exception.filename, str(directory))
