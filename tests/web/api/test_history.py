"""``systems/{id}/history`` of the operator API, over the real store."""

from __future__ import annotations

from datetime import datetime, timedelta

from cfos_cloud.registry import TunnelRecord
from cfos_cloud.web.api.history import HistoryResource
from tests.web.api.case import NOON, RouteCase

HOUR = timedelta(hours=1)


class HistoryTests(RouteCase):
    def resources(self) -> tuple[object, ...]:
        return (HistoryResource(self.systems, self.connections, self.clock),)

    def setUp(self) -> None:
        super().setUp()
        self.add("Garage")

    def record(
        self, session: str, started: datetime, ended: datetime | None, moved: int = 0
    ) -> None:
        record = TunnelRecord(
            session=session,
            cloud_id="Garage",
            started=started,
            seen=ended or NOON,
            agent="device/1",
            client="2001:db8::1",
            bytes_in=moved,
            bytes_out=2 * moved,
            ended=ended,
            reason="lost" if ended else None,
        )
        self.connections.record(record)
        self.successResultOf(self.connections.flush())

    def test_connections_come_with_the_traffic_of_their_hours(self) -> None:
        self.record("one", NOON - 3 * HOUR, NOON - 2 * HOUR, 100)
        self.record("two", NOON - HOUR, None, 7)
        reply = self.ask("GET", "/systems/GARAGE/history")
        self.assertEqual(reply.status, 200)
        second, first = reply.json["items"]
        self.assertEqual(
            first,
            {
                "started": "2026-11-22T09:00:00Z",
                "ended": "2026-11-22T10:00:00Z",
                "seen": "2026-11-22T10:00:00Z",
                "reason": "lost",
                "agent": "device/1",
                "client": "2001:db8::1",
                "bytes_in": 100,
                "bytes_out": 200,
            },
        )
        self.assertEqual((second["ended"], second["reason"]), (None, None))
        self.clock.advance(1)
        self.assertEqual(
            self.ask("GET", "/systems/garage/history").json["traffic"],
            [
                {"hour": "2026-11-22T10:00:00Z", "bytes_in": 100, "bytes_out": 200},
                {"hour": "2026-11-22T12:00:00Z", "bytes_in": 7, "bytes_out": 14},
            ],
        )

    def test_it_goes_back_a_week_unless_it_is_said(self) -> None:
        self.record("old", NOON - 9 * 24 * HOUR, NOON - 8 * 24 * HOUR, 5)
        self.record("new", NOON - HOUR, NOON - HOUR, 6)
        week = self.ask("GET", "/systems/garage/history").json
        self.assertEqual([one["bytes_in"] for one in week["items"]], [6])
        self.assertEqual(len(week["traffic"]), 1)
        since = "2026-11-01T00:00:00Z"
        month = self.ask("GET", f"/systems/garage/history?since={since}").json
        self.assertEqual([one["bytes_in"] for one in month["items"]], [6, 5])
        self.assertEqual(len(month["traffic"]), 2)

    def test_traffic_comes_with_the_first_page_only(self) -> None:
        for number in range(3):
            self.record(
                f"{number}", NOON - (number + 1) * HOUR, NOON - number * HOUR, 1
            )
        first = self.ask("GET", "/systems/garage/history?limit=2").json
        path = f"/systems/garage/history?limit=2&cursor={first['next']}"
        rest = self.ask("GET", path).json
        self.assertEqual((len(first["items"]), len(rest["items"])), (2, 1))
        self.assertEqual((len(first["traffic"]), rest["traffic"]), (2, []))
        self.assertIsNone(rest["next"])

    def test_who_was_never_there_has_none(self) -> None:
        reply = self.ask("GET", "/systems/garage/history")
        self.assertEqual(reply.json, {"items": [], "next": None, "traffic": []})

    def test_an_unknown_system_is_404_and_a_bad_parameter_422(self) -> None:
        self.assert_problem(self.ask("GET", "/systems/barn/history"), 404)
        for query, field in (("since=1", "since"), ("cursor=x", "cursor")):
            reply = self.ask("GET", f"/systems/garage/history?{query}")
            self.assert_problem(reply, 422, field)
