"""A port of our own pages alone."""

from __future__ import annotations

from typing import Any

from twisted.web.server import Site

from cfos_cloud.gateway.pages_front import PagesFactory, PagesPort
from tests.gateway.support import HOST, Browser, GatewayCase


class PagesPortTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.port = PagesPort(
            self.clock,
            Site(self.pages),
            self.gateway.answers,
            self.gateway.proxies,
            self.gateway.metrics,
        )

    def visitor(self, *, address: str = "203.0.113.7", secure: bool = True) -> Browser:
        factory: Any = PagesFactory(self.port, secure=secure)
        return Browser(factory, self.clock, address, secure)

    def test_whatever_is_asked_for_is_a_page_s(self) -> None:
        visitor = self.visitor()
        for target in (
            b"/",
            b"/page",
            b"/cloud/tunnel",
            b"/api/json/x",
            b"/robots.txt",
        ):
            answer = visitor.fetch(target)
            self.assertEqual(answer.body, b"ours GET %b 203.0.113.7 https" % target)

    def test_a_session_at_a_device_is_nothing_here(self) -> None:
        visitor = self.visitor()
        visitor.session = self.log_in()
        answer = visitor.fetch(b"/page", b"Sec-Fetch-Site: cross-site")
        self.assertEqual(answer.body, b"ours GET /page 203.0.113.7 https")

    def test_without_tls_it_is_said_so(self) -> None:
        answer = self.visitor(secure=False).fetch(b"/page")
        self.assertEqual(answer.body, b"ours GET /page 203.0.113.7 http")

    def test_a_trusted_proxy_is_believed(self) -> None:
        visitor = self.visitor(address="10.0.0.1", secure=False)
        answer = visitor.fetch(
            b"/page", b"X-Forwarded-For: 192.0.2.9", b"X-Forwarded-Proto: https"
        )
        self.assertEqual(answer.body, b"ours GET /page 192.0.2.9 https")

    def test_responses_are_counted(self) -> None:
        visitor = self.visitor()
        visitor.fetch(b"/page")
        visitor.fetch(b"/page")
        self.assertEqual(self.gateway.metrics.pages[2], 2)

    def test_what_is_no_request_is_answered_so(self) -> None:
        visitor = self.visitor()
        visitor.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        self.assertEqual(visitor.one().status, 400)
        self.assertTrue(visitor.wire.disconnecting)

    def test_at_the_end_connections_close_when_they_are_idle(self) -> None:
        idle, gone = self.visitor(), self.visitor()
        gone.leave()
        self.assertEqual(len(self.port.channels), 1)
        self.port.close_when_idle()
        self.assertTrue(idle.wire.disconnecting)
        idle.leave()
        self.assertEqual(len(self.port.channels), 0)

    def test_the_host_of_a_request_is_not_looked_at(self) -> None:
        self.assertEqual(self.visitor().fetch(b"/", host=HOST).status, 200)
