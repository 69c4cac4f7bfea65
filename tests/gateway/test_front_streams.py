"""From a browser through streams of a tunnel to a device, and what may go wrong."""

from __future__ import annotations

import json

from twisted.internet.error import ConnectionDone, ConnectionLost

from cfos_cloud.gateway.front import REVOCATION_SECONDS
from cfos_cloud.gateway.sessions import Ending
from cfos_cloud.tunnel import multiplex
from tests.gateway.support import HTML, JSON, DeviceCase

UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


class ReuseTests(DeviceCase):
    def test_one_stream_serves_one_request_after_another(self) -> None:
        for number in range(4):
            body = b"%d" % number
            self.assertEqual(self.serve(body, b"/" + body).body, body)
        self.assertEqual(len(self.streams), 1)
        starts = [request.start for request in self.stream.requests]
        self.assertEqual(starts, [b"GET /%d HTTP/1.1" % n for n in range(4)])

    def test_another_host_has_a_stream_of_its_own(self) -> None:
        self.serve()
        self.serve(b"ok", b"/", host=b"other.example.org")
        self.assertEqual(len(self.streams), 2)
        self.assertEqual(self.streams[0].lost, [ConnectionDone])
        self.assertEqual(self.streams[1].preamble["host"], "other.example.org")

    def test_another_grant_has_a_stream_of_its_own(self) -> None:
        self.serve()
        self.user.session = self.log_in(grant="another-grant-of-this-device")
        self.serve()
        self.assertEqual(len(self.streams), 2)
        self.assertEqual(self.streams[0].lost, [ConnectionDone])
        self.assertEqual(
            self.streams[1].preamble["grant"], "another-grant-of-this-device"
        )

    def test_another_client_behind_a_proxy_has_a_stream_of_its_own(self) -> None:
        self.user = self.browser(self.session, address="10.0.0.1")
        for client in (b"198.51.100.1", b"198.51.100.2"):
            self.serve(b"ok", b"/", b"X-Forwarded-For: " + client)
            self.assertEqual(self.stream.preamble["client"], client.decode())
        self.assertEqual(len(self.streams), 2)

    def test_two_connections_share_no_stream(self) -> None:
        self.serve()
        self.user = self.browser(self.session)
        self.serve()
        self.assertEqual(len(self.streams), 2)
        self.assertEqual(self.streams[0].lost, [])

    def test_where_there_are_many_none_waits_for_another_request(self) -> None:
        # Else who may use the device could take all of its streams by doing nothing.
        self.patch(multiplex, "MANY_OWN_STREAMS", 1)
        self.serve()
        self.user = self.browser(self.session)
        self.serve()
        self.assertEqual(self.streams[0].lost, [])
        self.assertEqual(self.streams[1].lost, [ConnectionDone])
        self.assertEqual(self.serve(b"next").body, b"next")
        self.assertEqual(self.streams[2].lost, [ConnectionDone])

    def test_a_stream_that_the_device_has_ended_is_not_used(self) -> None:
        self.serve()
        self.stream.stream.loseConnection()
        self.pump()
        self.serve()
        self.assertEqual(len(self.streams), 2)

    def test_a_response_that_ends_with_its_stream_is_the_last_on_it(self) -> None:
        stream = self.ask()
        stream.stream.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        stream.stream.loseConnection()
        self.pump()
        self.assertEqual(self.user.one().body, b"hello")
        self.assertEqual(self.serve(b"next").body, b"next")
        self.assertEqual(len(self.streams), 2)

    def test_a_browser_that_leaves_takes_its_stream_with_it(self) -> None:
        self.serve()
        self.user.leave()
        self.pump()
        self.assertEqual(self.stream.lost, [ConnectionDone])
        self.assertFalse(self.tunnel.session.busy)

    def test_the_same_request_is_nobodys_once_the_session_has_ended(self) -> None:
        self.serve(b"ok", b"/", HTML)
        self.sessions.end(self.session, Ending.LOGGED_OUT)
        answer = self.user.fetch(b"/", HTML)
        self.assertEqual((answer.status, len(self.stream.requests)), (303, 1))

    def test_each_request_brings_its_own_cookies(self) -> None:
        for cookie in (b"a=1", b"a=1", b"a=2"):
            self.serve(b"ok", b"/", b"Cookie: " + cookie)
            self.assertEqual(self.stream.requests[-1].all(b"cookie"), [cookie])

    def test_pipelined_requests_go_one_after_another(self) -> None:
        self.user.send(self.user.head(b"/1") + self.user.head(b"/2"))
        self.pump()
        self.assertEqual(len(self.stream.requests), 1)
        self.stream.answer(b"one")
        self.pump()
        self.assertEqual(len(self.stream.requests), 2)
        self.stream.answer(b"two")
        self.pump()
        self.assertEqual([each.body for each in self.user.got()], [b"one", b"two"])
        self.assertEqual(len(self.streams), 1)

    def test_a_session_has_what_it_carries_and_no_more(self) -> None:
        self.ask()
        self.assertEqual(len(self.session.streams), 1)
        self.stream.answer()
        self.pump()
        self.assertEqual(self.session.streams, set())


class BodyTests(DeviceCase):
    def test_an_upload_streams(self) -> None:
        self.ask(b"/up", b"Content-Length: 5", method=b"POST")
        self.user.send(b"he")
        self.pump()
        self.assertTrue(self.stream.http.endswith(b"\r\n\r\nhe"))
        self.user.send(b"llo")
        self.pump()
        self.stream.answer(b"thanks")
        self.pump()
        self.assertEqual(self.user.one().body, b"thanks")

    def test_go_on_reaches_who_waits_for_it(self) -> None:
        self.ask(b"/", b"Expect: 100-continue", b"Content-Length: 2", method=b"PUT")
        self.stream.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.pump()
        self.assertEqual(self.user.wire.take(), b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_events_pass_as_they_come(self) -> None:
        stream = self.ask()
        stream.stream.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        )
        self.pump()
        self.user.wire.take()
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            stream.stream.write(event)
            self.pump()
            self.assertEqual(self.user.wire.take(), b"9\r\n" + event + b"\r\n")

    def test_a_full_browser_holds_the_device_back(self) -> None:
        stream = self.ask()
        self.user.channel.pauseProducing()
        stream.stream.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)
        self.pump()
        self.assertEqual(self.user.wire.take(), b"")
        self.assertLess(self.tunnel.session.bytes_in, 300_000)
        self.user.channel.resumeProducing()
        self.pump()
        self.assertGreater(len(self.user.wire.take()), 1_000_000)

    def test_a_full_device_holds_the_browser_back(self) -> None:
        stream = self.ask(b"/", b"Content-Length: 9000000", method=b"POST")
        stream.stream.pauseProducing()
        sent = 0
        while self.user.wire.reading:
            self.assertLess(sent, 1_000_000)
            self.user.send(b"x" * 10_000)
            sent += 10_000
            self.pump()
        stream.stream.resumeProducing()
        self.pump()
        self.assertTrue(self.user.wire.reading)

    def test_websockets_pass_raw_both_ways(self) -> None:
        stream = self.ask(b"/ws", *UPGRADE)
        self.assertEqual(stream.requests[0].get(b"upgrade"), b"websocket")
        stream.stream.write(SWITCHING + b"\x81\x02hi")
        self.pump()
        self.assertTrue(self.user.wire.take().endswith(b"\r\n\r\n\x81\x02hi"))
        self.user.send(b"\x81\x82abcd")
        self.pump()
        self.assertTrue(stream.data.endswith(b"\r\n\r\n\x81\x82abcd"))
        self.user.leave()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])

    def test_a_device_can_t_switch_to_what_it_was_not_asked_for(self) -> None:
        stream = self.ask(b"/", HTML, b"Connection: Upgrade", b"Upgrade: h2c")
        self.assertIsNone(stream.requests[0].get(b"upgrade"))
        stream.stream.write(SWITCHING.replace(b"websocket", b"h2c"))
        self.pump()
        self.clock.advance(REVOCATION_SECONDS)
        self.assertEqual([each.status for each in self.user.got()], [502])


class DeviceErrorTests(DeviceCase):
    def test_the_device_end_s_errors_are_pages_of_ours(self) -> None:
        for word, status, kind, shown in (
            (b"refused", 502, "refused", 502),
            (b"timeout", 504, "timeout", 504),
            (b"busy", 503, "busy", 503),
            (b"BUSY", 503, "busy", 503),
            (b"forbidden", 403, "not-allowed", 403),
            (b"unknown", 404, "no-such-device", 404),
            (b"other", 502, "bad-gateway", 502),
        ):
            self.setUp()
            stream = self.ask(b"/", JSON)
            stream.answer(b"secret", status, b"Cfos-Error: %b\r\n" % word)
            self.pump()
            message = self.user.one()
            self.assertEqual(message.status, shown)
            problem = json.loads(message.body)
            self.assertEqual(problem["type"], f"urn:problem:cfos-cloud:{kind}")
            self.assertIsNone(message.get(b"cfos-error"))
            self.assertEqual(self.session.streams, set())

    def test_people_see_a_page_with_the_name_of_their_system(self) -> None:
        self.ask(b"/", HTML).answer(b"", 502, b"Cfos-Error: refused\r\n")
        self.pump()
        self.assertIn(b"Carport &lt;b&gt;", self.user.one().body)

    def test_the_device_s_own_errors_pass(self) -> None:
        for status in (403, 404, 500, 502, 503, 504):
            self.ask().answer(b"theirs", status)
            self.pump()
            message = self.user.one()
            self.assertEqual((message.status, message.body), (status, b"theirs"))

    def test_the_word_alone_is_no_error(self) -> None:
        self.ask().answer(b"theirs", 200, b"Cfos-Error: busy\r\n")
        self.pump()
        message = self.user.one()
        self.assertEqual((message.status, message.body), (200, b"theirs"))
        self.assertIsNone(message.get(b"cfos-error"))

    def test_after_an_error_the_connection_goes_on(self) -> None:
        self.ask().answer(b"", 502, b"Cfos-Error: refused\r\n")
        self.pump()
        self.user.one()
        self.assertEqual(self.serve(b"again").body, b"again")

    def test_what_is_no_response_is_a_502(self) -> None:
        self.ask(b"/", JSON).stream.write(b"SSH-2.0-OpenSSH\r\n")
        self.pump()
        self.assertEqual(self.stream.lost, [ConnectionLost])
        self.revocation_over()
        problem = json.loads(self.user.one().body)
        self.assertEqual(problem["type"], "urn:problem:cfos-cloud:bad-gateway")

    def test_a_response_that_breaks_off_is_cut(self) -> None:
        self.ask().stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell")
        self.pump()
        self.stream.reset()
        self.pump()
        self.assertTrue(self.user.wire.aborted)


class RetryTests(DeviceCase):
    def test_a_reused_stream_that_is_reset_is_tried_again_once(self) -> None:
        self.serve()
        self.ask(b"/again").reset()
        self.pump()
        self.assertEqual(len(self.streams), 2)
        self.assertEqual(self.stream.requests[0].start, b"GET /again HTTP/1.1")
        self.assertEqual(self.stream.preamble, self.streams[0].preamble)
        self.stream.answer(b"at last")
        self.pump()
        self.assertEqual(self.user.one().body, b"at last")

    def test_not_twice(self) -> None:
        self.serve()
        self.ask(b"/", JSON).reset()
        self.pump()
        self.stream.reset()
        self.pump()
        self.assertEqual(len(self.streams), 2)
        self.revocation_over()
        self.assertEqual(self.user.one().status, 502)

    def test_not_a_request_that_changes_something(self) -> None:
        self.serve()
        self.ask(b"/", JSON, method=b"POST").reset()
        self.pump()
        self.assertEqual(len(self.streams), 1)
        self.revocation_over()
        self.assertEqual(self.user.one().status, 502)

    def test_a_newcomer_gets_what_the_replaced_one_left_unanswered(self) -> None:
        self.serve()
        self.ask(b"/again")
        self.newcomer()
        self.pump()
        self.assertEqual(self.stream.requests[0].start, b"GET /again HTTP/1.1")
        self.stream.answer(b"from the new one")
        self.pump()
        self.assertEqual(self.user.one().body, b"from the new one")

    def test_a_lost_tunnel_is_offline_not_a_cut_answer(self) -> None:
        self.serve()
        self.ask(b"/", JSON)
        self.tunnel.cut()
        self.revocation_over()
        message = self.user.one()
        self.assertEqual(message.status, 503)
        self.assertIn(b"offline", message.body)

    def test_a_device_that_takes_no_more_streams_is_offline(self) -> None:
        self.tunnel.at_device.core.go_away(0)
        self.tunnel.at_device.wake()
        self.pump()
        self.assertEqual(self.user.fetch(b"/", JSON).status, 503)
        self.assertEqual(self.session.streams, set())

    def test_a_stream_of_the_old_tunnel_is_not_used_for_the_new(self) -> None:
        self.serve()
        self.newcomer()
        self.assertEqual(self.serve(b"new").body, b"new")
        self.assertEqual(len(self.streams), 1)


class RevocationTests(DeviceCase):
    def revoke(self, grant: str | None = None) -> None:
        params: dict[str, object] = {"grant": grant or self.session.grant}
        self.tunnel.device.control.notify("revoke", params)

    def test_an_unknown_grant_leads_to_the_log_in_not_to_an_error(self) -> None:
        for reset_first in (True, False):
            self.setUp()
            stream = self.ask(b"/page", HTML)
            if reset_first:
                stream.reset()
                self.pump()
                self.revoke()
            else:
                self.revoke()
                self.pump()
                stream.reset()
            self.pump()
            self.assertEqual(self.user.got(), [])
            self.revocation_over()
            message = self.user.one()
            self.assertEqual(message.status, 303, reset_first)
            self.assertEqual(message.get(b"location"), b"/ui/en/cloud-login.htm")
            self.assertTrue(self.session.ended)

    def test_a_reused_stream_leads_there_too(self) -> None:
        self.serve()
        self.ask(b"/page", HTML).reset()
        self.pump()
        self.stream.reset()
        self.revoke()
        self.pump()
        self.revocation_over()
        self.assertEqual(self.user.one().status, 303)

    def test_a_program_gets_a_401(self) -> None:
        self.ask(b"/api/json/charge").reset()
        self.revoke()
        self.pump()
        self.revocation_over()
        message = self.user.one()
        self.assertEqual((message.status, message.body), (401, b""))

    def test_a_reset_alone_is_an_error_of_the_device(self) -> None:
        self.ask(b"/page", JSON).reset()
        self.pump()
        self.revoke("another-grant-of-this-device")
        self.pump()
        self.revocation_over()
        self.assertEqual(self.user.one().status, 502)
        self.assertFalse(self.session.ended)

    def test_a_browser_that_left_meanwhile_is_not_answered(self) -> None:
        self.ask(b"/page").reset()
        self.pump()
        self.user.leave()
        self.revocation_over()
        self.assertEqual(self.user.wire.take(), b"")

    def test_the_end_of_a_session_cuts_a_running_response(self) -> None:
        stream = self.ask()
        stream.stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell")
        self.pump()
        self.sessions.end(self.session)
        self.assertTrue(self.user.wire.aborted)
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])

    def test_the_end_of_a_session_cuts_a_websocket(self) -> None:
        stream = self.ask(b"/ws", *UPGRADE)
        stream.stream.write(SWITCHING)
        self.pump()
        self.revoke()
        self.pump()
        self.assertTrue(self.user.wire.aborted)
        self.assertEqual(stream.lost, [ConnectionLost])

    def test_what_was_not_answered_then_leads_to_the_log_in(self) -> None:
        stream = self.ask(b"/page", HTML)
        self.sessions.end(self.session)
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])
        self.revocation_over()
        self.assertEqual(self.user.one().status, 303)

    def test_other_sessions_of_the_device_go_on(self) -> None:
        other = self.browser(self.log_in(grant="another-grant-of-this-device"))
        other.ask()
        self.pump()
        running = self.stream
        self.sessions.end(self.session)
        running.answer(b"ok")
        self.pump()
        self.assertEqual(other.one().body, b"ok")


class LeavingTests(DeviceCase):
    def test_a_browser_that_leaves_resets_its_stream_at_once(self) -> None:
        for clean in (True, False):
            for received in (b"", b"HTTP/1.1 200 OK\r\n\r\nhalf"):
                self.setUp()
                stream = self.ask()
                stream.stream.write(received)
                self.pump()
                self.user.leave(clean=clean)
                self.pump()
                self.assertEqual(stream.lost, [ConnectionLost])
                self.assertEqual(self.session.streams, set())
                self.assertFalse(self.tunnel.session.busy)

    def test_an_upload_that_breaks_off_resets_its_stream(self) -> None:
        stream = self.ask(b"/", b"Transfer-Encoding: chunked", method=b"POST")
        self.user.send(b"5\r\nhello\r\nnonsense\r\n")
        self.assertTrue(self.user.wire.aborted)
        self.user.leave(clean=False)
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])
        self.assertNotIn(b"0\r\n\r\n", stream.data)
