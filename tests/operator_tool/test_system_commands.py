"""``cfos-cloud system``: what it asks of the operator API, and what it prints."""

from __future__ import annotations

import io
import sys

from treq.testing import StubTreq
from twisted.internet.error import ConnectionRefusedError
from twisted.web.resource import Resource
from twisted.web.server import Request

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.operator_tool import client as client_module
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.registry import EventFilter
from cfos_cloud.tunnel.exchange import Presence
from tests.operator_tool.support import CommandCase, Terminal, parse
from tests.registry.support import temporary_directory


class CommandTests(CommandCase):
    def test_add_shows_the_password_that_was_made(self) -> None:
        lines = self.output(
            "system", "add", "Garage", "--name", "The garage"
        ).splitlines()
        self.assertEqual(lines[0], "Cloud ID:       Garage")
        self.assertTrue(is_generated(lines[1].removeprefix("Cloud password: ")))
        system = self.systems.get("garage")
        assert system is not None
        self.assertEqual(system.name, "The garage")

    def test_add_with_a_password_of_one_s_own_does_not_show_it(self) -> None:
        file = temporary_directory(self) / "password"
        file.write_text("a chosen password\r\n")
        text = self.output("system", "add", "Garage", "--password-file", str(file))
        self.assertEqual(text, "Cloud ID:       Garage\n")
        self.assertNotIn(
            "password",
            self.document("system", "add", "Barn", "--password-file", str(file)),
        )

    def test_json_is_what_the_api_said(self) -> None:
        added = self.document("system", "add", "Garage")
        self.assertTrue(is_generated(added.pop("password")))
        self.assertEqual(self.document("system", "show", "GARAGE"), added)
        self.assertEqual(
            self.document("system", "list"), {"items": [added], "next": None}
        )
        self.assertFalse(self.document("system", "disable", "garage")["enabled"])
        self.assertTrue(self.document("system", "enable", "garage")["enabled"])
        self.assertEqual(
            self.document("system", "remove", "garage", "--yes"), {"removed": "garage"}
        )

    def test_people_get_a_line(self) -> None:
        self.output("system", "add", "Garage")
        self.assertEqual(
            self.output("system", "disable", "garage"), "Garage is disabled\n"
        )
        self.assertEqual(
            self.output("system", "enable", "garage"), "Garage is enabled\n"
        )
        self.assertIn("cloud_id:   Garage\n", self.output("system", "show", "garage"))
        self.assertEqual(
            self.output("system", "remove", "garage", "--yes"), "garage is removed\n"
        )
        self.assertEqual(len(self.systems), 0)

    def test_list_pages_through_all(self) -> None:
        self.patch(client_module, "PAGE", 2)
        for number in range(5):
            self.output("system", "add", f"System-{number}")
        found = [one["cloud_id"] for one in self.document("system", "list")["items"]]
        self.assertEqual(found, [f"System-{number}" for number in range(5)])

    def test_list_is_a_table_on_a_terminal_and_has_tabs_elsewhere(self) -> None:
        for name in ("A", "Garage"):
            self.output("system", "add", name)
        self.output("system", "disable", "a")
        table = self.output("system", "list", terminal=True).splitlines()
        self.assertEqual(table[0].index("STATE"), table[1].index("disabled"))
        self.assertEqual(table[0].index("STATE"), table[2].index("offline"))
        rows = [line.split("\t") for line in self.output("system", "list").splitlines()]
        self.assertEqual([row[0] for row in rows], ["CLOUD ID", "A", "Garage"])
        self.assertEqual({len(row) for row in rows}, {9})

    def test_what_a_device_says_moves_no_cursor(self) -> None:
        self.output("system", "add", "Garage")
        self.presences.online["garage"] = Presence(
            True, agent="\x1b[2Jdevice\tone\nline", client="192.0.2.1"
        )
        for words in (["list"], ["show", "Garage"]):
            text = self.output("system", *words)
            self.assertNotIn("\x1b", text)
            self.assertIn(r"\x1b[2Jdevice\tone\nline", text)

    def test_rename_says_the_new_name(self) -> None:
        self.output("system", "add", "Garage")
        self.assertEqual(
            self.output("system", "rename", "garage", "The garage"),
            "Garage is called 'The garage' now\n",
        )
        self.assertEqual(
            self.document("system", "show", "garage")["name"], "The garage"
        )
        self.assertEqual(
            self.output("system", "rename", "garage", ""),
            "Garage is without a name now\n",
        )

    def test_rotate_shows_the_password_that_was_made(self) -> None:
        first = self.document("system", "add", "Garage")["password"]
        lines = self.output("system", "rotate", "garage").splitlines()
        second = lines[1].removeprefix("Cloud password: ")
        self.assertTrue(is_generated(second))
        self.assertNotEqual(first, second)
        self.assertIn("stays away until it has the new one", lines[-1])
        self.assertTrue(
            is_generated(self.document("system", "rotate", "garage")["password"])
        )

    def test_rotate_with_a_password_of_one_s_own_does_not_show_it(self) -> None:
        self.output("system", "add", "Garage")
        file = temporary_directory(self) / "password"
        file.write_text("a chosen password\n")
        words = ("system", "rotate", "garage", "--password-file", str(file))
        self.assertNotIn("a chosen password", self.output(*words))
        self.assertNotIn("password", self.document(*words))

    def test_disconnect_says_whether_there_was_a_tunnel(self) -> None:
        self.output("system", "add", "Garage")
        self.tunnels.online["garage"] = Presence(True)
        for line in ("is cut off; it comes back by itself", "was not online"):
            self.assertEqual(
                self.output("system", "disconnect", "garage"), f"garage {line}\n"
            )
        self.assertEqual(
            self.document("system", "disconnect", "garage"),
            {"cloud_id": "garage", "disconnected": False},
        )

    def test_list_finds_what_it_is_told_to(self) -> None:
        for cloud_id, name in (("A-1", "Depot"), ("A-2", "Garage"), ("B-1", "Depot 2")):
            self.output("system", "add", cloud_id, "--name", name)
        self.output("system", "disable", "A-2")
        self.tunnels.online["b-1"] = Presence(True)

        def found(*words: str) -> list[str]:
            items = self.document("system", "list", *words)["items"]
            return [item["cloud_id"] for item in items]

        self.assertEqual(found("depot"), ["A-1", "B-1"])
        self.assertEqual(found("--state", "online"), ["B-1"])
        self.assertEqual(found("--state", "offline", "a-"), ["A-1", "A-2"])
        self.assertEqual(found("--state", "disabled"), ["A-2"])
        self.assertEqual(found("nothing like it"), [])

    def test_a_list_of_nothing_still_says_what_it_would_be_of(self) -> None:
        self.assertEqual(self.document("system", "list"), {"items": [], "next": None})
        self.assertTrue(self.output("system", "list").startswith("CLOUD ID\t"))
        self.assertTrue(
            self.output("system", "list", terminal=True).startswith("CLOUD")
        )

    def test_a_table_fits_its_terminal_and_pipes_get_all(self) -> None:
        name = "A name that is much too long for a narrow terminal"
        self.output("system", "add", "Garage", "--name", name)
        self.tunnels.online["garage"] = Presence(
            True, agent="device-end/1.2.3", client="192.0.2.1", bytes_in=1_234_567
        )
        for width in (80, 100, 300):
            lines = self.output(
                "system", "list", terminal=True, width=width
            ).splitlines()
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertIn("1.2 MB", lines[1])
        self.assertIn(name, lines[1])
        self.assertIn(f"{name}\tdevice-end/1.2.3", self.output("system", "list"))
        self.assertIn("\t1234567\t", self.output("system", "list"))

    def test_a_removed_system_s_events_stay_unless_they_are_to_be_erased(self) -> None:
        for more, left in (([], 2), (["--erase"], 0)):
            self.output("system", "add", "Garage")
            self.output("system", "remove", "Garage", "--yes", *more)
            self.assertEqual(len(self.kept(EventFilter(cloud_id="Garage"))), left)

    def test_remove_asks_for_the_cloud_id_at_a_terminal(self) -> None:
        self.output("system", "add", "Garage")
        for typed, left in (("", 1), ("yes\n", 1), ("gARAGE\n", 0)):
            terminal = Terminal(typed)
            self.patch(sys, "stdin", terminal)
            self.patch(sys, "stderr", io.StringIO())
            if left:
                arguments = parse("system", "remove", "Garage")
                self.assertRaises(ToolError, arguments.prepare, arguments)
            else:
                self.output("system", "remove", "Garage")
            self.assertEqual(len(self.systems), left)

    def test_a_script_is_not_asked(self) -> None:
        for stdin in (io.StringIO("no\n"), None):
            self.output("system", "add", "Garage")
            self.patch(sys, "stdin", stdin)
            self.output("system", "remove", "Garage")
            self.assertEqual(len(self.systems), 0)


class RefusalTests(CommandCase):
    def test_the_server_s_reason_is_the_line(self) -> None:
        self.output("system", "add", "Garage")
        self.assertEqual(
            self.refusal("system", "add", "GARAGE"),
            "a system has the Cloud ID GARAGE already",
        )
        self.assertIn(
            "no system has the Cloud ID", self.refusal("system", "show", "barn")
        )
        self.assertEqual(
            self.refusal("system", "add", "Barn", "--name", "x" * 201),
            "name: a name has at most 200 characters",
        )

    def test_a_wrong_password_is_said_and_in_the_end_throttled(self) -> None:
        for _ in range(7):
            self.assertIn(
                "refuses the admin password",
                self.refusal("system", "list", password="no"),
            )
        self.assertEqual(
            self.refusal("system", "list"), "too many failed attempts; wait 5 seconds"
        )

    def test_a_server_of_another_kind_is_noticed(self) -> None:
        class Other(Resource):
            isLeaf = True

            def render(self, request: Request) -> bytes:
                if request.args.get(b"limit"):
                    request.setResponseCode(308)
                    request.setHeader("Location", "https://elsewhere.example/")
                return b"<html>"

        self.treq = StubTreq(Other())
        self.assertEqual(
            self.refusal("system", "list"),
            "https://cloud.example:4443 sends elsewhere: https://elsewhere.example/",
        )
        self.assertIn(
            "has no operator API (status 200)", self.refusal("system", "show", "a")
        )

    def test_a_server_that_is_not_there_is_named(self) -> None:
        class Nobody:
            async def request(self, *_: object, **__: object) -> None:
                raise ConnectionRefusedError

        self.treq = Nobody()
        self.assertEqual(
            self.refusal("system", "list"),
            "can't reach https://cloud.example:4443: nobody listens there",
        )

    def test_pages_that_lead_nowhere_end(self) -> None:
        class Endless(Resource):
            isLeaf = True

            def render(self, request: Request) -> bytes:
                return b'{"items": [], "next": "more", "total": 7}'

        self.treq = StubTreq(Endless())
        self.assertEqual(self.document("system", "list")["items"], [])

    def test_answers_of_another_version_are_one_line(self) -> None:
        class Other(Resource):
            isLeaf = True

            def render(self, request: Request) -> bytes:
                return b'{"things": []}'

        self.treq = StubTreq(Other())
        self.assertIn(
            "does not answer as an operator API", self.refusal("system", "list")
        )

    def test_more_than_the_server_reads_is_said(self) -> None:
        class Full(Resource):
            isLeaf = True

            def render(self, request: Request) -> bytes:
                request.setResponseCode(413)
                return b""

        self.treq = StubTreq(Full())
        self.assertIn("more than", self.refusal("system", "list"))
