"""``cfos-cloud key`` and a running server: the whole life of a key."""

from __future__ import annotations

import json
from typing import Any

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Answer
from tests.end_to_end.daemons import Server, run_tool, write_secret

SYSTEMS = "/api/json/systems"


class KeyLifeTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.own = self.make_server()

    def tool(self, *words: str) -> Any:
        done = self.own.tool("key", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def get(self, path: str, token: str, server: Server | None = None) -> Answer:
        field = ("Authorization", f"Bearer {token}")
        return (server or self.own).client().request("GET", path, b"", [field])

    def assert_refused(self, path: str, token: str) -> None:
        answer = self.get(path, token)
        self.assertEqual((answer.status, answer.body), (401, b""), path)

    def test_it_is_made_authorised_used_and_revoked(self) -> None:
        self.own.add_system("Site-7")
        key = self.tool("create", "monitoring", "--role", "api")
        self.assert_refused(SYSTEMS, key["key"])
        self.tool("authorize", "monitoring")
        answer = self.get(SYSTEMS, key["key"])
        self.assertEqual(answer.status, 200)
        (system,) = json.loads(answer.body)["items"]
        self.assertEqual(system["cloud_id"], "Site-7")
        for path in ("/cloud/metrics", "/cloud/api/v1/systems"):
            self.assert_refused(path, key["key"])
        (listed,) = self.tool("list")["items"]
        self.assertEqual(listed["last_client"], "127.0.0.1")
        self.tool("revoke", "monitoring", "--yes")
        self.assert_refused(SYSTEMS, key["key"])

    def test_the_tool_itself_may_come_by_one(self) -> None:
        words = ("create", "script", "--role", "admin", "--authorize")
        key = self.tool(*words)
        self.assertEqual(self.get("/cloud/metrics", key["key"]).status, 200)
        file = write_secret(self.directory / "key", key["key"] + "\n")
        words = ("--server", self.own.url, "--key-file", str(file), "--json")
        done = run_tool(self.directory, "system", "list", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        # To authorise takes the password itself, and nobody can be asked here.
        other = self.tool("create", "other", "--role", "api")
        new = write_secret(self.directory / "new", "another admin password")
        for action in (
            ("key", "authorize", other["id"]),
            ("password", "--new-password-file", str(new)),
        ):
            done = run_tool(self.directory, *action, *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn("the admin password is needed", done.stderr)
        self.tool("revoke", key["id"], "--yes")
        done = run_tool(self.directory, "status", *words)
        self.assertEqual(done.returncode, 1)
        self.assertIn("refuses the access key", done.stderr.splitlines()[-1])

    def test_signing_keys_overlap_and_one_can_be_dropped(self) -> None:
        words = ("--role", "api", "--authorize")
        first = self.tool("create", "first", *words)
        self.tool("rotate-signing")
        second = self.tool("create", "second", *words)
        for key in (first, second):
            self.assertEqual(self.get(SYSTEMS, key["key"]).status, 200)
        current, older = self.tool("signing")["items"]
        self.assertEqual((current["keys"], older["keys"]), (1, 1))
        dropped = self.tool("drop-signing", older["kid"], "--yes")
        self.assertEqual(dropped["keys"], 1)
        self.assert_refused(SYSTEMS, first["key"])
        self.assertEqual(self.get(SYSTEMS, second["key"]).status, 200)
