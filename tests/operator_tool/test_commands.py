"""What the commands ask of the operator API, and what they print."""

from __future__ import annotations

import argparse
import io
import json
import sys
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.operator_tool import client as client_module
from cfos_cloud.operator_tool import commands
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.errors import BadUsage, ToolError
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.passwords import VARIABLE, admin_password, secret_from
from cfos_cloud.operator_tool.server_address import ServerAddress
from cfos_cloud.tunnel.exchange import Presence
from tests.registry.support import temporary_directory
from tests.web.operator_support import PASSWORD, OperatorAPICase

SERVER = ServerAddress.parse("https://cloud.example:4443")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.add_parsers(parser.add_subparsers())
    return parser.parse_args(["system", *words])


class CommandCase(OperatorAPICase):
    def deferred(
        self, *words: str, password: str = PASSWORD, file: io.StringIO
    ) -> Deferred[None]:
        arguments = parse(*words)
        client = OperatorClient(self.treq, SERVER, password)
        given = None
        if getattr(arguments, "password_file", None) is not None:
            given = secret_from(arguments.password_file)
        output = Output(arguments.json, file)
        return Deferred.fromCoroutine(
            commands.perform(client, arguments, given, output)
        )

    def output(self, *words: str, terminal: bool = False) -> str:
        file = Terminal() if terminal else io.StringIO()
        self.successResultOf(self.deferred(*words, file=file))
        return file.getvalue()

    def document(self, *words: str) -> Any:
        return json.loads(self.output(*words, "--json"))

    def refusal(self, *words: str, password: str = PASSWORD) -> str:
        file = io.StringIO()
        deferred = self.deferred(*words, password=password, file=file)
        failure = self.failureResultOf(deferred, ToolError)
        self.assertEqual(file.getvalue(), "")
        message = str(failure.value)
        self.assertEqual(len(message.splitlines()), 1)
        return message


class CommandTests(CommandCase):
    def test_add_shows_the_password_that_was_made(self) -> None:
        lines = self.output("add", "Garage", "--name", "The garage").splitlines()
        self.assertEqual(lines[0], "Cloud ID:       Garage")
        self.assertTrue(is_generated(lines[1].removeprefix("Cloud password: ")))
        system = self.systems.get("garage")
        assert system is not None
        self.assertEqual(system.name, "The garage")

    def test_add_with_a_password_of_one_s_own_does_not_show_it(self) -> None:
        file = temporary_directory(self) / "password"
        file.write_text("a chosen password\r\n")
        text = self.output("add", "Garage", "--password-file", str(file))
        self.assertEqual(text, "Cloud ID:       Garage\n")
        self.assertNotIn(
            "password", self.document("add", "Barn", "--password-file", str(file))
        )

    def test_json_is_what_the_api_said(self) -> None:
        added = self.document("add", "Garage")
        self.assertTrue(is_generated(added.pop("password")))
        self.assertEqual(self.document("show", "GARAGE"), added)
        self.assertEqual(self.document("list"), {"items": [added], "next": None})
        self.assertFalse(self.document("disable", "garage")["enabled"])
        self.assertTrue(self.document("enable", "garage")["enabled"])
        self.assertEqual(self.document("remove", "garage"), {"removed": "garage"})

    def test_people_get_a_line(self) -> None:
        self.output("add", "Garage")
        self.assertEqual(self.output("disable", "garage"), "Garage is disabled\n")
        self.assertEqual(self.output("enable", "garage"), "Garage is enabled\n")
        self.assertIn("cloud_id:  Garage\n", self.output("show", "garage"))
        self.assertEqual(self.output("remove", "garage"), "garage is removed\n")
        self.assertEqual(len(self.systems), 0)

    def test_list_pages_through_all(self) -> None:
        self.patch(client_module, "PAGE", 2)
        for number in range(5):
            self.output("add", f"System-{number}")
        found = [one["cloud_id"] for one in self.document("list")["items"]]
        self.assertEqual(found, [f"System-{number}" for number in range(5)])

    def test_list_is_a_table_on_a_terminal_and_has_tabs_elsewhere(self) -> None:
        for name in ("A", "Garage"):
            self.output("add", name)
        self.output("disable", "a")
        table = self.output("list", terminal=True).splitlines()
        self.assertEqual(table[0].index("STATE"), table[1].index("disabled"))
        self.assertEqual(table[0].index("STATE"), table[2].index("offline"))
        rows = [line.split("\t") for line in self.output("list").splitlines()]
        self.assertEqual([row[0] for row in rows], ["CLOUD ID", "A", "Garage"])
        self.assertEqual({len(row) for row in rows}, {8})

    def test_what_a_device_says_moves_no_cursor(self) -> None:
        self.output("add", "Garage")
        self.presences.online["garage"] = Presence(
            True, agent="\x1b[2Jdevice\tone\nline", client="192.0.2.1"
        )
        for words in (["list"], ["show", "Garage"]):
            text = self.output(*words)
            self.assertNotIn("\x1b", text)
            self.assertIn(r"\x1b[2Jdevice\tone\nline", text)


class RefusalTests(CommandCase):
    def test_the_server_s_reason_is_the_line(self) -> None:
        self.output("add", "Garage")
        self.assertEqual(
            self.refusal("add", "GARAGE"),
            "a system has the Cloud ID GARAGE already",
        )
        self.assertIn("no system has the Cloud ID", self.refusal("show", "barn"))
        self.assertEqual(
            self.refusal("add", "Barn", "--name", "x" * 201),
            "name: a name has at most 200 characters",
        )

    def test_a_wrong_password_is_said_and_in_the_end_throttled(self) -> None:
        for _ in range(7):
            self.assertIn(
                "refuses the admin password", self.refusal("list", password="no")
            )
        self.assertEqual(
            self.refusal("list"), "too many failed attempts; wait 5 seconds"
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
            self.refusal("list"),
            "https://cloud.example:4443 sends elsewhere: https://elsewhere.example/",
        )
        self.assertIn("has no operator API (status 200)", self.refusal("show", "a"))

    def test_a_server_that_is_not_there_is_named(self) -> None:
        class Nobody:
            async def request(self, *_: object, **__: object) -> None:
                raise ConnectionRefusedError

        self.treq = Nobody()
        self.assertEqual(
            self.refusal("list"),
            "can't reach https://cloud.example:4443: nobody listens there",
        )


class ServerAddressTests(SynchronousTestCase):
    def test_addresses_are_understood(self) -> None:
        for text, expected in (
            ("https://localhost:4443", "https://localhost:4443"),
            ("https://Cloud.Example/", "https://cloud.example:443"),
            ("http://127.0.0.1", "http://127.0.0.1:80"),
            ("https://[::1]:4443", "https://[::1]:4443"),
            ("https://bücher.example", "https://xn--bcher-kva.example:443"),
        ):
            self.assertEqual(str(ServerAddress.parse(text)), expected)

    def test_what_is_none_is_bad_usage(self) -> None:
        for text in (
            "",
            "localhost:4443",
            "ftp://localhost",
            "https://",
            "https://host:port",
            "https://host:99999",
            "https://[::1",
            "https://admin:secret@host",
            "https://host/path",
            "https://host?x",
            "https://" + "a" * 300,
        ):
            self.assertRaises(BadUsage, ServerAddress.parse, text)

    def test_loopback_is_where_nothing_leaves_the_machine(self) -> None:
        for text, expected in (
            ("http://localhost", True),
            ("http://127.9.9.9", True),
            ("http://[::1]", True),
            ("http://192.168.1.1", False),
            ("http://localhost.example", False),
        ):
            self.assertEqual(ServerAddress.parse(text).is_loopback, expected)


class PasswordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = temporary_directory(self) / "password"
        self.patch(sys, "stdin", io.StringIO())

    def ask(self, prompt: str) -> str:
        return "from the prompt"

    def test_the_file_comes_first_then_the_variable_then_the_prompt(self) -> None:
        self.file.write_text("from the file\n")
        variable = {VARIABLE: "from the variable"}
        found = admin_password(self.file, variable, self.ask)
        self.assertEqual(found, "from the file")
        found = admin_password(None, variable, self.ask)
        self.assertEqual(found, "from the variable")
        self.patch(sys, "stdin", Terminal())
        self.assertEqual(admin_password(None, {}, self.ask), "from the prompt")

    def test_where_nobody_can_be_asked_it_is_bad_usage(self) -> None:
        error = self.assertRaises(BadUsage, admin_password, None, {}, self.ask)
        self.assertEqual(error.status, 2)
        self.assertIn("--admin-password-file", str(error))

    def test_an_empty_file_or_answer_is_bad_usage(self) -> None:
        self.file.write_text("\n")
        self.assertRaises(BadUsage, admin_password, self.file, {}, self.ask)
        self.assertRaises(BadUsage, secret_from, self.file / "none")
        self.patch(sys, "stdin", Terminal())
        self.assertRaises(BadUsage, admin_password, None, {}, lambda _: "")
