"""``cfos-cloud events``."""

from __future__ import annotations

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.operator_tool import client as client_module
from cfos_cloud.operator_tool.errors import BadUsage
from tests.operator_tool.support import CommandCase, parse


class EventTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(1_800_000_000)
        self.output("system", "add", "Garage")
        self.output("system", "add", "Barn")
        self.output("system", "rename", "barn", "The barn")
        self.events.note(
            EventKind.LOGIN_FAILED,
            Origin("nobody", "192.0.2.7"),
            "Garage",
            "secret\x1b",
        )
        self.clock.advance(60)

    def kinds(self, *words: str) -> list[str]:
        return [event["kind"] for event in self.document("events", *words)["items"]]

    def test_the_newest_come_first(self) -> None:
        self.assertEqual(self.kinds()[0], "login_failed")
        self.assertEqual(self.kinds()[-1], "system_added")

    def test_they_are_chosen_by_system_kind_actor_and_time(self) -> None:
        self.assertEqual(
            self.kinds("--system", "BARN"), ["system_renamed", "system_added"]
        )
        self.assertEqual(
            self.kinds("--kind", "system_renamed", "--kind", "login_failed"),
            ["login_failed", "system_renamed"],
        )
        self.assertEqual(self.kinds("--actor", "nobody"), ["login_failed"])
        self.assertEqual(self.kinds("--until", "2020-01-01T00:00:00Z"), [])
        self.assertEqual(
            len(self.kinds("--since", "2020-01-01T00:00:00Z")), len(self.kinds())
        )

    def test_no_more_than_were_asked_for(self) -> None:
        self.patch(client_module, "PAGE", 2)
        every = self.kinds()
        for limit in (1, 2, 3):
            self.assertEqual(self.kinds("--limit", str(limit)), every[:limit])

    def test_people_get_a_table_and_programs_tabs(self) -> None:
        lines = self.output("events", terminal=True, width=120).splitlines()
        self.assertRegex(lines[1], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  login failed ")
        rows = [line.split("\t") for line in self.output("events").splitlines()]
        self.assertEqual(
            rows[0], ["TIME", "EVENT", "SYSTEM", "WHO", "CLIENT", "DETAIL"]
        )
        self.assertEqual(
            rows[1][1:5], ["login_failed", "Garage", "nobody", "192.0.2.7"]
        )
        self.assertEqual({len(row) for row in rows}, {6})
        self.assertNotIn("\x1b", self.output("events"))

    def test_what_can_t_be_asked_for_is_bad_usage(self) -> None:
        for words in (
            ["--limit", "0"],
            ["--limit", "-1"],
            ["--limit", "10000000"],
            ["--system", "a--b"],
        ):
            arguments = parse("events", *words)
            self.assertRaises(BadUsage, arguments.prepare, arguments)

    def test_what_the_server_does_not_know_is_its_line(self) -> None:
        self.assertIn("no kind of event", self.refusal("events", "--kind", "rain"))
        self.assertIn("a time like", self.refusal("events", "--since", "yesterday"))
