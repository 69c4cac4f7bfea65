"""The operator API with further resources, one a test."""

from __future__ import annotations

from cfos_cloud.events import SERVER, EventKind, Origin
from tests.web.operator_support import OperatorAPICase, Reply


class NotedEvents:
    """Keeps what would be written down: kind, actor, Cloud ID and detail."""

    def __init__(self) -> None:
        self.noted: list[tuple[EventKind, str, str | None, str]] = []

    def note(
        self,
        kind: EventKind,
        by: Origin = SERVER,
        cloud_id: str | None = None,
        detail: str = "",
    ) -> None:
        self.noted.append((kind, by.actor, cloud_id, detail))


class ResourceCase(OperatorAPICase):
    """What :meth:`more` makes is there besides the systems."""

    def more(self) -> tuple[object, ...]:
        raise NotImplementedError

    def resources(self) -> tuple[object, ...]:
        self.written = NotedEvents()
        return self.more()

    def assert_problem(
        self, reply: Reply, status: int, words: str, field: str | None = None
    ) -> None:
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertIn(words, reply.json["detail"])
        self.assertEqual(len(reply.json["detail"].splitlines()), 1)
        self.assertEqual(reply.json.get("field"), field)
