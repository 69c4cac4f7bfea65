"""Where a request goes: to a page of ours, the door, a device, or back."""

from __future__ import annotations

import json

from twisted.internet.error import ConnectionDone
from twisted.logger import LogLevel, capturedLogs, formatEvent

from cfos_cloud.gateway.client import ProxyTrust, parse_network
from cfos_cloud.gateway.sessions import IDLE
from tests.gateway.support import HTML, JSON, DeviceCase, GatewayCase
from tests.memory import Message
from tests.tunnel.support import MemoryTunnel

LOGIN = b"/ui/en/cloud-login.htm"


class AnonymousTests(GatewayCase):
    def fetch(self, target: bytes, *lines: bytes, method: bytes = b"GET") -> Message:
        return self.browser().fetch(target, *lines, method=method)

    def test_the_root_leads_to_the_log_in_whatever_is_accepted(self) -> None:
        for method in (b"GET", b"HEAD"):
            for line in (HTML, JSON, b"Accept: image/*", b"A: b"):
                message = self.fetch(b"/", line, method=method)
                self.assertEqual(message.status, 303)
                self.assertEqual(message.get(b"location"), LOGIN)
                self.assertEqual(message.get(b"cache-control"), b"no-store")
                self.assertEqual(message.body, b"")

    def test_the_log_in_is_in_the_browser_s_language(self) -> None:
        for line, language in (
            (b"Accept-Language: de-AT,de;q=0.9,en;q=0.5", b"de"),
            (b"Accept-Language: pt-BR", b"pt"),
            (b"Accept-Language: fi, en;q=0.1", b"en"),
            (b"Accept-Language: fi", b"en"),
            (b"Accept-Language: \xff", b"en"),
        ):
            message = self.fetch(b"/", line)
            self.assertEqual(
                message.get(b"location"), b"/ui/%b/cloud-login.htm" % language
            )
            self.assertEqual(message.get(b"vary"), b"Accept-Language")

    def test_a_page_leads_to_the_log_in_and_anything_else_is_a_401(self) -> None:
        for method, lines, status in (
            (b"GET", [HTML], 303),
            (b"HEAD", [HTML], 303),
            (b"GET", [], 303),
            (b"GET", [b"Accept: */*"], 303),
            (b"GET", [b"Accept: text/html;q=0.3, image/png"], 303),
            (b"GET", [HTML, b"Sec-Fetch-Dest: document"], 303),
            (b"GET", [HTML, b"Sec-Fetch-Dest: iframe"], 303),
            (b"GET", [JSON], 401),
            (b"GET", [b"Accept: image/avif,image/*"], 401),
            (b"GET", [b"Accept: */*", b"Sec-Fetch-Dest: empty"], 401),
            (b"GET", [b"Accept: */*", b"Sec-Fetch-Dest: script"], 401),
            (b"POST", [HTML], 401),
            (b"PUT", [HTML], 401),
            (b"DELETE", [HTML], 401),
            (b"OPTIONS", [HTML], 401),
            (b"PROPFIND", [HTML], 401),
        ):
            message = self.fetch(b"/page?a=b", *lines, method=method)
            self.assertEqual(message.status, status, (method, lines))
            if status == 303:
                self.assertEqual(message.get(b"location"), LOGIN)
            self.assertIsNone(message.get(b"www-authenticate"))

    def test_only_the_root_is_a_page_by_its_address(self) -> None:
        self.assertEqual(self.fetch(b"/", JSON, method=b"POST").status, 401)
        self.assertEqual(self.fetch(b"//", JSON).status, 401)
        self.assertEqual(self.fetch(b"/?x", JSON).status, 303)

    def test_an_interface_gets_a_401_without_a_body(self) -> None:
        for method in (b"GET", b"POST"):
            for line in (HTML, JSON, b"Authorization: Bearer nonsense"):
                message = self.fetch(b"/api/json/charge?x", line, method=method)
                self.assertEqual((message.status, message.body), (401, b""))
                self.assertEqual(message.get(b"cache-control"), b"no-store")
        self.assertEqual(self.fetch(b"/api/jsonx", HTML).status, 303)

    def test_a_401_is_a_page_or_json(self) -> None:
        page = self.fetch(b"/", HTML, method=b"POST")
        self.assertIn(b"text/html", page.get(b"content-type") or b"")
        problem = self.fetch(b"/page", JSON)
        self.assertEqual(problem.get(b"content-type"), b"application/problem+json")
        self.assertEqual(json.loads(problem.body)["status"], 401)

    def test_a_401_and_the_log_have_the_same_id(self) -> None:
        self.gateway.proxies = ProxyTrust([parse_network("203.0.113.7")])
        for accept in (HTML, JSON):
            with capturedLogs() as events:
                message = self.fetch(
                    b"/page?secret=1",
                    accept,
                    b"X-Forwarded-For: 198.51.100.9",
                    method=b"POST",
                )
            [event] = events
            self.assertIn(event["id"].encode(), message.body)
            self.assertEqual(event["log_level"], LogLevel.info)
            line = formatEvent(event)
            self.assertIn("unauthorised", line)
            self.assertIn("for 198.51.100.9, no system", line)
            self.assertNotIn("secret", str(event))

    def test_a_refused_upload_is_answered_and_its_rest_dropped(self) -> None:
        browser = self.browser()
        browser.ask(b"/page", b"Content-Length: 5", method=b"POST")
        self.assertEqual(browser.one().get(b"connection"), b"close")
        browser.send(b"hello")
        self.assertTrue(browser.wire.disconnecting)

    def test_a_cookie_of_no_session_is_none(self) -> None:
        for cookie in (b"__Host-cfos=nonsense", b"__Host-cfos=", b"cfos=x", b"=", b""):
            message = self.fetch(b"/page", HTML, b"Cookie: " + cookie)
            self.assertEqual(message.status, 303, cookie)

    def test_other_sites_may_lead_here(self) -> None:
        message = self.fetch(b"/page?x", HTML, b"Sec-Fetch-Site: cross-site")
        self.assertEqual(message.status, 303)

    def test_what_is_no_request_is_answered_and_the_connection_closed(self) -> None:
        for data, status in (
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
            (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ):
            browser = self.browser()
            browser.send(data)
            message = browser.one()
            self.assertEqual((message.status, message.body), (status, b""))
            self.assertEqual(message.get(b"connection"), b"close")
            self.assertTrue(browser.wire.disconnecting)

    def test_a_head_of_more_than_64_kib_is_refused(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"a" * 70_000)
        for size in (1_000, 16_384, 40_000):
            browser = self.browser()
            for at in range(0, len(head), size):
                browser.send(head[at : at + size])
            message = browser.one()
            self.assertEqual((message.status, message.body), (431, b""), size)
            self.assertTrue(browser.wire.disconnecting)


class OurAddressTests(DeviceCase):
    def test_ours_are_ours_with_a_session_and_without(self) -> None:
        for session in (None, self.session):
            for target in (
                b"/ui/de/cloud-login.htm",
                b"/ui/en/cloud-admin.htm?x",
                b"/cloud/health",
                b"/cloud/api/v1/systems",
                b"/cloud/",
            ):
                message = self.browser(session).fetch(target)
                path = target.partition(b"?")[0]
                self.assertEqual(message.body, b"ours GET %b 203.0.113.7 https" % path)
        self.assertEqual(self.streams, [])

    def test_a_page_knows_whose_session_it_is_for_the_log(self) -> None:
        for session, cloud_id in ((None, None), (self.session, "W00-A")):
            self.browser(session).fetch(b"/cloud/nothing")
            self.assertEqual(self.pages.requests[-1].cloud_id, cloud_id)

    def test_robots_are_ours_until_there_is_a_session(self) -> None:
        anonymous = self.browser().fetch(b"/robots.txt")
        self.assertTrue(anonymous.body.startswith(b"ours"))
        self.assertEqual(self.serve(b"theirs", b"/robots.txt").body, b"theirs")

    def test_the_tunnel_s_address_is_the_door(self) -> None:
        upgrade = (b"Connection: Upgrade", b"Upgrade: cfos-tunnel/1")
        for session in (None, self.session):
            browser = self.browser(session)
            self.assertEqual(browser.fetch(b"/cloud/tunnel", *upgrade).status, 401)
            self.assertEqual(browser.fetch(b"/cloud/tunnel").status, 401)
        self.assertEqual(self.streams, [])

    def test_pages_and_devices_alternate_on_one_connection(self) -> None:
        self.assertEqual(self.serve(b"one").body, b"one")
        self.assertTrue(self.user.fetch(b"/cloud/health").body.startswith(b"ours"))
        self.assertEqual(self.serve(b"two").body, b"two")
        self.assertEqual(len(self.streams), 1)

    def test_a_page_s_body_reaches_the_page(self) -> None:
        browser = self.browser()
        browser.send(
            browser.head(
                b"/ui/en/cloud-login.htm", b"Content-Length: 2", method=b"POST"
            )
        )
        self.assertEqual(browser.got(), [])
        browser.send(b"ab")
        self.clock.advance(0)
        self.assertTrue(browser.one().body.startswith(b"ours POST"))


class SessionTests(DeviceCase):
    def test_a_session_leads_to_its_device(self) -> None:
        stream = self.ask(b"/page?a=b", b"Authorization: Bearer theirs", b"X-Y: z")
        self.assertEqual(
            stream.preamble,
            {
                "kind": "http",
                "grant": self.session.grant,
                "client": "203.0.113.7",
                "scheme": "https",
                "host": "cloud.example.org",
            },
        )
        [request] = stream.requests
        self.assertEqual(request.start, b"GET /page?a=b HTTP/1.1")
        self.assertEqual(request.get(b"host"), b"cloud.example.org")
        self.assertEqual(request.get(b"authorization"), b"Bearer theirs")
        self.assertEqual(request.get(b"x-y"), b"z")
        self.assertEqual(request.get(b"x-forwarded-for"), b"203.0.113.7")
        self.assertIsNone(request.get(b"cookie"))
        stream.answer(b"hello", 201, b"X-Theirs: 1\r\n")
        self.pump()
        message = self.user.one()
        self.assertEqual((message.status, message.body), (201, b"hello"))
        self.assertEqual(message.get(b"x-theirs"), b"1")

    def test_the_root_and_the_interface_are_the_device_s_then(self) -> None:
        for target in (b"/", b"/api/json/charge", b"/ui/en/", b"/cloud"):
            self.assertEqual(self.serve(b"theirs", target).body, b"theirs")

    def test_over_tls_only_the_prefixed_cookie_is_read(self) -> None:
        token = self.session.token
        for secure, name, found in (
            (True, b"__Host-cfos", True),
            (True, b"cfos", False),
            (False, b"cfos", True),
            (False, b"__Host-cfos", False),
        ):
            browser = self.browser(secure=secure)
            browser.ask(b"/page", HTML, b"Cookie: a=b; %b=%b" % (name, token))
            statuses = [message.status for message in browser.got()]
            self.assertEqual(statuses, [] if found else [303], (secure, name))
        self.pump()
        schemes = [stream.preamble["scheme"] for stream in self.streams]
        self.assertEqual(schemes, ["https", "http"])

    def test_the_session_may_be_in_any_cookie_field(self) -> None:
        cookie = b"Cookie: __Host-cfos=" + self.session.token
        self.browser().ask(b"/", b"Cookie: a=b", cookie, b"Cookie: c=d")
        self.pump()
        self.assertEqual(self.stream.requests[0].all(b"cookie"), [b"a=b", b"c=d"])

    def test_a_request_keeps_its_session_alive(self) -> None:
        for _ in range(3):
            self.clock.advance(IDLE - 1)
            self.pump()
            self.assertIsNotNone(self.sessions.find(self.session.token))
        self.clock.advance(IDLE + 1)
        self.assertEqual(self.browser(self.session).fetch(b"/", HTML).status, 303)

    def test_no_request_goes_to_a_device_that_is_end_to_end(self) -> None:
        mode = {"mode": "end-to-end", "capabilities": ["http", "login", "tls"]}
        newer = MemoryTunnel(self.clock, self.exchange)
        newer.device.say_hello(**mode)
        newer.pump()
        self.assertTrue(newer.session.end_to_end)
        # A session that nobody has ended.
        page = self.user.fetch(b"/page", HTML)
        self.assertEqual(page.status, 503)
        self.assertEqual(newer.device.streams, [])
        self.assertEqual(self.session.streams, set())

    def test_an_offline_device_is_a_page_for_its_holder(self) -> None:
        other = self.browser(self.log_in("W00-B"))
        page = other.fetch(b"/page", HTML)
        self.assertEqual(page.status, 503)
        self.tunnel.cut()
        page = self.user.fetch(b"/page", HTML)
        self.assertEqual(page.status, 503)
        self.assertIn(b"Carport &lt;b&gt;", page.body)
        self.assertIn(b"2026-11-04T14:05", page.body)
        self.assertIsNotNone(page.get(b"retry-after"))
        problem = json.loads(self.user.fetch(b"/page", JSON).body)
        self.assertEqual(problem["type"], "urn:problem:cfos-cloud:offline")
        self.assertEqual(problem["since"], "2026-11-04T14:05:00Z")
        self.assertEqual(self.session.streams, set())
        self.assertFalse(self.session.ended)

    def test_it_comes_back_to_where_it_was(self) -> None:
        self.serve()
        self.tunnel.cut()
        self.assertEqual(self.user.fetch(b"/page").status, 503)
        self.newcomer()
        self.assertEqual(self.serve(b"back").body, b"back")

    def test_page_and_log_have_the_same_id(self) -> None:
        self.tunnel.cut()
        with capturedLogs() as events:
            page = self.user.fetch(b"/page?secret=1", HTML)
        [event] = events
        self.assertIn(event["id"].encode(), page.body)
        self.assertEqual((event["kind"], event["system"]), ("offline", "W00-A"))
        self.assertNotIn("secret", str(event))


class ServiceWorkerTests(DeviceCase):
    def test_a_script_that_would_outlive_its_session_is_refused(self) -> None:
        # It would see what the next system's page asks for on this origin.
        with capturedLogs() as events:
            message = self.user.fetch(
                b"/sw.js?secret",
                b"Service-Worker: script",
                b"Sec-Fetch-Dest: serviceworker",
                b"Sec-Fetch-Site: same-origin",
            )
        self.assertEqual((message.status, message.body), (403, b""))
        self.assertEqual(message.get(b"cache-control"), b"no-store")
        self.assertEqual(self.streams, [])
        [event] = events
        self.assertIn("W00-A", formatEvent(event))
        self.assertNotIn("secret", str(event))

    def test_any_other_script_is_not(self) -> None:
        fetch = (b"Sec-Fetch-Dest: script", b"Sec-Fetch-Site: same-origin")
        self.ask(b"/sw.js", *fetch).answer(b"script")
        self.pump()
        self.assertEqual(self.user.one().body, b"script")


class CrossSiteTests(DeviceCase):
    def refused(self, *lines: bytes, **more: bytes) -> bool:
        """Whether a request of the user's gets no further than a 403 page."""
        user = self.browser(self.session)
        seen = len(self.streams)
        user.ask(*(lines or (b"/page",)), **more)
        self.pump()
        if len(self.streams) > seen:
            return False
        message = user.one()
        self.assertEqual(message.status, 403)
        self.assertIn(b'href="/"', message.body)
        return True

    def test_what_the_browser_says_counts(self) -> None:
        link = (b"Sec-Fetch-Mode: navigate", b"Sec-Fetch-Dest: document")
        for target, method, lines, refused in (
            (b"/a?b", b"POST", [b"Sec-Fetch-Site: same-origin"], False),
            (b"/a?b", b"GET", [b"Sec-Fetch-Site: none"], False),
            (b"/a", b"GET", [b"Sec-Fetch-Site: cross-site", *link], False),
            (b"/a", b"GET", [b"Sec-Fetch-Site: cross-site"], True),
            (b"/a?b", b"GET", [b"Sec-Fetch-Site: cross-site", *link], True),
            (b"/a", b"POST", [b"Sec-Fetch-Site: cross-site", *link], True),
            (b"/a", b"POST", [b"Sec-Fetch-Site: same-site"], True),
            (b"/a", b"GET", [b"Sec-Fetch-Site: nonsense"], True),
        ):
            self.assertEqual(
                self.refused(target, HTML, *lines, method=method), refused, lines
            )

    def test_without_its_word_the_origin_counts(self) -> None:
        for origin, refused in (
            (b"https://cloud.example.org", False),
            (b"http://cloud.example.org", True),
            (b"https://evil.example.org", True),
            (b"null", True),
        ):
            self.assertEqual(
                self.refused(b"/a", HTML, b"Origin: " + origin, method=b"POST"),
                refused,
                origin,
            )
        self.assertFalse(self.refused(b"/a", method=b"POST"))

    def test_the_log_says_whose_session_it_was(self) -> None:
        with capturedLogs() as events:
            self.refused(b"/a?b", b"Sec-Fetch-Site: cross-site")
        self.assertEqual([event["system"] for event in events], ["W00-A"])

    def test_a_websocket_of_another_site_is_refused(self) -> None:
        upgrade = (b"Connection: Upgrade", b"Upgrade: websocket", HTML)
        self.assertTrue(self.refused(b"/ws", *upgrade, b"Origin: https://evil"))
        own = b"Origin: https://cloud.example.org"
        self.assertFalse(self.refused(b"/ws", *upgrade, own))

    def test_our_own_pages_are_protected_alike(self) -> None:
        message = self.user.fetch(
            b"/cloud/api/v1/systems",
            b"Sec-Fetch-Site: cross-site",
            method=b"POST",
        )
        self.assertEqual(message.status, 403)

    def test_another_host_s_origin_is_another_site(self) -> None:
        self.assertTrue(
            self.refused(
                b"/a",
                HTML,
                b"Origin: https://cloud.example.org",
                host=b"other.example.org",
            )
        )


class ProxyTests(DeviceCase):
    def test_behind_a_proxy_its_word_makes_address_scheme_and_cookie(self) -> None:
        browser = self.browser(address="10.0.0.1", secure=False)
        browser.ask(
            b"/page",
            b"X-Forwarded-For: 6.6.6.6, 198.51.100.3",
            b"X-Forwarded-Proto: https",
            b"Origin: https://cloud.example.org",
            b"Cookie: __Host-cfos=" + self.session.token,
        )
        self.pump()
        self.assertEqual(self.stream.preamble["client"], "198.51.100.3")
        self.assertEqual(self.stream.preamble["scheme"], "https")
        [request] = self.stream.requests
        self.assertEqual(request.get(b"x-forwarded-for"), b"198.51.100.3")
        self.assertEqual(request.get(b"x-forwarded-proto"), b"https")

    def test_our_pages_see_the_client_behind_it_too(self) -> None:
        browser = self.browser(address="10.0.0.1", secure=False)
        message = browser.fetch(
            b"/cloud/health",
            b"X-Forwarded-For: 198.51.100.3",
            b"X-Forwarded-Proto: https",
        )
        self.assertEqual(message.body, b"ours GET /cloud/health 198.51.100.3 https")

    def test_a_stranger_s_word_is_nothing(self) -> None:
        self.ask(b"/page", b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: http")
        self.assertEqual(self.stream.preamble["client"], "203.0.113.7")
        self.assertEqual(self.stream.preamble["scheme"], "https")


class ShutdownTests(DeviceCase):
    def test_idle_connections_close_at_once_busy_ones_when_they_are_done(self) -> None:
        idle = self.browser()
        stream = self.ask()
        self.gateway.close_when_idle()
        self.assertTrue(idle.wire.disconnecting)
        self.assertFalse(self.user.wire.ended)
        stream.answer(b"done")
        self.pump()
        message = self.user.one()
        self.assertEqual(
            (message.body, message.get(b"connection")), (b"done", b"close")
        )
        self.assertTrue(self.user.wire.disconnecting)

    def test_devices_are_sent_away(self) -> None:
        upgrade = (b"Connection: Upgrade", b"Upgrade: cfos-tunnel/1")
        self.gateway.close_when_idle()
        message = self.browser().fetch(b"/cloud/tunnel", *upgrade)
        self.assertEqual(message.status, 503)

    def test_a_stream_does_not_wait_for_a_request_that_can_t_come(self) -> None:
        # A browser need not take its time to answer our end of TLS.
        self.serve()
        self.assertTrue(self.tunnel.session.busy)
        self.gateway.close_when_idle()
        self.pump()
        self.assertEqual(self.stream.lost, [ConnectionDone])
        self.assertFalse(self.tunnel.session.busy)

    def test_nor_after_the_last_response(self) -> None:
        self.serve()
        stream = self.ask()
        self.gateway.close_when_idle()
        stream.answer(b"done")
        self.pump()
        self.assertEqual(self.user.one().body, b"done")
        self.assertFalse(self.tunnel.session.busy)

    def test_nor_where_the_browser_closes(self) -> None:
        self.ask(b"/page", b"Connection: close").answer(b"done")
        self.pump()
        self.assertEqual(self.user.one().body, b"done")
        self.assertFalse(self.tunnel.session.busy)

    def test_nor_while_a_page_of_ours_is_the_last(self) -> None:
        self.serve()
        self.user.send(
            self.user.head(b"/cloud/slow", b"Content-Length: 2", method=b"POST")
        )
        self.gateway.close_when_idle()
        self.pump()
        self.assertFalse(self.tunnel.session.busy)
        self.assertFalse(self.user.wire.ended)

    def test_nor_behind_what_is_no_request(self) -> None:
        self.serve()
        self.user.send(b"nonsense\r\n\r\n")
        self.pump()
        self.assertFalse(self.tunnel.session.busy)

    def test_connections_that_are_over_are_forgotten(self) -> None:
        self.assertEqual(list(self.gateway.channels), [self.user.channel])
        self.user.leave()
        self.assertEqual(list(self.gateway.channels), [])
