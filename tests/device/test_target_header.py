"""The device's own credential: its file, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.target_header import (
    TargetHeader,
    TargetHeaderError,
    TargetHeaderFile,
)


class ParsingTests(SynchronousTestCase):
    def test_lines_become_fields(self) -> None:
        header = TargetHeader.parse(
            "Authorization: Basic YWRtaW46eA==\n\nX-Api-Key:  two words \r\n"
        )
        self.assertEqual(
            header.lines,
            (
                (b"authorization", b"Authorization: Basic YWRtaW46eA==\r\n"),
                (b"x-api-key", b"X-Api-Key: two words\r\n"),
            ),
        )
        self.assertEqual(header.names, {b"authorization", b"x-api-key"})

    def test_it_does_not_show_itself(self) -> None:
        self.assertNotIn("canary", repr(TargetHeader.parse("X-Key: canary")))

    def test_what_a_credential_can_not_be_is_refused_by_line(self) -> None:
        for name in (
            *("Host", "CONTENT-LENGTH", "Transfer-Encoding", "Connection", "TE"),
            *("Upgrade", "Trailer", "Keep-Alive", "Proxy-Authorization", "Expect"),
            *("Cookie", "Cfos-Role", "cfos-x", "Forwarded", "X-Forwarded-For"),
            *("Origin", "Referer", "Via", "Sec-WebSocket-Key"),
        ):
            error = self.assertRaises(
                ValueError, TargetHeader.parse, f"X-Fine: 1\n{name}: canary"
            )
            self.assertIn(f"line 2: {name} can't be set", str(error))
            self.assertNotIn("canary", str(error))

    def test_what_is_no_field_is_refused(self) -> None:
        for text in (
            "",
            "\n\n",
            "canary",
            ": canary",
            "X Key: canary",
            "X-Schlüssel: canary",
            "X-Key:",
            "X-Key: canary\x00",
            "X-Key: canary\x7f",
            "X-Key: canäry",
            "X-Key: a\x0bcanary",
            "X-Key: " + "c" * 4097,
            "X-Key: 1\nx-key: canary",
            "".join(f"X-{n}: canary\n" for n in range(9)),
        ):
            error = self.assertRaises(ValueError, TargetHeader.parse, text)
            self.assertNotIn("canary", str(error))
            self.assertNotIn("\n", str(error))

    def test_eight_are_taken(self) -> None:
        text = "".join(f"X-{n}: value\n" for n in range(8))
        self.assertEqual(len(TargetHeader.parse(text).names), 8)


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.write("X-Key: one")
        self.file = TargetHeaderFile(self.path)
        self.file.load()

    def write(self, text: str) -> None:
        new = self.path.with_name("new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.path)

    def polled(self) -> list[str]:
        """Lines of the log of a look at it."""
        with capturedLogs() as events:
            self.file.poll()
        return [formatEvent(event) for event in events]

    def value(self) -> bytes | None:
        header = self.file.header
        return None if header is None else dict(header.lines)[b"x-key"]

    def test_it_is_followed_as_it_changes(self) -> None:
        self.assertEqual(self.value(), b"X-Key: one\r\n")
        self.write("X-Key: two")
        self.assertEqual(self.polled(), [f"{self.path} has changed"])
        self.assertEqual(self.value(), b"X-Key: two\r\n")
        self.assertEqual(self.polled(), [])

    def test_broken_there_is_none_and_one_line_says_so(self) -> None:
        for breakage in ("nonsense", "", None):
            self.write("X-Key: one")
            self.file.poll()
            if breakage is None:
                self.path.unlink()
            else:
                self.write(breakage)
            (line,) = [*self.polled(), *self.polled(), *self.polled()]
            self.assertIn(str(self.path), line)
            self.assertIn("requests that need it are refused", line)
            self.assertIsNone(self.value())
        self.write("X-Key: three")
        self.assertEqual(self.polled(), [f"{self.path} can be read again"])
        self.assertEqual(self.value(), b"X-Key: three\r\n")

    def test_broken_at_the_start_is_an_error_of_one_line(self) -> None:
        for text, words in (("Host: x", "line 1: Host"), ("", "1 to 8 lines")):
            self.write(text)
            error = self.assertRaises(
                TargetHeaderError, TargetHeaderFile(self.path).load
            )
            self.assertTrue(str(error).startswith(f"{self.path}: "), error)
            self.assertIn(words, str(error))
        self.path.unlink()
        error = self.assertRaises(TargetHeaderError, TargetHeaderFile(self.path).load)
        self.assertIn(f"can't read {self.path}", str(error))

    def test_a_file_that_others_may_read_is_warned_of(self) -> None:
        for mode, lines in ((0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1)):
            self.path.chmod(mode)
            with capturedLogs() as events:
                self.file.warn_of_others()
            self.assertEqual(len(events), lines, oct(mode))
