"""``/api/json/…`` for keys of scope ``cloud``."""

from __future__ import annotations

from typing import Any

from treq.testing import StubTreq

from cfos_cloud.events import EventKind
from cfos_cloud.pages import Pages
from cfos_cloud.ui import ui_directory
from cfos_cloud.web.api.health import Health
from cfos_cloud.web.api.live import MAX_PER_KEY
from cfos_cloud.web.api.routes import APIResource
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.root import make_admin_root
from tests.web.api.key_case import SAME, KeyAPICase
from tests.web.operator_support import Reply, basic


class CloudDataCase(KeyAPICase):
    def make_api(self) -> None:
        super().make_api()
        root = make_admin_root(
            CommonPages(Pages(ui_directory())),
            self.api.resource(),
            Health(self.database, self.clock),
            APIResource(self.api.app),
            cloud_data=self.cloud_data.resource(self.authorizers),
        )
        self.data_treq: Any = StubTreq(root)

    def setUp(self) -> None:
        super().setUp()
        self.key = self.authorised(None, name="reader")

    def get(
        self,
        path: str,
        headers: dict[str, Any] | None = None,
        method: str = "GET",
        **more: Any,
    ) -> Reply:
        response = self.successResultOf(
            self.data_treq.request(
                method,
                f"https://cloud.example/api/json{path}",
                headers=self.bearer(self.key) if headers is None else headers,
                **more,
            )
        )
        reply = Reply(response, self.successResultOf(response.content()))
        complaint = self.conformance.complaint(
            method,
            f"/api/json{path}",
            reply.status,
            reply.header("content-type"),
            reply.body,
        )
        if reply.status != 401:
            # That is so at any address.
            self.assertIsNone(complaint)
        return reply


class DataTests(CloudDataCase):
    def test_it_is_what_the_operator_api_says(self) -> None:
        for path in ("/systems", "/systems?q=barn", "/systems/gARAGE", "/events"):
            reply = self.get(path)
            self.assertEqual(reply.status, 200)
            self.assertEqual(reply.header("cache-control"), "no-store")
            self.assertEqual(reply.json, self.ask("GET", path).json)

    def test_both_roles_may_read_it(self) -> None:
        admin = self.bearer(self.authorised(None, role="admin"))
        self.assertEqual(self.get("/systems", admin).status, 200)

    def test_head_is_get_without_a_body(self) -> None:
        reply = self.get("/systems", method="HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))

    def test_what_there_is_not_is_404_in_json(self) -> None:
        for path in ("/systems/Nowhere", "/cars", "/systems/a/b", "/", ""):
            self.assert_problem(self.get(path), 404)

    def test_nothing_can_be_changed(self) -> None:
        admin = self.bearer(self.authorised(None, role="admin"))
        for headers in (admin, self.bearer(self.key)):
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                reply = self.get("/systems", headers, method)
                self.assert_problem(reply, 405)
                self.assertEqual(reply.header("allow"), "GET, HEAD")

    def test_who_has_no_such_key_learns_nothing(self) -> None:
        operator = self.sessions.create("192.0.2.1")
        revoked = self.authorised(None)
        self.successResultOf(self.keys.revoke(revoked["id"]))
        for headers in (
            {},
            basic(),
            {"Cookie": f"__Host-cfos-admin={operator.token.decode()}", **SAME},
            self.cookie(self.admin),
            self.bearer(self.authorised("Garage", role="admin")),
            self.bearer(self.make_key(None)),
            self.bearer(revoked),
        ):
            for method, path in (
                ("GET", "/systems"),
                ("GET", "/systems/Nowhere"),
                ("GET", "/cars"),
                ("POST", "/systems"),
            ):
                self.assert_no_key(self.get(path, headers, method))

    def test_a_query_that_can_t_be_is_422(self) -> None:
        self.assert_problem(self.get("/systems?limit=0"), 422, field="limit")

    def test_other_addresses_below_api_need_a_key_too(self) -> None:
        url = "https://cloud.example/api/other"
        for headers, status in ((None, 401), (self.bearer(self.key), 404)):
            asked = self.data_treq.get(url, headers=headers)
            self.assertEqual(self.successResultOf(asked).code, status)


class StreamTests(CloudDataCase):
    def listen(self) -> Any:
        headers = {**self.bearer(self.key), "Accept": "text/event-stream"}
        url = "https://cloud.example/api/json/events"
        asked = self.data_treq.get(url, headers=headers)
        self.data_treq.flush()
        return self.successResultOf(asked)

    def test_who_wants_a_stream_is_told_as_it_happens(self) -> None:
        response = self.listen()
        fields = response.headers
        self.assertEqual(fields.getRawHeaders("content-type"), ["text/event-stream"])
        parts: list[bytes] = []
        self.data_treq.collect(response, parts.append)
        self.events.subscribe(self.live.event_happened)
        self.events.note(EventKind.SERVER_STARTED)
        self.data_treq.flush()
        self.assertIn(b'"kind":"server_started"', b"".join(parts))

    def test_the_ninth_of_a_key_has_to_wait_and_people_have_not(self) -> None:
        for _ in range(MAX_PER_KEY):
            self.assertEqual(self.listen().code, 200)
        response = self.listen()
        self.assertEqual(response.code, 429)
        self.assertEqual(response.headers.getRawHeaders("retry-after"), ["30"])
        self.assertEqual(len(self.live), MAX_PER_KEY)

    def test_it_ends_with_the_key(self) -> None:
        ended = self.data_treq.collect(self.listen(), lambda data: None)
        self.assertEqual((len(self.live), len(self.accesses)), (1, 1))
        self.successResultOf(self.keys.revoke(self.key["id"]))
        self.data_treq.flush()
        self.successResultOf(ended)
        self.assertEqual((len(self.live), len(self.accesses)), (0, 0))
