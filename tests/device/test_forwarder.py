"""Streams of the server's, through the device end, to the target and back."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.logger import capturedLogs

from cfos_cloud.device.first_line import PREAMBLE_SECONDS
from cfos_cloud.device.forwarder import STREAM_IDLE_SECONDS
from cfos_cloud.device.grants import Grant
from cfos_cloud.device.preamble import MAX_PREAMBLE_BYTES
from tests.device.forwarder_support import GET, ForwarderCase, post


class PreambleTests(ForwarderCase):
    def test_the_first_line_may_come_in_pieces(self) -> None:
        stream = self.open(preamble=b"")
        data = self.preamble() + GET
        for at in range(0, len(data), 7):
            self.send(stream, data[at : at + 7])
        self.assertEqual(len(self.accept().requests()), 1)

    def test_a_line_that_is_none_resets_the_stream(self) -> None:
        for line in (
            b"GET / HTTP/1.1\n",
            b"\n",
            self.preamble(kind="tls"),
            self.preamble(scheme="ftp"),
        ):
            with capturedLogs() as events:
                stream = self.open(GET, line)
            self.assert_reset(stream)
            self.assertEqual(len(events), 1)
        self.assertEqual((self.target.attempts, self.unknown), ([], []))

    def test_the_line_has_its_length(self) -> None:
        room = MAX_PREAMBLE_BYTES - len(self.preamble(x=""))
        good = self.open(GET, self.preamble(x="y" * room))
        self.assertEqual(good.lost, [])
        self.assert_reset(self.open(GET, self.preamble(x="y" * (room + 1))))
        self.assert_reset(self.open(preamble=b"x" * MAX_PREAMBLE_BYTES))

    def test_the_line_has_its_time(self) -> None:
        silent = self.open(preamble=b"{")
        good = self.open()
        self.pass_time(PREAMBLE_SECONDS)
        self.assert_reset(silent)
        self.assertEqual(good.lost, [])

    def test_a_stream_that_ends_before_it_leaves_nothing(self) -> None:
        stream = self.open(preamble=b"{")
        stream.stream.loseConnection()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])
        self.assertEqual(self.timers(), [])


class GrantTests(ForwarderCase):
    def test_an_unknown_grant_is_reset_and_told(self) -> None:
        stranger = Grant("no-such-grant-of-ours", "admin", "admin", 1e9)
        stream = self.open(GET, self.preamble(stranger))
        self.assert_reset(stream)
        self.assertEqual(self.unknown, ["no-such-grant-of-ours"])
        self.assertEqual(self.target.attempts, [])

    def test_so_is_one_whose_time_is_over(self) -> None:
        self.pass_time(10_000)
        self.assert_reset(self.open(GET))
        self.assertEqual(self.unknown, [self.grant.token])

    def test_a_grant_that_ends_takes_its_streams_with_it(self) -> None:
        other = self.grants.issue("user", "guest", 10_000)
        idle, busy, running = self.open(), self.open(GET), self.open(GET)
        stays = self.open(preamble=self.preamble(other))
        self.accept()
        self.accept().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        self.pump()
        self.grants.revoke_where(lambda grant: grant is self.grant)
        self.pump()
        for stream in (idle, busy, running):
            self.assert_reset(stream)
        self.assertTrue(all(c.wire.aborted for c in self.target.connections))
        self.assertEqual(stays.lost, [])

    def test_a_log_out_does_so_too(self) -> None:
        stream = self.open(GET)
        self.grants.forget(self.grant.token)
        self.pump()
        self.assert_reset(stream)

    def test_a_grant_knows_the_streams_that_are_open_and_no_others(self) -> None:
        stream = self.open()
        self.assertEqual(len(self.grant.streams), 1)
        stream.stream.loseConnection()
        self.pump()
        self.assertEqual(self.grant.streams, set())


class RequestTests(ForwarderCase):
    def test_a_request_reaches_the_target_in_its_own_words(self) -> None:
        self.open(
            b"GET /a?b HTTP/1.1\r\nHost: cloud.example.org\r\n"
            b"Referer: https://cloud.example.org/c\r\nCfos-Role: evil\r\n\r\n"
        )
        [request] = self.accept().requests()
        self.assertEqual(request.start, b"GET /a?b HTTP/1.1")
        self.assertEqual(request.get(b"host"), b"192.168.1.20")
        self.assertEqual(request.get(b"referer"), b"http://192.168.1.20/c")
        self.assertEqual(request.get(b"cfos-role"), b"admin")
        self.assertEqual(request.get(b"cfos-user"), b"admin")
        self.assertEqual(
            request.get(b"cfos-cloud"),
            b"https://cloud.example.org/ui/en/cloud-login.htm",
        )

    def test_who_asks_is_whose_grant_it_is(self) -> None:
        grant = self.grants.issue("user", "guest", 100)
        self.open(GET, self.preamble(grant))
        [request] = self.accept().requests()
        self.assertEqual(request.get(b"cfos-role"), b"user")
        self.assertEqual(request.get(b"cfos-user"), b"guest")

    def test_its_response_comes_back_in_the_browser_s_words(self) -> None:
        stream = self.open(GET)
        self.accept().answer(b"moved", 302, b"Location: http://192.168.1.20/b\r\n")
        self.pump()
        message = stream.one()
        self.assertEqual((message.status, message.body), (302, b"moved"))
        self.assertEqual(message.get(b"location"), b"https://cloud.example.org/b")

    def test_the_target_can_t_say_what_only_we_may(self) -> None:
        stream = self.open(GET)
        self.accept().answer(b"", 502, b"Cfos-Error: busy\r\n")
        self.pump()
        self.assertIsNone(stream.one().get(b"cfos-error"))

    def test_one_stream_and_one_connection_serve_one_after_another(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        self.answer(connection, b"0")
        for number in range(1, 4):
            self.send(stream, GET)
            self.answer(connection, b"%d" % number)
        bodies = [message.body for message in stream.responses()]
        self.assertEqual(bodies, [b"0", b"1", b"2", b"3"])
        self.assertEqual(self.target.attempts, [])

    def test_streams_share_the_connections(self) -> None:
        for _ in range(3):
            stream = self.open(GET)
            if self.target.attempts:
                self.accept()
            self.answer(self.target.last)
            self.assertEqual(stream.one().body, b"ok")
        self.assertEqual(len(self.target.connections), 1)

    def test_a_connection_that_the_target_ends_is_not_used_again(self) -> None:
        stream = self.open(GET)
        self.accept().answer(b"ok", 200, b"Connection: close\r\n")
        self.pump()
        self.assertEqual(stream.one().body, b"ok")
        self.assertTrue(self.target.last.wire.disconnecting)
        self.send(stream, GET)
        self.answer(self.accept(), b"again")
        self.assertEqual(stream.one().body, b"again")

    def test_a_body_waits_until_there_is_a_connection(self) -> None:
        stream = self.open(post(5) + b"hello")
        [request] = self.accept().requests()
        self.assertEqual(request.body, b"hello")
        self.answer(self.target.last)
        self.assertEqual(stream.one().body, b"ok")

    def test_what_waits_is_bounded_by_the_stream_s_window(self) -> None:
        self.open(post(9_000_000) + b"x" * 2_000_000)
        self.assertLess(self.device.bytes_in, 600_000)
        connection = self.accept()
        self.assertEqual(len(connection.requests()[0].body), 2_000_000)

    def test_a_full_target_holds_the_server_back(self) -> None:
        stream = self.open(post(9_000_000))
        connection = self.accept()
        connection.upstream.pauseProducing()
        self.send(stream, b"x" * 2_000_000)
        self.assertLess(self.device.bytes_in, 600_000)
        connection.upstream.resumeProducing()
        self.pump()
        self.assertEqual(len(connection.requests()[0].body), 2_000_000)

    def test_a_full_stream_holds_the_target_back(self) -> None:
        stream = self.open(GET)
        stream.stream.pauseProducing()
        connection = self.accept()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        sent = 0
        while connection.wire.reading:
            self.assertLess(sent, 2_000_000)
            connection.send(b"x" * 10_000)
            sent += 10_000
            self.pump()
        stream.stream.resumeProducing()
        self.pump()
        self.assertTrue(connection.wire.reading)

    def test_a_response_that_ends_with_its_connection_is_whole(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        connection.end()
        self.pump()
        self.assertEqual(stream.one().body, b"hello")
        self.assertEqual(stream.lost, [])

    def test_a_response_that_breaks_off_resets_the_stream(self) -> None:
        for head in (b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"):
            stream = self.open(GET)
            connection = self.accept()
            connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
            connection.end()
            self.pump()
            self.assert_reset(stream)

    def test_a_stream_that_is_reset_stops_the_request_at_once(self) -> None:
        stream = self.open(GET)
        connection = self.accept()
        stream.reset()
        self.pump()
        self.assertTrue(connection.wire.aborted)
        self.assertEqual(self.grant.streams, set())
        self.assertEqual(self.timers(), [])

    def test_what_the_server_sends_broken_resets_the_stream(self) -> None:
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            self.assert_reset(self.open(data))
        self.assertEqual(self.target.attempts, [])

    def test_an_idle_stream_is_not_kept_for_ever(self) -> None:
        stream = self.open(GET)
        self.answer(self.accept())
        self.pass_time(STREAM_IDLE_SECONDS - 1)
        self.assertEqual(stream.lost, [])
        self.pass_time(2)
        self.assert_reset(stream)

    def test_the_server_may_end_an_idle_stream(self) -> None:
        stream = self.open(GET)
        self.answer(self.accept())
        stream.stream.loseConnection()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionDone])
        self.assertFalse(self.target.last.wire.ended)
