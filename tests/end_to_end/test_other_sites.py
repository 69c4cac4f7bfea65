"""Requests with our cookie that another site has made the browser send."""

from __future__ import annotations

from tests.end_to_end import websocket
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Client

NAVIGATE = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", websocket.new_key()),
)
Fields = tuple[tuple[str, str], ...]


def site(value: str) -> Fields:
    return (("Sec-Fetch-Site", value),)


def origin(value: str) -> Fields:
    return (("Origin", value),)


class OtherSitesTests(EndToEndTestCase):
    def outcome(
        self, client: Client, method: str, path: str, fields: Fields
    ) -> tuple[int, bool]:
        """The status, and whether the device saw the request."""
        before = len(self.target.requests)
        wire = client.wire()
        wire.send(client.head(method, path, fields))
        status, _ = wire.read_head()
        wire.close()
        return status, len(self.target.requests) > before

    def check(
        self, client: Client, rows: tuple[tuple[str, str, Fields, bool], ...]
    ) -> None:
        for method, path, fields, passes in rows:
            good = 101 if UPGRADE[0] in fields else 200
            wanted = (good, True) if passes else (403, False)
            got = self.outcome(client, method, path, fields)
            self.assertEqual(got, wanted, (method, path, fields))

    def test_what_the_browser_says_of_a_requests_site_decides(self) -> None:
        own = origin(self.admin.origin)
        self.check(
            self.admin,
            (
                ("GET", "/x?a=1", site("same-origin"), True),
                ("POST", "/x?a=1", site("same-origin") + own, True),
                ("GET", "/x?a=1", site("none") + NAVIGATE, True),
                ("GET", "/websocket", site("same-origin") + UPGRADE, True),
                ("GET", "/x", site("cross-site") + NAVIGATE, True),
                ("GET", "/x?a=1", site("cross-site") + NAVIGATE, False),
                ("GET", "/x?", site("cross-site") + NAVIGATE, False),
                ("GET", "/x", site("cross-site"), False),
                ("GET", "/x", site("same-site"), False),
                ("POST", "/x", site("cross-site") + NAVIGATE, False),
                ("POST", "/x", site("same-site") + NAVIGATE, False),
                ("GET", "/websocket", site("cross-site") + NAVIGATE + UPGRADE, False),
                # Not even if Origin looks like ours.
                ("POST", "/x", site("cross-site") + own, False),
            ),
        )

    def test_else_its_origin_does(self) -> None:
        own = self.admin.origin
        self.check(
            self.admin,
            (
                ("POST", "/x", (), True),
                ("POST", "/x", origin(own), True),
                ("POST", "/x", origin(own.replace("https", "http")), False),
                ("POST", "/x", origin(f"{own}0"), False),
                ("POST", "/x", origin("https://evil.example"), False),
                ("POST", "/x", origin("null"), False),
                ("GET", "/x", origin("https://evil.example"), False),
                ("GET", "/websocket", UPGRADE, True),
                ("GET", "/websocket", UPGRADE + origin(own), True),
                ("GET", "/websocket", UPGRADE + origin("https://evil.example"), False),
                ("GET", "/websocket", UPGRADE + origin("null"), False),
            ),
        )

    def test_on_plain_http_an_origin_that_is_hidden_may_be_ours(self) -> None:
        client = self.site.device.client(tls=False)
        self.check(
            client,
            (
                ("POST", "/x", origin("null"), True),
                ("POST", "/x", origin(client.origin), True),
                ("POST", "/x", origin(f"https://{client.authority}"), False),
                ("GET", "/websocket", UPGRADE + origin("null"), False),
            ),
        )

    def test_who_is_stopped_sees_why_and_a_way_to_the_device(self) -> None:
        answer = self.admin.get("/x?a=1", *site("cross-site"), *NAVIGATE)
        self.assertEqual(answer.status, 403)
        self.assertIn(b"Another website", answer.body)
        self.assertIn(b'href="/"', answer.body)

    def test_another_site_can_neither_log_out_nor_log_in(self) -> None:
        client = self.site.device.user_client()
        for path in ("/ui/en/cloud-logout.htm", "/ui/en/cloud-login.htm"):
            outcome = self.outcome(client, "POST", path, site("cross-site"))
            self.assertEqual(outcome, (403, False))
        self.assertEqual(client.get("/").status, 200)
