"""``live`` of the operator API: who may listen, and until when."""

from __future__ import annotations

from typing import Any

from cfos_cloud.events import EventKind
from cfos_cloud.web.api.live import LiveResource
from cfos_cloud.web.api.live_hub import MAX_LISTENERS, RESERVED, Live
from cfos_cloud.workers import Overloaded
from tests.web.api.case import RouteCase
from tests.web.operator_support import basic

URL = "https://cloud.example/cloud/api/v1/live"


class LiveRouteTests(RouteCase):
    def resources(self) -> tuple[object, ...]:
        self.live = Live(self.systems, self.presences, self.clock)
        return (LiveResource(self.live, self.clock),)

    def listen(self, query: str = "", headers: dict[str, str] | None = None) -> Any:
        asked = self.treq.get(URL + query, headers=headers or basic())
        self.treq.flush()
        return self.successResultOf(asked)

    def collect(self, response: Any) -> list[bytes]:
        parts: list[bytes] = []
        self.ended = self.treq.collect(response, parts.append)
        return parts

    def test_a_listener_is_told(self) -> None:
        response = self.listen("?watch=Garage&watch=Barn")
        self.assertEqual(response.code, 200)
        fields = response.headers
        self.assertEqual(fields.getRawHeaders("content-type"), ["text/event-stream"])
        self.assertEqual(fields.getRawHeaders("cache-control"), ["no-store"])
        self.assertEqual(fields.getRawHeaders("x-accel-buffering"), ["no"])
        self.assertIsNone(fields.getRawHeaders("content-length"))
        parts = self.collect(response)
        self.events.subscribe(self.live.event_happened)
        self.events.note(EventKind.SERVER_STARTED)
        self.treq.flush()
        text = b"".join(parts)
        self.assertIn(b"event: hello\n", text)
        self.assertIn(b'event: event\ndata: {"id":null,', text)
        self.live.end_all()
        self.treq.flush()
        self.successResultOf(self.ended)

    def test_the_end_of_its_session_is_its_end_and_nobody_else_s(self) -> None:
        session = self.sessions.create("192.0.2.1")
        cookie = f"__Host-cfos-admin={session.token.decode()}"
        self.collect(self.listen(headers={"Cookie": cookie}))
        ended = self.ended
        self.collect(self.listen())
        self.assertEqual((len(self.live), len(session.streams)), (2, 1))
        self.sessions.end(session)
        self.treq.flush()
        self.successResultOf(ended)
        self.assertNoResult(self.ended)
        self.assertEqual((len(self.live), len(session.streams)), (1, 0))

    def test_who_has_no_credentials_is_told_nothing(self) -> None:
        self.assert_problem(self.ask("GET", "/live", headers={}), 401)
        headers = {
            "Cookie": "__Host-cfos-admin="
            + self.sessions.create("192.0.2.1").token.decode(),
            "Sec-Fetch-Site": "same-site",
        }
        self.assert_problem(self.ask("GET", "/live", headers=headers), 403)
        self.assertEqual(len(self.live), 0)

    def test_one_too_many_is_503(self) -> None:
        for _ in range(MAX_LISTENERS):
            self.listen()
        reply = self.ask("GET", "/live")
        self.assert_problem(reply, 503)
        self.assertEqual(reply.header("retry-after"), "2")

    def test_access_keys_leave_room_for_people(self) -> None:
        for places in range(MAX_LISTENERS - RESERVED):
            self.assertEqual(len(self.live), places)
            self.live.check_room(RESERVED)
            self.listen()
        self.assertRaises(Overloaded, self.live.check_room, RESERVED)
        self.assertEqual(self.listen().code, 200)

    def test_what_can_t_be_watched_is_422(self) -> None:
        self.assert_problem(self.ask("GET", "/live?watch=a--b"), 422, "watch")
        query = "&".join(["watch=a"] * 101)
        self.assert_problem(self.ask("GET", f"/live?{query}"), 422, "watch")
        self.assertEqual(len(self.live), 0)

    def test_a_head_is_no_listener(self) -> None:
        reply = self.ask("HEAD", "/live")
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertEqual(len(self.live), 0)
