"""The operator's tool against the real server, and what devices feel of it."""

from __future__ import annotations

import json
import re

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN
from tests.end_to_end.processes import wait_until


class ToolTests(EndToEndTestCase):
    def run_tool(self, *arguments: str) -> dict[str, object]:
        done = self.server.tool("system", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        document: dict[str, object] = json.loads(done.stdout)
        return document

    def test_a_system_lives_by_it_from_add_to_remove(self) -> None:
        first = self.server.tool("system", "add", "By-Tool", "--name", "My site")
        self.assertEqual(first.returncode, 0, first.stderr)
        added = json.loads(first.stdout)
        target = self.make_target()
        device = self.make_device(
            self.server, "By-Tool", str(added["password"]), target.url
        )
        client = device.client()
        self.assertEqual(client.get("/").status, 200)

        shown = self.run_tool("show", "by-tool")
        self.assertEqual(
            (shown["cloud_id"], shown["name"], shown["online"], shown["enabled"]),
            ("By-Tool", "My site", True, True),
        )
        self.assertRegex(str(shown["agent"]), r"\Acfos-device/")
        self.assertNotIn("password", shown)
        listed = self.run_tool("list")["items"]
        assert isinstance(listed, list)
        self.assertIn("By-Tool", [system["cloud_id"] for system in listed])

        wire = self.open_stream(device.client())
        self.assertFalse(self.run_tool("disable", "By-Tool")["enabled"])
        wire.read_all()
        device.process.wait_for_log("has disabled By-Tool")
        self.assertEqual(client.get("/").field("Location"), LOGIN)
        self.assertFalse(self.run_tool("show", "By-Tool")["online"])

        # With the right password it learns why; with a wrong one it would not.
        device.process.kill()
        device.restart(wait=False)
        device.process.wait_for_log("the operator has disabled By-Tool; next try in ")
        self.assertFalse(self.run_tool("show", "By-Tool")["online"])

        self.run_tool("enable", "By-Tool")
        device.process.kill()
        device.restart()
        wire = self.open_stream(device.client())
        self.run_tool("remove", "By-Tool", "--yes")
        wire.read_all()
        device.process.wait_for_log("has removed By-Tool; next try in ")
        gone = self.server.tool("system", "show", "By-Tool")
        self.assertEqual(gone.returncode, 1)
        self.assertEqual(gone.stderr.count("\n"), 1)
        for wait in re.findall(r"next try in (\d+) s", device.process.log):
            self.assertGreaterEqual(int(wait), 60)

    def test_its_refusals_are_one_line(self) -> None:
        for arguments, status, words in (
            (("add", self.cloud_id.upper()), 1, "already"),
            (("show", "Nobody"), 1, "Nobody"),
            (("add", "-x-"), 2, ""),
            (("remove", "Nobody"), 1, "Nobody"),
        ):
            done = self.server.tool("system", *arguments)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(words, done.stderr)
        self.assertTrue(self.server.is_online(self.cloud_id))


class WrongPasswordTests(EndToEndTestCase):
    def test_it_is_said_in_one_line_and_not_tried_again_soon(self) -> None:
        self.server.add_system("Wrong-Password")
        devices = [
            self.make_device(
                self.server,
                cloud_id,
                "abcdefg-abcdefg-abcdefg-abcdefg",
                "http://127.0.0.1:9",
                wait=False,
            )
            for cloud_id in ("Wrong-Password", "No-Such-System")
        ]
        for device in devices:
            device.process.wait_for_log("next try in ")
        for device in devices:
            # The two are told the same, whether there is such a system or not.
            (line,) = device.process.log.splitlines()
            self.assertRegex(
                line,
                r"error .* refused by https://127\.0\.0\.1:\d+ as "
                rf"{device.cloud_id}: .*; next try in \d+ s\Z",
            )
            self.assertGreaterEqual(int(re.findall(r"(\d+) s\Z", line)[0]), 60)
            self.assertIsNone(device.process.status)
        reasons = {
            re.sub(r"\d+ s", "", device.process.log.partition(": ")[2]).replace(
                device.cloud_id, "ID"
            )
            for device in devices
        }
        self.assertEqual(len(reasons), 1)
        self.assertNotIn("abcdefg", devices[0].process.log)
        wait_until(
            lambda: self.server.process.log.count("tunnel refused to 127.0.0.1") >= 2,
            "the server has noted both",
        )
