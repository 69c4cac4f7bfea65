"""Finding systems: by text, by state, in an order, page by page."""

from __future__ import annotations

from urllib.parse import urlencode

from cfos_cloud.tunnel.exchange import Presence
from tests.web.api.case import NOON, RouteCase


class FindTests(RouteCase):
    def setUp(self) -> None:
        super().setUp()
        for cloud_id, name in (
            ("A-1", "Café München"),
            ("B-2", ""),
            ("C-3", "Depot"),
            ("D-4", "annex"),
        ):
            self.add(cloud_id, name=name)
            self.clock.advance(60)
        self.presences.online = {
            "c-3": Presence(True, NOON, "device/1", "192.0.2.1", 10, 0),
            "d-4": Presence(True, NOON, "device/1", "192.0.2.1", 500, 0),
        }
        self.ask("PATCH", "/systems/b-2", json={"enabled": False})

    def found(self, **query: str) -> list[str]:
        reply = self.ask("GET", f"/systems?{urlencode(query)}")
        self.assertEqual(reply.status, 200, reply.body)
        names = [one["cloud_id"] for one in reply.json["items"]]
        self.assertEqual(reply.json["total"], len(names))
        return names

    def test_a_part_of_id_or_name_finds_in_any_case(self) -> None:
        for text, names in (
            ("b-2", ["B-2"]),
            ("MÜNCHEN", ["A-1"]),
            ("Cafe\N{COMBINING ACUTE ACCENT}", ["A-1"]),
            ("-", ["A-1", "B-2", "C-3", "D-4"]),
            ("nobody", []),
            ("a+b", []),
            ("x" * 300, []),
        ):
            self.assertEqual(self.found(q=text), names, text)

    def test_state_narrows_it_down(self) -> None:
        self.assertEqual(self.found(online="true"), ["C-3", "D-4"])
        self.assertEqual(self.found(online="false"), ["A-1", "B-2"])
        self.assertEqual(self.found(enabled="false"), ["B-2"])
        self.assertEqual(self.found(enabled="true", online="false"), ["A-1"])
        self.assertEqual(self.found(q="d", online="true"), ["C-3", "D-4"])

    def test_they_come_in_the_order_that_was_asked_for(self) -> None:
        for order, names in (
            ("cloud_id", ["A-1", "B-2", "C-3", "D-4"]),
            ("name", ["D-4", "A-1", "C-3", "B-2"]),
            ("online", ["D-4", "C-3", "A-1", "B-2"]),
            ("created", ["D-4", "C-3", "B-2", "A-1"]),
            ("traffic", ["D-4", "C-3", "A-1", "B-2"]),
        ):
            self.assertEqual(self.found(sort=order), names, order)

    def test_a_cursor_leads_on_in_the_same_order_and_in_no_other(self) -> None:
        first = self.ask("GET", "/systems?sort=name&limit=3").json
        rest = self.ask("GET", f"/systems?sort=name&limit=3&cursor={first['next']}")
        self.assertEqual([one["cloud_id"] for one in rest.json["items"]], ["B-2"])
        self.assertEqual((rest.json["total"], rest.json["next"]), (4, None))
        wrong = self.ask("GET", f"/systems?sort=created&cursor={first['next']}")
        self.assert_problem(wrong, 422, "cursor")

    def test_what_can_t_be_is_422_and_names_the_parameter(self) -> None:
        for query, field in (
            ("online=yes", "online"),
            ("enabled=1", "enabled"),
            ("sort=colour", "sort"),
            ("q=%FF", "q"),
            ("q=" + "x" * 5000, "q"),
            ("q=a&" * 101, "q"),
        ):
            self.assert_problem(self.ask("GET", f"/systems?{query}"), 422, field)

    def test_what_is_empty_is_as_absent(self) -> None:
        self.assertEqual(len(self.found(q="", online="", enabled="", sort="")), 4)


class ImportNameTests(RouteCase):
    def test_a_system_may_be_called_as_a_route_is(self) -> None:
        for name in ("import", "history", "password"):
            self.add(name)
            self.assertEqual(self.ask("GET", f"/systems/{name}").status, 200)
            reply = self.ask("PATCH", f"/systems/{name}", json={"name": "x"})
            self.assertEqual(reply.status, 200)
            self.assertEqual(self.ask("DELETE", f"/systems/{name}").status, 204)


class RemoveTests(RouteCase):
    def kinds(self) -> list[str]:
        events = self.successResultOf(self.events.page()).items
        return [event.kind.value for event in events]

    def test_what_was_done_to_it_is_remembered(self) -> None:
        self.add("Garage")
        self.clock.advance(1)
        self.assertEqual(self.ask("DELETE", "/systems/garage").status, 204)
        self.assertEqual(self.kinds(), ["system_removed", "system_added"])

    def test_unless_it_is_erased(self) -> None:
        self.add("Garage")
        reply = self.ask("DELETE", "/systems/garage?erase=true")
        self.assertEqual(reply.status, 204)
        self.assertEqual(self.kinds(), ["system_erased"])

    def test_what_is_neither_removes_nothing(self) -> None:
        self.add("Garage")
        reply = self.ask("DELETE", "/systems/garage?erase=yes")
        self.assert_problem(reply, 422, "erase")
        self.assertIsNotNone(self.systems.get("garage"))
