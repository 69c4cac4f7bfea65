"""What tests of the API's routes have in common."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.web.operator_support import OperatorAPICase, Reply

NOON = datetime(2026, 11, 22, 12, 0, 0, 0, UTC)


class RouteCase(OperatorAPICase):
    """At noon."""

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOON.timestamp())

    def add(self, cloud_id: str, **members: object) -> Reply:
        reply = self.ask("POST", "/systems", json={"cloud_id": cloud_id, **members})
        self.assertEqual(reply.status, 201, reply.body)
        return reply

    def assert_problem(
        self, reply: Reply, status: int, field: str | None = None
    ) -> None:
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertEqual(reply.json.get("field"), field)
