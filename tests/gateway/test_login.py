"""Log-in at the device, and what follows from sessions that end."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.login import DEVICE_LIMIT, Authenticator, LoginFailed
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.tunnel.hello import Grant


class FakeTunnel:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, int]] = []
        self.answer: Deferred[Grant] = Deferred()
        self.logged_out: list[str] = []

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        self.asked.append((role, secret, client, ttl))
        return self.answer

    def logout(self, grant: str) -> None:
        self.logged_out.append(grant)


class BrokenTunnel(FakeTunnel):
    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        raise ValueError("a bug")


class FakeExchange:
    def __init__(self, tunnel: FakeTunnel | None) -> None:
        self.tunnel = tunnel

    def session(self, cloud_id: str) -> FakeTunnel | None:
        return self.tunnel


class AuthenticatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tunnel = FakeTunnel()
        self.exchange = FakeExchange(self.tunnel)
        self.sessions = SessionTable(self.clock.seconds, absolute=1_000)
        self.authenticator = Authenticator(self.exchange, self.sessions, self.clock)

    def log_in(self, as_admin: bool = True) -> Deferred[Session]:
        return self.authenticator.log_in("W00-A", "s3cret", as_admin, "192.0.2.1", "de")

    def reason(self, login: Deferred[Session]) -> str:
        error = self.failureResultOf(login, LoginFailed).value
        assert isinstance(error, LoginFailed)
        return error.reason

    def test_a_device_that_agrees_gives_a_session(self) -> None:
        login = self.log_in()
        self.tunnel.answer.callback(Grant("g", "admin", "admin"))
        session = self.successResultOf(login)
        self.assertIs(self.sessions.find(session.token), session)
        self.assertEqual(self.tunnel.asked, [("admin", "s3cret", "192.0.2.1", 1_000)])
        self.assertEqual(
            (session.cloud_id, session.grant, session.role, session.user),
            ("W00-A", "g", "admin", "admin"),
        )
        self.assertEqual((session.client, session.language), ("192.0.2.1", "de"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_user_is_asked_for_as_user(self) -> None:
        self.log_in(as_admin=False)
        self.assertEqual(self.tunnel.asked[0][0], "user")

    def test_an_offline_system_fails(self) -> None:
        self.exchange.tunnel = None
        self.assertEqual(self.reason(self.log_in()), "offline")

    def test_whatever_goes_wrong_is_a_failed_log_in(self) -> None:
        for error, reason in (
            (RpcError(-32001, "no"), "wrong secret"),
            (RpcError(-32002, "no"), "no admin password set"),
            (RpcError(-32003, "no"), "too many tries at the device"),
            (RpcError(-32603, "no"), "trouble at the device end"),
            (RpcError(-32000, "no"), "error -32000 of the device"),
            (ConnectionLost(), "tunnel lost"),
            (TimeoutError(), "no answer in time"),
            (DeferredTimeout(), "no answer in time"),
        ):
            self.tunnel.answer = Deferred()
            login = self.log_in()
            self.tunnel.answer.errback(error)
            self.assertEqual(self.reason(login), reason)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.sessions), 0)

    def test_a_bug_is_a_failed_log_in_too_and_logged(self) -> None:
        self.exchange.tunnel = BrokenTunnel()
        self.assertEqual(self.reason(self.log_in()), "internal error")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_device_has_its_time_and_no_more(self) -> None:
        login = self.log_in()
        self.clock.advance(DEVICE_LIMIT - 0.01)
        self.assertNoResult(login)
        self.clock.advance(0.01)
        self.assertEqual(self.reason(login), "no answer in time")

    def test_a_late_success_is_undone(self) -> None:
        login = self.log_in()
        self.clock.advance(DEVICE_LIMIT)
        self.failureResultOf(login, LoginFailed)
        self.tunnel.answer.callback(Grant("late", "admin", "admin"))
        self.assertEqual(self.tunnel.logged_out, ["late"])
        self.assertEqual(len(self.sessions), 0)

    def test_a_late_failure_is_nothing(self) -> None:
        login = self.log_in()
        self.clock.advance(DEVICE_LIMIT)
        self.failureResultOf(login, LoginFailed)
        self.tunnel.answer.errback(RpcError(-32001, "no"))
        self.assertEqual(self.tunnel.logged_out, [])

    def test_so_is_a_success_that_nobody_waits_for(self) -> None:
        login = self.log_in()
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.tunnel.answer.callback(Grant("late", "admin", "admin"))
        self.assertEqual(self.tunnel.logged_out, ["late"])
        self.assertEqual(len(self.sessions), 0)

    def session(self) -> Session:
        login = self.log_in()
        self.tunnel.answer.callback(Grant("g", "admin", "admin"))
        return self.successResultOf(login)

    def test_the_device_is_told_of_a_session_that_ended(self) -> None:
        self.sessions.end(self.session(), Ending.EXPIRED)
        self.assertEqual(self.tunnel.logged_out, ["g"])

    def test_but_not_of_one_that_it_ended_itself(self) -> None:
        self.session()
        self.sessions.end_grant("W00-A", "g")
        self.assertEqual(self.tunnel.logged_out, [])

    def test_nor_of_one_that_an_access_key_has_opened(self) -> None:
        # The grant is the key's, and lives on.
        for ending in Ending:
            session = self.sessions.create(
                "W00-A", "g", "admin", "A browser", "192.0.2.1", key_id="k"
            )
            self.sessions.end(session, ending)
        self.assertEqual(self.tunnel.logged_out, [])

    def test_nobody_is_told_while_the_system_is_offline(self) -> None:
        session = self.session()
        self.exchange.tunnel = None
        self.sessions.end(session)
        self.assertEqual(self.tunnel.logged_out, [])

    def test_the_secret_is_in_no_error(self) -> None:
        login = self.log_in()
        self.tunnel.answer.errback(RpcError(-32001, "no"))
        failure = self.failureResultOf(login, LoginFailed)
        self.assertNotIn("s3cret", str(failure.value))
