"""``events`` of the operator API, over the real store."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.web.api.events import EventsResource
from tests.web.api.case import NOON, RouteCase


class EventTests(RouteCase):
    def resources(self) -> tuple[object, ...]:
        return (EventsResource(self.events),)

    def setUp(self) -> None:
        super().setUp()
        self.events.note(EventKind.SERVER_STARTED, detail="first")
        self.clock.advance(60)
        self.events.note(
            EventKind.LOGGED_IN, Origin("user:Zoë", "192.0.2.1"), "Garage", "second"
        )
        self.clock.advance(60)
        self.events.note(EventKind.CONNECTED, Origin("device"), "Barn", "third")

    def found(self, **query: object) -> list[str]:
        reply = self.ask("GET", f"/events?{urlencode(query, doseq=True)}")
        self.assertEqual(reply.status, 200, reply.body)
        return [event["detail"] for event in reply.json["items"]]

    def test_the_newest_comes_first_with_all_that_is_known(self) -> None:
        reply = self.ask("GET", "/events?limit=2")
        (_, event) = reply.json["items"]
        self.assertEqual(
            event,
            {
                "id": 2,
                "time": "2026-11-22T12:01:00Z",
                "kind": "logged_in",
                "actor": "user:Zoë",
                "cloud_id": "Garage",
                "client": "192.0.2.1",
                "detail": "second",
                "times": 1,
            },
        )
        rest = self.ask("GET", f"/events?limit=2&cursor={reply.json['next']}").json
        self.assertEqual([one["detail"] for one in rest["items"]], ["first"])
        self.assertIsNone(rest["next"])

    def test_it_is_filtered(self) -> None:
        minute = (NOON + timedelta(minutes=1)).isoformat()
        for query, details in (
            ({"kind": "connected"}, ["third"]),
            ({"kind": ["connected", "server_started"]}, ["third", "first"]),
            ({"cloud_id": "GARAGE"}, ["second"]),
            ({"actor": "user:Zoë"}, ["second"]),
            ({"since": minute}, ["third", "second"]),
            ({"until": minute}, ["first"]),
            ({"until": "2026-11-22T13:01:00+01:00"}, ["first"]),
            ({"kind": "connected", "cloud_id": "garage"}, []),
            ({"kind": ""}, ["third", "second", "first"]),
        ):
            self.assertEqual(self.found(**query), details, query)

    def test_what_can_t_be_is_422_and_names_the_parameter(self) -> None:
        for query, field in (
            ("kind=nothing", "kind"),
            ("kind=connected&kind=x", "kind"),
            ("cloud_id=a--b", "cloud_id"),
            ("actor=" + "x" * 101, "actor"),
            ("actor=%00", "actor"),
            ("since=yesterday", "since"),
            ("since=2026-11-22", "since"),
            ("since=2026-11-22T12:00:00", "since"),
            ("since=2026-11-22T12:00Z", "since"),
            ("until=0001-01-01T00:00:00%2B14:00", "until"),
            ("until=9999-12-31T23:59:60Z", "until"),
            ("cursor=x", "cursor"),
            ("limit=501", "limit"),
        ):
            self.assert_problem(self.ask("GET", f"/events?{query}"), 422, field)

    def test_times_are_taken_as_they_may_be_written(self) -> None:
        for time in (
            "2026-11-22t12:01:00z",
            "2026-11-22T12:01:00.000Z",
            "2026-11-22T12:00:60Z",
            "2026-11-22T14:31:00+02:30",
            "2026-11-22T12:01:00.00000000000000000001Z",
        ):
            self.assertEqual(self.found(since=time), ["third", "second"], time)
        # A plus sign that nobody escaped.
        reply = self.ask("GET", "/events?since=2026-11-22T14:31:00+02:30")
        self.assertEqual(len(reply.json["items"]), 2)

    def test_a_database_that_is_away_is_503(self) -> None:
        self.successResultOf(self.database.close())
        reply = self.ask("GET", "/events")
        self.assert_problem(reply, 503)
        self.assertEqual(reply.header("retry-after"), "2")

    def test_kinds_are_described(self) -> None:
        document = self.ask("GET", "/openapi.json").json
        kinds = document["components"]["schemas"]["Event"]["properties"]["kind"]
        self.assertEqual(set(kinds["enum"]), {kind.value for kind in EventKind})
