"""How a session's device stands, for its holder."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from tests.web.support import Browser, PagesTestCase, Reply

PATH = "/cloud/session"


class SessionStateTests(PagesTestCase):
    def ask(self) -> Reply:
        return self.browser.get(PATH, accept="application/json")

    def lose_tunnel(self, last_seen: datetime | None) -> None:
        del self.exchange.tunnels["w00-008j"]
        system = self.systems.systems["w00-008j"]
        self.systems.systems["w00-008j"] = replace(system, last_seen=last_seen)

    def test_its_holder_reads_that_the_device_is_online_and_since_when(self) -> None:
        self.browser.log_in()
        reply = self.ask()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertEqual(
            json.loads(reply.body),
            {"system": "Carport <b>", "online": True, "since": "2026-11-04T14:05:59Z"},
        )

    def test_or_offline_and_since_when(self) -> None:
        self.browser.log_in()
        self.lose_tunnel(datetime(2026, 11, 4, 15, 1, tzinfo=UTC))
        state = json.loads(self.ask().body)
        self.assertEqual(
            (state["online"], state["since"]), (False, "2026-11-04T15:01:00Z")
        )

    def test_a_time_that_nobody_knows_is_null(self) -> None:
        self.browser.log_in()
        self.lose_tunnel(None)
        self.assertIsNone(json.loads(self.ask().body)["since"])

    def test_a_system_without_a_name_has_its_cloud_id(self) -> None:
        self.browser.log_in("other")
        self.assertEqual(json.loads(self.ask().body)["system"], "other")

    def test_nobody_else_learns_anything(self) -> None:
        self.browser.log_in()
        stranger = Browser(self.root)
        for cookies in ({}, {"__Host-cfos": "x" * 43}, {"cfos": "x"}):
            stranger.cookies = dict(cookies)
            reply = stranger.get(PATH, accept="application/json")
            self.assertEqual(reply.status, 401)
            self.assertNotIn(b"Carport", reply.body)
            self.assertIsNone(reply.header("www-authenticate"))

    def test_it_ends_with_the_session(self) -> None:
        self.browser.log_in()
        self.sessions.end_system("W00-008J")
        self.assertEqual(self.ask().status, 401)

    def test_nobody_stores_it(self) -> None:
        self.browser.log_in()
        reply = self.ask()
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.header("cross-origin-resource-policy"), "same-origin")

    def test_it_is_read_and_nothing_else(self) -> None:
        self.browser.log_in()
        self.assertEqual(self.browser.request("POST", PATH).status, 405)
        self.assertEqual(self.browser.get(PATH + "/more").status, 404)
