"""``systems.csv`` and ``systems/import`` of the operator API."""

from __future__ import annotations

import csv
import io
from typing import Any

from twisted.internet.defer import fail

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.registry import Addition, DatabaseError
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.csv_export import COLUMNS
from cfos_cloud.web.api.system_import import SystemImport
from cfos_cloud.web.api.tables import TablesResource
from tests.registry.support import InlineWorker, ManualWorker, verifier
from tests.web.api.case import NOON, RouteCase
from tests.web.operator_support import Reply, basic

URL = "https://cloud.example/cloud/api/v1"


class TablesCase(RouteCase):
    def resources(self) -> tuple[object, ...]:
        importer = SystemImport(self.systems, InlineWorker())
        return (TablesResource(self.systems, self.presences, importer, self.clock),)

    def post(self, text: str, query: str = "", **headers: str) -> Reply:
        fields = {**basic(), "Content-Type": "text/csv", **headers}
        path = f"/systems/import{query}"
        return self.ask("POST", path, headers=fields, data=text.encode())

    def ids(self) -> list[str]:
        return [system.cloud_id for system in self.systems]


class ImportTests(TablesCase):
    def test_all_systems_are_added_with_their_passwords_said_once(self) -> None:
        reply = self.post(
            "cloud_id,name,password,enabled\n"
            "Garage,The garage,,\n"
            "Barn,,a chosen password,no\n"
        )
        self.assertEqual(reply.status, 201, reply.body)
        first, second = reply.json["items"]
        self.assertTrue(is_generated(first.pop("password")))
        self.assertEqual(
            (first, second),
            (
                {
                    "line": 2,
                    "cloud_id": "Garage",
                    "name": "The garage",
                    "enabled": True,
                },
                {"line": 3, "cloud_id": "Barn", "name": "", "enabled": False},
            ),
        )
        self.assertEqual((reply.json["added"], reply.json["skipped"]), (2, 0))
        barn = self.ask("GET", "/systems/barn").json
        self.assertEqual((barn["enabled"], barn["name"]), (False, ""))
        system = self.systems.get("barn")
        assert system is not None
        self.assertEqual(system.verifier.iterations, 210_000)

    def test_passwords_come_as_a_table_for_who_wants_one(self) -> None:
        reply = self.post("cloud_id,name\nGarage,=1+1\n", Accept="text/csv")
        self.assertEqual(reply.status, 201)
        head, row = csv.reader(io.StringIO(reply.body.decode()))
        self.assertEqual(head, ["cloud_id", "name", "password"])
        self.assertEqual(row[:2], ["Garage", "'=1+1"])
        self.assertTrue(is_generated(row[2]))

    def test_one_wrong_line_and_nothing_is_added(self) -> None:
        self.add("Taken")
        reply = self.post("cloud_id\nGarage\na--b\ntaken\n")
        self.assert_problem(reply, 422)
        lines = [(line["line"], line["field"]) for line in reply.json["lines"]]
        self.assertEqual(lines, [(3, "cloud_id"), (4, "cloud_id")])
        self.assertEqual(self.ids(), ["Taken"])

    def test_a_hundred_wrong_lines_are_told_and_all_are_counted(self) -> None:
        reply = self.post("cloud_id\n" + "a--b\n" * 150)
        self.assertIn("150 lines", reply.json["detail"])
        self.assertEqual(len(reply.json["lines"]), 100)

    def test_who_is_there_is_passed_over_if_that_is_wanted(self) -> None:
        self.add("Taken", name="as it was")
        reply = self.post("cloud_id,name\ntaken,new\nGarage,\n", "?existing=skip")
        self.assertEqual((reply.json["added"], reply.json["skipped"]), (1, 1))
        self.assertEqual(self.ask("GET", "/systems/taken").json["name"], "as it was")
        reply = self.post("cloud_id\ntaken\n", "?existing=skip")
        self.assertEqual((reply.status, reply.json["added"]), (201, 0))
        self.assert_problem(self.post("cloud_id\nx\n", "?existing=no"), 422, "existing")

    def test_who_came_meanwhile_is_409_and_nothing_is_added(self) -> None:
        worker = ManualWorker()
        importer = SystemImport(self.systems, worker)
        self.resources = lambda: (  # type: ignore[method-assign]
            TablesResource(self.systems, self.presences, importer, self.clock),
        )
        self.make_api()
        asked = self.treq.post(
            f"{URL}/systems/import", headers=basic(), data=b"cloud_id\na\nb\n"
        )
        self.treq.flush()
        self.add("B")
        worker.run_all()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 409)
        self.assertEqual(self.ids(), ["B"])

    def test_without_a_database_nothing_is_added(self) -> None:
        def run(function: Any) -> Any:
            return fail(DatabaseError("away"))

        self.patch(self.database, "run", run)
        self.assert_problem(self.post("cloud_id\na\nb\n"), 503)
        self.assertEqual(self.ids(), [])

    def test_each_is_written_down(self) -> None:
        self.post("cloud_id\na\nb\n")
        events = self.successResultOf(self.events.page()).items
        told = [(event.kind.value, event.cloud_id, event.actor) for event in events]
        self.assertEqual(
            told,
            [("system_added", "b", "operator"), ("system_added", "a", "operator")],
        )

    def test_a_table_over_64_kib_is_413(self) -> None:
        self.assert_problem(self.post("cloud_id\n" + "x" * 64 * 1024), 413)


class ExportTests(TablesCase):
    def export(self, query: str = "") -> tuple[Any, str]:
        asked = self.treq.get(f"{URL}/systems.csv{query}", headers=basic())
        self.turns()
        response = self.successResultOf(asked)
        content = self.treq.content(response)
        self.turns()
        return response, self.successResultOf(content).decode("utf-8")

    def turns(self) -> None:
        for _ in range(10):
            self.clock.advance(0)
            self.treq.flush()

    def rows(self, query: str = "") -> list[list[str]]:
        _, text = self.export(query)
        return list(csv.reader(io.StringIO(text, newline="")))

    def test_every_system_is_a_line(self) -> None:
        names = [f"S-{number:04}" for number in range(1203)]
        additions = [Addition(name, verifier()) for name in names]
        self.successResultOf(self.systems.add_all(additions))
        head, *rows = self.rows()
        self.assertEqual(head, list(COLUMNS))
        self.assertEqual([row[0] for row in rows], names)

    def test_it_is_a_file_and_has_no_password(self) -> None:
        password = self.add("Garage", name="=1+1").json["password"]
        self.presences.online["garage"] = Presence(
            True, NOON, "@agent", "192.0.2.1", 5, 6
        )
        response, text = self.export()
        _, row = csv.reader(io.StringIO(text, newline=""))
        fields = response.headers
        self.assertEqual(
            fields.getRawHeaders("content-type"), ["text/csv; charset=utf-8"]
        )
        self.assertEqual(
            fields.getRawHeaders("content-disposition"),
            ['attachment; filename="systems.csv"'],
        )
        self.assertEqual(fields.getRawHeaders("cache-control"), ["no-store"])
        self.assertNotIn(password, text)
        self.assertEqual(
            row,
            [
                *("Garage", "'=1+1", "true", "true", "2026-11-22T12:00:00Z"),
                *("2026-11-22T12:00:00Z", "'@agent", "192.0.2.1", "5", "6"),
                *("2026-11-22T12:00:00Z", "false"),
            ],
        )

    def test_only_what_was_asked_for_is_in_it(self) -> None:
        for name in ("a1", "a2", "b1"):
            self.add(name)
        _, *rows = self.rows("?q=a&sort=created&enabled=true")
        self.assertEqual(sorted(row[0] for row in rows), ["a1", "a2"])
        self.assert_problem(self.ask("GET", "/systems.csv?sort=x"), 422, "sort")

    def test_it_can_be_imported_again(self) -> None:
        for name in ("a1", "a2"):
            self.add(name, name='Ünï, "quoted" =')
        self.ask("PATCH", "/systems/a1", json={"enabled": False})
        _, text = self.export()
        for name in ("a1", "a2"):
            self.ask("DELETE", f"/systems/{name}")
        self.assertEqual(self.post(text).json["added"], 2)
        first, second = self.systems
        self.assertEqual((first.enabled, second.enabled), (False, True))
        self.assertEqual(first.name, 'Ünï, "quoted" =')

    def test_a_head_has_no_table(self) -> None:
        self.add("Garage")
        reply = self.ask("HEAD", "/systems.csv")
        self.assertEqual((reply.status, reply.body), (200, b""))
