"""The smart meter's own pages."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from cfos_cloud.demo.site.meter_display import MeterDisplay
from cfos_cloud.demo.site.model.meter import Reading

READING = Reading(
    1_000.5,
    (-1_500_400, 200_000, 0),
    12_345_678,
    987_654,
    (230_000, 231_000, 229_000),
    (6_700, 900, 0),
    49_990,
)


class MeterDisplayTests(SynchronousTestCase):
    def get(self, path: bytes, host: bytes = b"127.0.0.1:8000") -> tuple[int, bytes]:
        request: Any = DummyRequest([path.lstrip(b"/")])
        request.path = path
        request.requestHeaders.setRawHeaders(b"host", [host])
        body: bytes = MeterDisplay(lambda: READING).render(request)
        return request.responseCode or 200, body

    def test_it_shows_what_it_counts_by_the_codes_on_meters(self) -> None:
        status, body = self.get(b"/")
        self.assertEqual(status, 200)
        for line in (
            "<td>1.8.0</td><td>12.346 kWh</td>",
            "<td>2.8.0</td><td>0.988 kWh</td>",
            "<td>16.7.0</td><td>-1300 W</td>",
            "<td>36.7.0</td><td>-1500 W</td>",
            "<td>14.7.0</td><td>49.99 Hz</td>",
        ):
            self.assertIn(line, body.decode())

    def test_programs_read_the_same(self) -> None:
        values = json.loads(self.get(b"/values")[1])["smart-meter"]["values"]
        self.assertEqual(values["active_power_-"], 1_300_400)

    def test_there_is_nothing_else(self) -> None:
        self.assertEqual(self.get(b"/settings"), (404, b""))

    def test_a_foreign_name_gets_nothing(self) -> None:
        for host in (b"evil.example", b"192.0.2.1", b"localhost.evil.example", b""):
            self.assertEqual(self.get(b"/", host), (403, b""))
