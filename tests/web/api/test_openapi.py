"""The API's description says what the API is, and the tests see that it is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from cfos_cloud.web.api.openapi import describe
from cfos_cloud.web.api.operation import STRING, Operation, Shape, as_json, members
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.routes import Answer, Route, route, routes_of
from cfos_cloud.web.operator.authorization import Needs
from tests.web.api.conformance import Conformance
from tests.web.api.key_case import KeyAPICase
from tests.web.operator_support import OperatorAPICase, basic


def a_route(path: str = "/things", about: Operation | None = None) -> Route:
    about = about or Operation("Things", {200: as_json(STRING)})
    return Route(path, "GET", Needs.OPERATOR, about)


class DocumentTests(OperatorAPICase):
    def document(self) -> dict[str, Any]:
        reply = self.ask("GET", "/openapi.json", headers={})
        self.assertEqual(reply.status, 200)
        found: dict[str, Any] = reply.json
        return found

    def test_everybody_may_read_it(self) -> None:
        document = self.document()
        self.assertEqual(document["openapi"], "3.1.1")
        self.assertEqual(document["servers"], [{"url": BASE}])
        self.assertEqual(
            self.ask("GET", "/openapi.json", headers=basic("x")).status, 200
        )

    def test_every_route_that_is_mounted_is_in_it(self) -> None:
        mounted = {
            (re.sub("<([a-z_]+)>", r"{\1}", rule.rule), method.lower())
            for rule in self.api.app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD"}
        }
        described = {
            (path, method)
            for path, operations in self.document()["paths"].items()
            for method in operations
        }
        self.assertEqual(described, mounted)

    def test_every_reference_in_it_leads_somewhere(self) -> None:
        document = self.document()
        text = self.ask("GET", "/openapi.json").body.decode()
        names = set(re.findall(r'"#/components/schemas/([A-Za-z]+)"', text))
        self.assertEqual(names, set(document["components"]["schemas"]))

    def test_every_schema_is_one(self) -> None:
        for schema in self.document()["components"]["schemas"].values():
            jsonschema_rs.meta.validate(
                {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
            )

    def test_every_operation_says_what_it_does_and_who_may(self) -> None:
        seen: set[str] = set()
        for operations in self.document()["paths"].values():
            for operation in operations.values():
                self.assertTrue(operation["summary"])
                self.assertNotIn(operation["operationId"], seen)
                seen.add(operation["operationId"])
                statuses = set(operation["responses"])
                if operation.get("security") != []:
                    self.assertLessEqual({"401", "403", "429", "503"}, statuses)
                if "requestBody" in operation:
                    self.assertLessEqual({"400", "413", "422"}, statuses)


class KeyDocumentTests(KeyAPICase):
    """What is not the operator's alone."""

    def setUp(self) -> None:
        super().setUp()
        self.document = self.ask("GET", "/openapi.json", headers={}).json
        self.routes = {
            (re.sub("<([a-z_]+)>", r"{\1}", declared.path), declared.method.lower()): (
                declared
            )
            for each in (*self.key_resources(), self.cloud_data)
            for declared, _ in routes_of(each)
        }

    def operations(self) -> Iterator[tuple[Route, dict[str, Any]]]:
        for (path, method), declared in self.routes.items():
            yield declared, self.document["paths"][path][method]

    def test_everything_is_in_it_with_who_may(self) -> None:
        schemes: dict[Needs, Any] = {
            Needs.OPERATOR: None,
            Needs.FRESH_OPERATOR: None,
            Needs.SYSTEM_ADMIN: [{"systemSession": []}],
            Needs.PAIRING: [],
            Needs.KEY: [{"key": []}],
            Needs.CLOUD_KEY: [{"key": []}],
        }
        for declared, operation in self.operations():
            self.assertEqual(operation.get("security"), schemes[declared.needs])
        self.assertEqual(
            self.document["security"], [{"password": []}, {"session": []}, {"key": []}]
        )
        self.assertEqual(
            set(self.document["components"]["securitySchemes"]),
            {"password", "session", "key", "systemSession"},
        )

    def test_what_is_elsewhere_says_where(self) -> None:
        for path, item in self.document["paths"].items():
            elsewhere = path.startswith("/api/json/")
            self.assertEqual(item.get("servers"), [{"url": "/"}] if elsewhere else None)

    def test_nobody_is_promised_a_word_about_a_bad_key(self) -> None:
        for declared, operation in self.operations():
            refusal = operation["responses"].get("401", {})
            is_silent = declared.needs in (Needs.KEY, Needs.CLOUD_KEY, Needs.PAIRING)
            self.assertEqual("content" in refusal, not is_silent)

    def test_unknown_is_said_of_what_can_be(self) -> None:
        for declared, operation in self.operations():
            variables = re.findall("<([a-z_]+)>", declared.path)
            text = operation["responses"].get("404", {}).get("description")
            if declared.needs in (Needs.PAIRING, Needs.KEY):
                variables = []
            if declared.needs is Needs.SYSTEM_ADMIN:
                variables.remove("cloud_id")
            self.assertEqual(text is not None, bool(variables), declared)


class DescribeTests(SynchronousTestCase):
    def test_two_shapes_of_one_name_are_refused(self) -> None:
        routes = [
            a_route("/a", Operation("A", {200: as_json(Shape("Thing", STRING))})),
            a_route("/b", Operation("B", {200: as_json(Shape("Thing", members()))})),
        ]
        self.assertRaises(ValueError, describe, BASE, routes)

    def test_a_variable_of_a_path_has_to_be_known(self) -> None:
        self.assertRaises(KeyError, describe, BASE, [a_route("/things/<name>")])

    def test_a_shape_is_written_once_however_deep_it_stands(self) -> None:
        inner = Shape("Inner", members(name=STRING))
        outer = Shape("Outer", members(one=inner, many={"items": inner}))
        about = Operation("Things", {200: as_json(outer)})
        document: Any = describe(BASE, [a_route(about=about)])
        schemas = document["components"]["schemas"]
        reference = {"$ref": "#/components/schemas/Inner"}
        self.assertEqual(schemas["Outer"]["properties"]["one"], reference)
        self.assertEqual(schemas["Outer"]["properties"]["many"]["items"], reference)
        self.assertEqual(set(schemas), {"Inner", "Outer", "Problem"})


class ConformanceTests(SynchronousTestCase):
    """What the tests look at each answer with sees what it is there to see."""

    def setUp(self) -> None:
        thing = Shape("Thing", members(name=STRING))
        about = Operation("Things", {200: as_json(thing), 204: None})
        document: Any = describe(BASE, [a_route(about=about)])
        self.conformance = Conformance(document)

    def complaint(
        self,
        status: int = 200,
        body: bytes = b'{"name": "x"}',
        content_type: str | None = "application/json",
        method: str = "GET",
        path: str = "/things?a=b",
    ) -> str | None:
        return self.conformance.complaint(method, path, status, content_type, body)

    def test_what_is_as_described_is_fine(self) -> None:
        self.assertIsNone(self.complaint())
        self.assertIsNone(self.complaint(204, b"", None))
        self.assertIsNone(self.complaint(200, b"", None, method="HEAD"))
        self.assertIsNone(self.complaint(404, path="/nothing"))

    def test_what_is_not_is_seen(self) -> None:
        self.assertIn("name", self.complaint(body=b"{}") or "")
        self.assertIn("not described", self.complaint(201) or "")
        self.assertIn("a body", self.complaint(204) or "")
        self.assertIn("text/html", self.complaint(content_type="text/html") or "")
        self.assertIn("no such", self.complaint(path="/nothing") or "")
        problem = b'{"title": "x"}'
        kind = "application/problem+json"
        self.assertIn("status", self.complaint(401, problem, kind) or "")


class DeclarationTests(SynchronousTestCase):
    def test_a_handler_keeps_what_it_says(self) -> None:
        about = Operation("Things", {204: None})

        class Things:
            @route("/things", method="GET", needs=Needs.NOTHING, about=about)
            async def show(self, request: IRequest) -> Answer:
                return Answer(204)

        declared = Things.show.route  # type: ignore[attr-defined]
        self.assertEqual(declared, Route("/things", "GET", Needs.NOTHING, about))
