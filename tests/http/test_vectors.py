"""The vectors fit the rules, and the parsers the vectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.message import END, BadMessage, RequestHead
from cfos_cloud.http.parser import RequestParser
from tests.http.vectors.requests import requests
from tests.http.vectors.responses import responses
from tests.http.vectors.vector import RequestVector, ResponseVector
from tests.tree import ROOT

_RULE = re.compile(r"^\| `([a-z-]+)` \|.*\|([^|]*)\|[^|]*\|$", re.M)
_SECTION = re.compile(r"RFC \d{4} §\d+(?:\.\d+)*|§\d+(?:\.\d+)*")


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        text = (ROOT / "docs" / "http-rules.md").read_text()
        _, of_requests, of_responses = re.split(r"^## .*$", text, flags=re.M)
        self.tables = [_RULE.findall(each) for each in (of_requests, of_responses)]
        self.vectors: list[Sequence[RequestVector | ResponseVector]]
        self.vectors = [requests(), responses()]

    def test_each_rule_has_vectors_and_each_vector_a_rule(self) -> None:
        for rules, vectors in zip(self.tables, self.vectors, strict=True):
            names = [name for name, _ in rules]
            self.assertEqual(len(names), len(set(names)))
            self.assertEqual(set(names), {vector.rule for vector in vectors})

    def test_each_rule_names_its_sections(self) -> None:
        for rules in self.tables:
            for name, sections in rules:
                for section in sections.split(","):
                    self.assertRegex(section.strip(), _SECTION, name)

    def test_no_two_vectors_have_a_name_or_bytes_in_common(self) -> None:
        for vectors in self.vectors:
            names = Counter((vector.rule, vector.name) for vector in vectors)
            self.assertEqual([each for each, n in names.items() if n > 1], [])
        data = Counter(vector.data for vector in requests())
        self.assertEqual([each for each, n in data.items() if n > 1], [])


class ParserTests(SynchronousTestCase):
    """What of it needs more than one request is in :mod:`tests.strict`."""

    def outcome(self, vector: RequestVector, at_a_time: int) -> object:
        """The whole bodies, and the status of a refusal, if any."""
        parser = RequestParser()
        bodies: list[bytes] = []
        status: int | None = None
        is_open = False
        for begin in range(0, len(vector.data), at_a_time):
            events = parser.feed(vector.data[begin : begin + at_a_time])
            if parser.standing and events and events[-1] is END:
                events += parser.go_on()
            for event in events:
                if isinstance(event, RequestHead):
                    is_open = True
                    bodies.append(b"")
                elif isinstance(event, bytes):
                    bodies[-1] += event
                elif isinstance(event, BadMessage):
                    status = 0 if is_open else event.status
                else:
                    is_open = False
        return tuple(bodies[: len(bodies) - is_open]), status

    def test_each_vector_is_what_it_is_however_it_is_cut(self) -> None:
        for vector in requests():
            if vector.rule == "after-close":
                continue
            for at_a_time in (2**15, 7, 1):
                if at_a_time < 100 and len(vector.data) > 5_000:
                    continue
                self.assertEqual(
                    self.outcome(vector, at_a_time),
                    (vector.bodies, vector.status),
                    f"{vector.rule}: {vector.name}, {at_a_time} at a time",
                )
