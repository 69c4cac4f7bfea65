"""Asks devices for their consent to access keys, and takes it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol as Interface

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.keys.key import AccessKey
from cfos_cloud.throttle import Throttle, stranger_keys
from cfos_cloud.tunnel.control import UNKNOWN_METHOD, RpcError
from cfos_cloud.web.key_problems import NoConsent, Obstacle
from cfos_cloud.web.problem import TooManyAttempts

#: What a device end says of itself that can be asked.
CAPABILITY = "keys"

_OBSTACLES = {
    -32001: Obstacle.WRONG_SECRET,
    -32002: Obstacle.NO_PASSWORD,
    -32003: Obstacle.TOO_MANY_TRIES,
    -32004: Obstacle.NO_ROOM,
    -32005: Obstacle.CLOCK,
    UNKNOWN_METHOD: Obstacle.TOO_OLD,
}
#: Of a device that has not looked at the secret, or taken it: nobody can have guessed.
_UNTRIED = frozenset(
    {Obstacle.NO_PASSWORD, Obstacle.TOO_OLD, Obstacle.NO_ROOM, Obstacle.CLOCK}
)


class ConsentTunnel(Interface):
    """What is needed of a tunnel."""

    @property
    def capabilities(self) -> frozenset[str]: ...

    def authorize(
        self,
        consent: str,
        name: str,
        role: str,
        expires: datetime | None,
        secret: str,
    ) -> Deferred[None]: ...

    def forget_keys(self, consents: Sequence[str]) -> None: ...


class ConsentTunnels(Interface):
    """Where tunnels are found; the exchange has them."""

    def session(self, cloud_id: str) -> ConsentTunnel | None: ...


class DeviceConsents:
    """
    ``throttle`` is that of access keys alone: what fails is charged to where it came
    from, to the system, and to both.
    """

    _log = Logger()

    def __init__(
        self, tunnels: ConsentTunnels, throttle: Throttle, events: EventLog = NO_EVENTS
    ) -> None:
        self._tunnels = tunnels
        self._throttle = throttle
        self._events = events

    async def ask(self, key: AccessKey, secret: str, by: Origin) -> None:
        """
        Return when the device of a system's key has agreed to it, durably.

        :param secret: the device's admin password.
        :raises TooManyAttempts: nobody was asked.
        :raises NoConsent: it has not.
        """
        cloud_id = key.scope
        charged = stranger_keys(by.client or "", cloud_id)
        wait = self._throttle.wait(charged)
        if wait > 0:
            raise TooManyAttempts(wait)
        tunnel = self._tunnels.session(cloud_id)
        if tunnel is None:
            raise self._failed(key, Obstacle.OFFLINE, by)
        if CAPABILITY not in tunnel.capabilities:
            raise self._failed(key, Obstacle.TOO_OLD, by)
        self._throttle.begin(charged)
        try:
            await maybeDeferred(
                tunnel.authorize,
                key.consent,
                key.name,
                key.role.value,
                key.expires,
                secret,
            )
        except CancelledError:  # the browser didn't wait
            self._throttle.failed(charged)
            raise
        except Exception as error:
            obstacle = self._obstacle(error)
            if obstacle in _UNTRIED:
                self._throttle.succeeded(charged)
            else:
                self._throttle.failed(charged)
            raise self._failed(key, obstacle, by) from error
        self._throttle.succeeded(charged)

    def forget(self, keys: Iterable[AccessKey]) -> None:
        """
        Tell the devices that are online that these keys have ended. To the others it
        makes no difference: nobody brings such a key before them any more.
        """
        by_system: dict[str, list[str]] = {}
        for key in keys:
            if key.cloud_id is not None:
                by_system.setdefault(key.cloud_id, []).append(key.consent)
        for cloud_id, consents in by_system.items():
            tunnel = self._tunnels.session(cloud_id)
            if tunnel is not None:
                tunnel.forget_keys(consents)

    def _failed(self, key: AccessKey, why: Obstacle, by: Origin) -> NoConsent:
        detail = f"{key.role.value} {key.name}: {why.slug}"
        kind = EventKind.KEY_AUTHORISATION_FAILED
        self._events.note(kind, by, key.cloud_id, detail)
        return NoConsent(why)

    def _obstacle(self, error: Exception) -> Obstacle:
        if isinstance(error, RpcError):
            return _OBSTACLES.get(error.code, Obstacle.BROKEN)
        if isinstance(error, TimeoutError | DeferredTimeout):
            return Obstacle.OVERDUE
        if isinstance(error, ConnectionLost | ConnectionDone):
            return Obstacle.LOST
        self._log.failure("a device's consent broke")
        return Obstacle.BROKEN
