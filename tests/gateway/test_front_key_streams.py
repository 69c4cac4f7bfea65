"""Streams to a device by access keys: whose they are, and what ends them."""

from __future__ import annotations

import json

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import capturedLogs

from cfos_cloud.keys.consent import grant_of
from cfos_cloud.keys.key import Role
from tests.gateway.key_support import (
    BODY,
    READ,
    REFUSED,
    SWITCHING,
    UPGRADE,
    Enabled,
    KeyCase,
)
from tests.gateway.support import HTML, JSON
from tests.memory import Message


class StreamTests(KeyCase):
    """One connection, several who ask."""

    def test_one_stream_serves_one_request_of_a_key_after_another(self) -> None:
        issued = self.issue(Role.API)
        for number in range(4):
            self.app.ask(READ, *self.bearing(issued))
            self.pump()
            self.assertEqual(self.answered(b"%d" % number).body, b"%d" % number)
            self.accesses.sweep()
        self.assertEqual(len(self.streams), 1)
        for request in self.stream.requests:
            self.assertIsNone(request.get(b"authorization"))

    def test_who_asks_next_on_a_connection_never_gets_another_s_stream(self) -> None:
        first, second = self.issue(), self.issue()
        session_grant = self.session.grant
        cookie = b"Cookie: __Host-cfos=" + self.session.token
        asked = [
            (self.bearing(first), grant_of(first.token.encode())),
            (self.bearing(second), grant_of(second.token.encode())),
            ((cookie,), session_grant),
            (self.bearing(second), grant_of(second.token.encode())),
            ((cookie, *self.bearing(first)), session_grant),
            (self.bearing(first), grant_of(first.token.encode())),
        ]
        for number, (lines, grant) in enumerate(asked):
            self.app.ask(READ, *lines)
            self.pump()
            self.assertEqual(len(self.streams), number + 1)
            self.assertEqual(self.stream.preamble["grant"], grant)
            self.assertEqual(self.answered().body, b"ok")
        for stream in self.streams[:-1]:
            self.assertEqual(len(stream.requests), 1)
            self.assertEqual(stream.lost, [ConnectionDone])

    def test_who_has_no_key_gets_none_at_all(self) -> None:
        self.app.ask(READ, *self.bearing(self.issue()))
        self.pump()
        self.answered()
        self.assertEqual(self.app.fetch(READ).status, 401)
        self.assertEqual(self.app.fetch(READ, *self.bearing("x")).status, 401)
        self.assertEqual(len(self.stream.requests), 1)

    def test_pipelined_requests_are_asked_for_one_by_one(self) -> None:
        issued, other = self.issue(), self.issue(Role.API)
        heads = [
            self.app.head(b"/1", *self.bearing(issued)),
            self.app.head(b"/2", *self.bearing(other)),
            self.app.head(b"/3", *self.bearing(issued)),
        ]
        self.app.send(b"".join(heads))
        self.pump()
        self.stream.answer(b"one")
        self.pump()
        self.stream.answer(b"three")
        self.pump()
        statuses = [(each.status, each.body) for each in self.app.got()]
        self.assertEqual(statuses, [(200, b"one"), (401, b""), (200, b"three")])

    def test_a_key_has_what_it_carries_and_no_more(self) -> None:
        issued = self.issue()
        self.app.ask(READ, *self.bearing(issued))
        self.assertEqual(len(self.accesses), 1)
        self.pump()
        self.answered()
        self.assertEqual(len(self.accesses), 0)

    def test_connections_of_a_key_share_no_stream(self) -> None:
        issued = self.issue()
        for _ in range(2):
            self.browser().ask(READ, *self.bearing(issued))
        self.pump()
        self.assertEqual(len(self.streams), 2)

    def test_a_reused_stream_that_is_reset_is_tried_again_without_the_key(self) -> None:
        issued = self.issue()
        self.app.ask(READ, *self.bearing(issued))
        self.pump()
        self.answered()
        self.app.ask(READ, *self.bearing(issued))
        self.pump()
        self.stream.reset()
        self.pump()
        self.assertEqual(len(self.streams), 2)
        self.assertNotIn(issued.token.encode(), self.stream.data)
        self.assertEqual(self.answered(b"at last").body, b"at last")


class DeviceErrorTests(KeyCase):
    def problem(self, kind: str, retry_after: bytes | None) -> Message:
        message = self.app.one()
        self.assertEqual(message.get(b"content-type"), b"application/problem+json")
        problem = json.loads(message.body)
        self.assertEqual(problem["type"], f"urn:problem:cfos-cloud:{kind}")
        self.assertEqual(problem["status"], message.status)
        self.assertEqual(message.get(b"retry-after"), retry_after)
        self.assertEqual(message.get(b"cache-control"), b"no-store")
        return message

    def test_what_the_device_end_can_t_do_is_json_whatever_is_accepted(self) -> None:
        issued = self.issue()
        for word, status, kind, retry_after in (
            (b"refused", 502, "refused", None),
            (b"timeout", 504, "timeout", None),
            (b"busy", 503, "busy", b"5"),
            (b"forbidden", 403, "not-allowed", None),
            (b"other", 502, "bad-gateway", None),
        ):
            for lines in ((), (HTML,), (JSON,), (b"Accept: */*",)):
                self.app.ask(b"/page", *self.bearing(issued, *lines))
                self.pump()
                self.stream.answer(b"x", status, b"Cfos-Error: %b\r\n" % word)
                self.pump()
                self.assertEqual(self.problem(kind, retry_after).status, status)

    def test_so_is_an_offline_device(self) -> None:
        self.tunnel.cut()
        for lines in ((), (HTML,), (JSON,)):
            self.app.ask(b"/page", *self.bearing(self.issue(), *lines))
            message = self.problem("offline", b"30")
            self.assertEqual(message.status, 503)
            self.assertEqual(json.loads(message.body)["since"], "2026-11-04T14:05:00Z")
        self.assertEqual(len(self.accesses), 0)

    def test_a_key_that_does_not_work_does_not_tell_who_is_online(self) -> None:
        issued = self.issue(authorised=False)
        self.tunnel.cut()
        head = self.app.head(READ, *self.bearing(issued))
        self.assertEqual(self.used_by(self.app, head), REFUSED)

    def test_a_device_that_breaks_off_is_a_502(self) -> None:
        self.app.ask(READ, *self.bearing(self.issue(), HTML))
        self.pump()
        self.stream.reset()
        self.pump()
        self.revocation_over()
        self.assertEqual(self.problem("bad-gateway", None).status, 502)

    def test_the_device_s_own_errors_pass(self) -> None:
        for status in (401, 404, 503):
            self.app.ask(READ, *self.bearing(self.issue()))
            self.pump()
            self.stream.answer(b"theirs", status)
            self.pump()
            message = self.app.one()
            self.assertEqual((message.status, message.body), (status, b"theirs"))

    def test_answer_and_log_have_the_same_id(self) -> None:
        issued = self.issue()
        self.tunnel.cut()
        with capturedLogs() as events:
            self.app.ask(b"/page?secret", *self.bearing(issued))
        [event] = events
        self.assertEqual(json.loads(self.app.one().body)["id"], event["id"])
        self.assertEqual(event["system"], "W00-A")
        for secret in ("secret", issued.token):
            self.assertNotIn(secret, str(event))


class EndTests(KeyCase):
    """A key ends while something is under way."""

    def setUp(self) -> None:
        super().setUp()
        self.issued = self.issue(seconds=60)
        self.app.ask(READ, *self.bearing(self.issued))
        self.pump()

    def tell_revoked(self, grant: str) -> None:
        self.tunnel.device.control.notify("revoke", {"grant": grant})

    def expire(self) -> None:
        self.clock.advance(60)
        self.accesses.sweep()

    def disable(self) -> None:
        self.systems["W00-A"] = Enabled(False)
        self.accesses.end_system("W00-A")

    def forget(self) -> None:
        self.tell_revoked(grant_of(self.issued.token.encode()))
        self.pump()

    def test_a_running_response_is_cut_whyever_the_key_ends(self) -> None:
        for end in (
            lambda: self.revoke(self.issued),
            lambda: self.suspend(self.issued),
            lambda: self.rows.remove(self.issued.key),
            lambda: self.expire(),
            lambda: self.disable(),
            lambda: self.forget(),
        ):
            for fields in (b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"):
                self.setUp()
                stream = self.stream
                stream.stream.write(b"HTTP/1.1 200 OK\r\n%b\r\n" % fields)
                self.pump()
                self.assertNotEqual(self.app.wire.take(), b"")
                end()
                self.assertTrue(self.app.wire.aborted)
                self.pump()
                self.assertEqual(stream.lost, [ConnectionLost])
                answer = self.used_by(
                    self.browser(), self.app.head(READ, *self.bearing(self.issued))
                )
                self.assertEqual(answer, REFUSED)

    def test_so_is_a_websocket(self) -> None:
        app = self.browser()
        app.ask(b"/ws", *self.bearing(self.issued, *UPGRADE))
        self.pump()
        stream = self.stream
        stream.stream.write(SWITCHING)
        self.pump()
        self.revoke(self.issued)
        self.assertTrue(app.wire.aborted)
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])

    def test_so_is_an_upload(self) -> None:
        app = self.browser()
        app.ask(b"/up", *self.bearing(self.issued, *BODY), method=b"POST")
        self.pump()
        self.revoke(self.issued)
        self.pump()
        self.assertEqual(self.stream.lost, [ConnectionLost])
        self.revocation_over()
        self.assertEqual(app.one().status, 401)
        self.assertEqual(len(self.accesses), 0)

    def test_what_was_not_answered_then_is_a_401_and_never_a_page(self) -> None:
        page = self.browser()
        page.ask(b"/", *self.bearing(self.issued, HTML))
        self.pump()
        self.revoke(self.issued)
        self.revocation_over()
        for browser in (self.app, page):
            self.assertEqual(browser.wire.take(), REFUSED)

    def test_all_connections_of_the_key_end_and_no_others(self) -> None:
        others = self.issue()
        running, other = self.browser(), self.browser()
        running.ask(b"/long", *self.bearing(self.issued))
        other.ask(b"/long", *self.bearing(others))
        self.user.ask(b"/long")
        self.pump()
        for stream in self.streams:
            stream.stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        self.pump()
        self.revoke(self.issued)
        aborted = [each.wire.aborted for each in (self.app, running, other, self.user)]
        self.assertEqual(aborted, [True, True, False, False])

    def test_a_grant_that_the_device_does_not_know_is_a_401(self) -> None:
        for reset_first in (True, False):
            self.setUp()
            if reset_first:
                # Nothing of it is under way any more when the device says why.
                self.stream.reset()
                self.pump()
                self.forget()
            else:
                self.forget()
                self.stream.reset()
            self.pump()
            self.assertEqual(self.app.wire.take(), b"")
            self.revocation_over()
            self.assertEqual(self.app.wire.take(), REFUSED)
            [key] = self.rows.rows.values()
            self.assertIsNone(key.authorised)

    def test_on_a_stream_that_has_served_before_too(self) -> None:
        self.answered()
        self.app.ask(READ, *self.bearing(self.issued))
        self.pump()
        self.stream.reset()
        self.pump()
        self.stream.reset()
        self.forget()
        self.revocation_over()
        self.assertEqual(self.app.wire.take(), REFUSED)

    def test_a_key_that_was_authorised_anew_works_on_the_same_connection(self) -> None:
        self.answered()
        self.forget()
        head = self.app.head(READ, *self.bearing(self.issued))
        self.assertEqual(self.used_by(self.app, head), REFUSED)
        self.rows.put(self.issued.key)
        self.app.ask(READ, *self.bearing(self.issued))
        self.pump()
        self.assertEqual(self.answered(b"again").body, b"again")

    def test_an_application_that_leaves_takes_its_stream_with_it(self) -> None:
        self.app.leave()
        self.pump()
        self.assertEqual(self.stream.lost, [ConnectionLost])
        self.assertEqual(len(self.accesses), 0)
