"""A device's tunnel as the server sees it, from the 101 to its end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import InvalidParams, JSONObject, RpcError
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.hello import Grant
from cfos_cloud.tunnel.session import (
    FAREWELL_SECONDS,
    HELLO_SECONDS,
    LOGIN_SECONDS,
    TunnelSession,
)
from cfos_cloud.tunnel.yamux import LocalError
from tests.tunnel.support import GRANT, DeviceStream, MemoryTunnel

BOOTED = datetime(2026, 11, 4, tzinfo=UTC)
RESULT: JSONObject = {"grant": GRANT, "role": "admin", "user": "admin"}


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange()
        self.ups: list[TunnelSession] = []
        self.lost: list[TunnelSession] = []
        self.exchange.when_up(self.ups.append)
        self.exchange.when_lost(self.lost.append)

    def now(self) -> datetime:
        return BOOTED + timedelta(seconds=self.clock.seconds())

    def tunnel(self, cloud_id: str = "W00-A", *, up: bool = True) -> MemoryTunnel:
        tunnel = MemoryTunnel(self.clock, self.exchange, cloud_id, now=self.now)
        tunnel.pump()
        if up:
            tunnel.greet()
        return tunnel


class GreetingTests(SessionCase):
    def test_hello_in_time_brings_it_up(self) -> None:
        tunnel = self.tunnel(up=False)
        self.assertIsNone(self.exchange.session("W00-A"))
        self.clock.advance(HELLO_SECONDS - 0.1)
        more = {"name": "Depot", "serial": "4711", "profile": "tq", "colour": "blue"}
        tunnel.device.say_hello(**more)
        tunnel.pump()
        session = self.exchange.session("W00-A")
        assert session is not None
        self.assertEqual(
            (session.agent, session.name, session.serial, session.since),
            ("acme/1", "Depot", "4711", self.now()),
        )
        self.assertEqual(session.capabilities, {"http", "login"})
        self.assertEqual(session.profile, "tq")
        self.assertEqual(self.ups, [session])
        self.clock.advance(HELLO_SECONDS)
        tunnel.pump()
        self.assertFalse(tunnel.over)

    def test_the_device_learns_its_session_its_heartbeat_and_the_address(self) -> None:
        tunnel = self.tunnel()
        self.assertEqual(
            tunnel.device.welcome,
            {
                "session": tunnel.session.session_id,
                "heartbeat": 25.0,
                "url": "https://cloud.example.org",
            },
        )

    def test_a_heartbeat_of_whole_seconds_is_an_integer_on_the_wire(self) -> None:
        for heartbeat, wire in ((25.0, "25"), (2.5, "2.5")):
            tunnel = MemoryTunnel(self.clock, self.exchange, heartbeat=heartbeat)
            tunnel.greet()
            assert tunnel.device.welcome is not None
            self.assertEqual(json.dumps(tunnel.device.welcome["heartbeat"]), wire)

    def test_no_two_sessions_have_the_same_name(self) -> None:
        one, other = self.tunnel(), self.tunnel("W00-B")
        self.assertNotEqual(one.session.session_id, other.session.session_id)

    def test_without_hello_it_is_cut(self) -> None:
        tunnel = self.tunnel(up=False)
        self.clock.advance(HELLO_SECONDS - 0.1)
        self.assertFalse(tunnel.server_wire.ended)
        self.clock.advance(0.1)
        self.assertTrue(tunnel.server_wire.aborted)
        tunnel.pump()
        self.assertEqual((self.ups, self.lost), ([], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_never_says_hello_replaces_nobody(self) -> None:
        old = self.tunnel()
        new = self.tunnel(up=False)
        self.clock.advance(HELLO_SECONDS)
        new.pump()
        old.pump()
        self.assertIs(self.exchange.session("W00-A"), old.session)
        self.assertEqual(old.device.goodbyes(), [])

    def test_another_protocol_is_an_error_and_no_tunnel(self) -> None:
        tunnel = self.tunnel(up=False)
        tunnel.device.say_hello(protocol=2)
        tunnel.pump()
        refusal = tunnel.device.refusal
        assert refusal is not None and isinstance(refusal.value, RpcError)
        self.assertEqual(refusal.value.code, -32602)
        self.assertEqual(self.ups, [])
        self.clock.advance(HELLO_SECONDS)
        self.assertTrue(tunnel.server_wire.aborted)

    def test_a_greeting_that_was_refused_may_be_said_again(self) -> None:
        tunnel = self.tunnel(up=False)
        tunnel.device.say_hello(protocol=2)
        tunnel.pump()
        tunnel.greet()
        self.assertEqual(self.ups, [tunnel.session])

    def test_a_second_hello_changes_nothing(self) -> None:
        tunnel = self.tunnel()
        tunnel.device.say_hello(agent="other/2")
        tunnel.pump()
        self.assertEqual(self.ups, [tunnel.session])
        self.assertEqual(tunnel.session.agent, "acme/1")

    def test_nothing_is_opened_before_the_result_of_hello_is_sent(self) -> None:
        def use(session: TunnelSession) -> None:
            open_and_say(session, b"at once")

        self.exchange.when_up(use)
        tunnel = self.tunnel(up=False)
        tunnel.device.say_hello()
        tunnel.pump()
        self.assertEqual(tunnel.device.events, ["welcome", "stream"])

    def test_before_hello_nobody_finds_it(self) -> None:
        self.tunnel(up=False)
        self.assertFalse(self.exchange.presence("W00-A").online)

    def test_a_device_that_goes_before_hello_was_never_there(self) -> None:
        tunnel = self.tunnel(up=False)
        tunnel.cut()
        self.assertEqual((self.ups, self.lost), ([], []))
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_methods_that_we_don_t_know_are_refused_as_such(self) -> None:
        tunnel = self.tunnel()
        answer = tunnel.device.control.request("dance", {}, 5)
        tunnel.pump()
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        self.assertEqual(error.code, -32601)

    def test_a_session_of_before_its_system_was_disabled_does_not_come_up(self) -> None:
        tunnel = self.tunnel(up=False)
        self.exchange.disconnect("W00-A", "disabled")
        tunnel.device.say_hello()
        tunnel.pump()
        self.assertIsNone(self.exchange.session("W00-A"))


class StreamTests(SessionCase):
    def test_a_stream_of_ours_reaches_the_device(self) -> None:
        tunnel = self.tunnel()
        open_and_say(tunnel.session, b"hello")
        tunnel.pump()
        self.assertEqual(tunnel.device.streams[0].data, b"hello")

    def test_all_but_the_first_stream_of_the_device_are_reset(self) -> None:
        tunnel = self.tunnel()
        second = DeviceStream()
        tunnel.at_device.open_stream(second)
        tunnel.pump()
        self.assertEqual(second.lost, [ConnectionLost])
        self.assertIs(self.exchange.session("W00-A"), tunnel.session)

    def test_the_tunnel_ends_with_its_control_stream(self) -> None:
        for end in ("loseConnection", "abortConnection"):
            tunnel = self.tunnel()
            getattr(tunnel.device.control.transport, end)()
            tunnel.pump()
            self.assertTrue(tunnel.server_wire.aborted, end)
            self.assertIsNone(self.exchange.session("W00-A"))

    def test_a_control_stream_with_garbage_ends_the_tunnel(self) -> None:
        tunnel = self.tunnel()
        transport = tunnel.device.control.transport
        assert transport is not None
        transport.write(b"garbage\n")
        tunnel.pump()
        self.assertTrue(tunnel.over)

    def test_it_is_busy_while_a_stream_is_open(self) -> None:
        tunnel = self.tunnel()
        self.assertFalse(tunnel.session.busy)
        stream = open_and_say(tunnel.session, b"x")
        self.assertTrue(tunnel.session.busy)
        stream.transport.abortConnection()  # type: ignore[union-attr]
        self.assertFalse(tunnel.session.busy)

    def test_its_bytes_are_counted_at_both_ends_alike(self) -> None:
        tunnel = self.tunnel()
        open_and_say(tunnel.session, b"x" * 1000)
        tunnel.pump()
        self.assertGreater(tunnel.session.bytes_out, 1000)
        self.assertEqual(tunnel.session.bytes_out, tunnel.at_device.bytes_in)
        self.assertEqual(tunnel.session.bytes_in, tunnel.at_device.bytes_out)
        presence = self.exchange.presence("W00-A")
        self.assertEqual(presence.bytes_out, tunnel.session.bytes_out)

    def test_none_can_be_opened_when_it_is_over(self) -> None:
        tunnel = self.tunnel()
        tunnel.cut()
        self.assertRaises(LocalError, tunnel.session.open_stream, Protocol())


class EndTests(SessionCase):
    def test_a_lost_connection_is_told_once(self) -> None:
        tunnel = self.tunnel()
        stream = open_and_say(tunnel.session, b"x")
        tunnel.pump()
        tunnel.cut()
        self.assertEqual(self.lost, [tunnel.session])
        self.assertIsNone(self.exchange.session("W00-A"))
        self.assertEqual(stream.lost, [ConnectionLost])
        tunnel.session.dismiss("disabled")
        self.assertEqual(self.lost, [tunnel.session])
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_newcomer_replaces_the_old_one(self) -> None:
        old = self.tunnel()
        stream = open_and_say(old.session, b"x")
        old.pump()
        new = self.tunnel()
        self.assertIs(self.exchange.session("W00-A"), new.session)
        self.assertEqual(len(stream.lost), 1)
        self.assertEqual(self.lost, [old.session])
        self.assertRaises(LocalError, old.session.open_stream, Protocol())
        old.pump()
        self.assertEqual(old.device.streams[0].lost, [ConnectionLost])
        self.assertEqual(old.device.goodbyes(), [{"reason": "replaced"}])
        self.assertTrue(old.over)
        self.assertFalse(old.server_wire.aborted)
        self.assertEqual(self.lost, [old.session])

    def test_the_newcomer_may_use_its_streams_at_once(self) -> None:
        self.tunnel()
        new = self.tunnel()
        open_and_say(new.session, b"hello")
        new.pump()
        self.assertEqual(new.device.streams[0].data, b"hello")

    def test_a_dismissed_device_is_told_why_and_when_to_return(self) -> None:
        for reason, retry_after, told in (
            ("disabled", None, {"reason": "disabled"}),
            ("removed", None, {"reason": "removed"}),
            ("shutdown", 7, {"reason": "shutdown", "retry_after": 7}),
            ("shutdown", 0, {"reason": "shutdown", "retry_after": 0}),
        ):
            tunnel = self.tunnel()
            stream = open_and_say(tunnel.session, b"x")
            tunnel.pump()
            self.assertTrue(self.exchange.disconnect("W00-A", reason, retry_after))
            self.assertIsNone(self.exchange.session("W00-A"))
            self.assertEqual(len(stream.lost), 1)
            tunnel.pump()
            self.assertEqual(tunnel.device.goodbyes(), [told])
            self.assertTrue(tunnel.over)

    def test_who_does_not_take_its_goaway_is_cut(self) -> None:
        tunnel = self.tunnel()
        tunnel.at_server.pauseProducing()
        tunnel.session.dismiss("disabled")
        self.clock.advance(FAREWELL_SECONDS - 0.1)
        self.assertFalse(tunnel.server_wire.ended)
        self.clock.advance(0.1)
        self.assertTrue(tunnel.server_wire.aborted)

    def test_whoever_is_dismissed_twice_is_told_once(self) -> None:
        tunnel = self.tunnel()
        tunnel.session.dismiss("disabled")
        tunnel.session.dismiss("removed")
        tunnel.pump()
        self.assertEqual(tunnel.device.goodbyes(), [{"reason": "disabled"}])
        self.assertEqual(self.lost, [tunnel.session])

    def test_hello_on_the_way_out_brings_nothing_back(self) -> None:
        for dismissed in (True, False):
            tunnel = self.tunnel(up=False)
            tunnel.device.say_hello()
            self.clock.advance(0)
            tunnel.at_server.dataReceived(tunnel.device_wire.take())
            if dismissed:
                tunnel.session.dismiss("disabled")
            else:
                tunnel.cut()
            tunnel.pump()
            self.assertTrue(tunnel.over)
            self.clock.advance(HELLO_SECONDS)
            self.assertEqual((self.ups, self.lost), ([], []))

    def test_one_that_never_said_hello_may_be_dismissed(self) -> None:
        tunnel = self.tunnel(up=False)
        tunnel.session.dismiss("shutdown", 5)
        tunnel.pump()
        self.assertEqual(
            tunnel.device.goodbyes(), [{"reason": "shutdown", "retry_after": 5}]
        )
        self.clock.advance(HELLO_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_leaves_no_timer(self) -> None:
        tunnel = self.tunnel()
        tunnel.session.dismiss("disabled")
        tunnel.pump()
        self.assertTrue(tunnel.over)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_server_pings_at_the_heartbeat_that_it_has_told(self) -> None:
        tunnel = MemoryTunnel(self.clock, self.exchange, heartbeat=5.0)
        tunnel.greet()
        assert tunnel.device.welcome is not None
        self.assertEqual(tunnel.device.welcome["heartbeat"], 5.0)
        self.clock.advance(4.9)
        self.clock.advance(0)
        self.assertEqual(tunnel.server_wire.take(), b"")
        self.clock.advance(0.1)
        self.clock.advance(0)
        self.assertEqual(len(tunnel.server_wire.take()), 12)

    def test_a_device_that_answers_no_ping_is_dead(self) -> None:
        tunnel = self.tunnel()
        for _ in range(3):
            self.assertFalse(tunnel.server_wire.ended)
            self.clock.advance(25)
        self.assertTrue(tunnel.server_wire.aborted)
        tunnel.cut()
        self.assertEqual(self.lost, [tunnel.session])


class LoginTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.up = self.tunnel()
        self.device = self.up.device

    def test_the_device_is_asked_and_its_grant_is_the_answer(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.pump()
        self.assertEqual(
            self.device.asked,
            [
                (
                    "login",
                    {
                        "role": "admin",
                        "secret": "s3cret",
                        "client": "203.0.113.7",
                        "ttl": 600,
                    },
                )
            ],
        )
        self.device.answers[0].callback(RESULT)
        self.up.pump()
        self.assertEqual(self.successResultOf(login), Grant(GRANT, "admin", "admin"))

    def test_a_refusal_has_its_code(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.pump()
        self.device.answers[0].errback(RpcError(-32002, "none set"))
        self.up.pump()
        error = self.failureResultOf(login, RpcError).value
        assert isinstance(error, RpcError)
        self.assertEqual(error.code, -32002)

    def test_an_answer_that_is_no_grant_is_a_failure(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.pump()
        self.device.answers[0].callback({"grant": "short", "role": "admin"})
        self.up.pump()
        self.failureResultOf(login, InvalidParams)
        self.assertFalse(self.up.over)

    def test_a_grant_that_comes_too_late_is_handed_back(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.pump()
        self.clock.advance(LOGIN_SECONDS)
        self.failureResultOf(login, TimeoutError)
        self.device.answers[0].callback(RESULT)
        self.up.pump()
        self.assertEqual(self.device.told, [("logout", {"grant": GRANT})])

    def test_a_late_answer_that_is_no_grant_is_nothing(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.pump()
        self.clock.advance(LOGIN_SECONDS)
        self.failureResultOf(login, TimeoutError)
        self.device.answers[0].callback({"grant": 7})
        self.up.pump()
        self.assertEqual(self.device.told, [])
        self.assertFalse(self.up.over)

    def test_a_tunnel_that_ends_meanwhile_fails_it(self) -> None:
        login = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.up.cut()
        self.failureResultOf(login, ConnectionLost)
        after = self.up.session.login("admin", "s3cret", "203.0.113.7", 600)
        self.failureResultOf(after, ConnectionLost)

    def test_nobody_can_be_asked_without_a_control_stream(self) -> None:
        session = TunnelSession(
            "W00-B", "192.0.2.7", self.exchange, self.clock, url="https://x"
        )
        login = session.login("admin", "s3cret", "203.0.113.7", 600)
        self.failureResultOf(login, ConnectionLost)
        session.logout(GRANT)
        self.assertRaises(LocalError, session.open_stream, Protocol())

    def test_a_log_out_is_told(self) -> None:
        self.up.session.logout(GRANT)
        self.up.pump()
        self.assertEqual(self.device.told, [("logout", {"grant": GRANT})])


class KeyTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.up = self.tunnel()
        self.device = self.up.device

    def authorize(self, expires: datetime | None = None) -> Deferred[None]:
        answer = self.up.session.authorize(
            "9" * 43, "evcc 家", "api", expires, "s3cret"
        )
        self.up.pump()
        return answer

    def test_the_device_is_asked_for_its_consent(self) -> None:
        answer = self.authorize()
        self.assertEqual(
            self.device.asked,
            [
                (
                    "authorize",
                    {
                        "key": "9" * 43,
                        "name": "evcc 家",
                        "role": "api",
                        "secret": "s3cret",
                    },
                )
            ],
        )
        self.assertNoResult(answer)
        self.device.answers[0].callback({})
        self.up.pump()
        self.assertIsNone(self.successResultOf(answer))

    def test_the_end_of_a_key_is_said_in_utc(self) -> None:
        self.authorize(
            datetime(2027, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=1)))
        ).addErrback(lambda _: None)
        self.assertEqual(self.device.asked[0][1]["expires"], "2027-01-01T00:30:00Z")

    def test_a_refusal_has_its_code(self) -> None:
        answer = self.authorize()
        self.device.answers[0].errback(RpcError(-32001, "wrong secret"))
        self.up.pump()
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        self.assertEqual(error.code, -32001)

    def test_silence_is_a_failure_and_a_late_consent_nothing(self) -> None:
        answer = self.authorize()
        self.clock.advance(LOGIN_SECONDS)
        self.failureResultOf(answer, TimeoutError)
        self.device.answers[0].callback({})
        self.up.pump()
        self.assertEqual(self.device.told, [])
        self.assertFalse(self.up.over)

    def test_a_tunnel_that_ends_meanwhile_fails_it(self) -> None:
        answer = self.authorize()
        self.up.cut()
        self.failureResultOf(answer, ConnectionLost)
        self.failureResultOf(self.authorize(), ConnectionLost)

    def test_nobody_can_be_asked_without_a_control_stream(self) -> None:
        session = TunnelSession(
            "W00-B", "192.0.2.7", self.exchange, self.clock, url="https://x"
        )
        answer = session.authorize("9" * 43, "x", "api", None, "s3cret")
        self.failureResultOf(answer, ConnectionLost)
        session.forget_keys(["9" * 43])

    def test_what_is_to_be_forgotten_is_told(self) -> None:
        self.up.session.forget_keys([])
        self.up.session.forget_keys(["a" * 43, "b" * 43])
        self.up.pump()
        self.assertEqual(self.device.told, [("forget", {"keys": ["a" * 43, "b" * 43]})])

    def test_any_number_can_be_forgotten_at_once(self) -> None:
        keys = [f"{number:043}" for number in range(5_000)]
        self.up.session.forget_keys(keys)
        self.up.pump()
        told: list[object] = []
        for _, params in self.device.told:
            part = params["keys"]
            assert isinstance(part, list)
            told += part
        self.assertEqual(told, keys)
        self.assertFalse(self.up.over)


class NotificationTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.revoked: list[tuple[str, str]] = []
        self.exchange.when_revoked(lambda *what: self.revoked.append(what))
        self.up = self.tunnel()

    def tell(self, method: str, **params: object) -> None:
        self.up.device.control.notify(method, params)
        self.up.pump()

    def test_a_revoked_grant_is_passed_on(self) -> None:
        self.tell("revoke", grant=GRANT)
        self.assertEqual(self.revoked, [("W00-A", GRANT)])

    def test_a_revocation_of_nothing_is_ignored(self) -> None:
        self.tell("revoke")
        self.tell("revoke", grant=[GRANT])
        self.assertEqual(self.revoked, [])
        self.assertFalse(self.up.over)

    def test_the_last_status_is_kept(self) -> None:
        self.tell("status", target="up")
        self.tell("status", target="down", firmware="1.4")
        self.assertEqual(self.up.session.status, {"target": "down", "firmware": "1.4"})

    def test_what_we_don_t_know_is_ignored(self) -> None:
        self.tell("weather", sun=True)
        self.assertFalse(self.up.over)


def open_and_say(session: TunnelSession, data: bytes) -> DeviceStream:
    """A stream of the server's, with what it says first."""
    ours = DeviceStream()
    session.open_stream(ours).write(data)
    return ours
