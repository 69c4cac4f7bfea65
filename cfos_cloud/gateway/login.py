"""Log-in: asks the device behind a Cloud ID, and opens a session if it agrees."""

from __future__ import annotations

from typing import Protocol as Interface

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.tunnel.hello import Grant

#: Seconds that a device has for its answer; a later one counts as failure.
DEVICE_LIMIT = 2.5

_REASONS = {
    -32001: "wrong secret",
    -32002: "no admin password set",
    -32003: "too many tries at the device",
    -32603: "trouble at the device end",
}


class LoginFailed(Exception):
    """
    No session. ``reason`` is for the log alone, never for who asked; ``cloud_id`` is
    a registered one or ``None``: what else people type there may be a password.
    """

    def __init__(self, reason: str, cloud_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cloud_id = cloud_id


class LoginTunnel(Interface):
    """What log-in needs of a tunnel."""

    def login(
        self, role: str, secret: str, client: str, ttl: int
    ) -> Deferred[Grant]: ...

    def logout(self, grant: str) -> None: ...


class LoginExchange(Interface):
    """Where log-in finds tunnels."""

    def session(self, cloud_id: str) -> LoginTunnel | None: ...


class Authenticator:
    """
    Opens sessions. Whatever ends one, except the device itself, the device is told,
    if it is online then; if it isn't, the grant ends by its own time. It is told
    nothing where the session was opened by an access key: the grant is the key's.
    """

    log = Logger()

    def __init__(
        self,
        exchange: LoginExchange,
        sessions: SessionTable,
        clock: IReactorTime,
        *,
        device_limit: float = DEVICE_LIMIT,
    ) -> None:
        self._exchange = exchange
        self._sessions = sessions
        self._clock = clock
        self._device_limit = device_limit
        sessions.subscribe(self._session_ended)

    def log_in(
        self,
        cloud_id: str,
        secret: str,
        as_admin: bool,
        client: str,
        language: str | None = None,
    ) -> Deferred[Session]:
        """
        A new session, or :class:`LoginFailed` within ``device_limit`` seconds. A
        device that agrees after that, or after the Deferred was cancelled, is told
        to forget it.

        :param cloud_id: of a registered system, as the registry spells it.
        :param secret: the device's admin password, or the ID of one of its users.
        :param client: the address of who asks, for the device's log and throttle.
        """
        tunnel = self._exchange.session(cloud_id)
        answer: Deferred[Session] = Deferred()
        if tunnel is None:
            answer.errback(LoginFailed("offline", cloud_id))
            return answer
        asked = maybeDeferred(
            tunnel.login,
            "admin" if as_admin else "user",
            secret,
            client,
            int(self._sessions.absolute),
        )
        deadline = self._clock.callLater(
            self._device_limit,
            lambda: answer.errback(LoginFailed("no answer in time", cloud_id)),
        )

        def granted(grant: Grant) -> None:
            if answer.called:
                self._forget(cloud_id, grant.grant)
                return
            answer.callback(
                self._sessions.create(
                    cloud_id,
                    grant.grant,
                    grant.role,
                    grant.user,
                    client,
                    language,
                    devices=grant.devices,
                )
            )

        def refused(failure: Failure) -> None:
            reason = self._reason(failure)
            if not answer.called:
                answer.errback(LoginFailed(reason, cloud_id))

        def settled(result: Session | Failure) -> Session | Failure:
            if deadline.active():
                deadline.cancel()
            return result

        answer.addBoth(settled)
        asked.addCallbacks(granted, refused)
        asked.addErrback(
            lambda failure: self.log.failure("log-in broke", failure=failure)
        )
        return answer

    def revoke(self, session: Session) -> None:
        """``session``, which nobody has seen, is not to be."""
        self._sessions.end(session, Ending.SYSTEM_GONE)

    def _reason(self, failure: Failure) -> str:
        error = failure.value
        if isinstance(error, RpcError):
            return _REASONS.get(error.code, f"error {error.code} of the device")
        if isinstance(error, TimeoutError | DeferredTimeout):
            return "no answer in time"
        if isinstance(error, ConnectionLost | ConnectionDone):
            return "tunnel lost"
        self.log.failure("a device's log-in broke", failure=failure)
        return "internal error"

    def _forget(self, cloud_id: str, grant: str) -> None:
        tunnel = self._exchange.session(cloud_id)
        if tunnel is not None:
            tunnel.logout(grant)

    def _session_ended(self, session: Session, ending: Ending) -> None:
        by_key, further = session.key_id is not None, session.is_further
        if ending is not Ending.REVOKED and not by_key and not further:
            self._forget(session.cloud_id, session.grant)
