"""The device end of a tunnel: control stream, greeting, and what the server asks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol as Interface
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.device.outcomes import Lost, Outcome, SentAway, Unsuited
from cfos_cloud.tunnel.control import (
    InvalidParams,
    JSONObject,
    RpcError,
    UnknownMethod,
    text_member,
)
from cfos_cloud.tunnel.hello import END_TO_END, PROTOCOL_VERSION, TLS_CAPABILITY
from cfos_cloud.tunnel.modes import NO_HOST
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import TunnelBroken, printable, reason_of
from cfos_cloud.tunnel.rpc import ControlChannel

CAPABILITIES = ("http", "login", "keys")
#: Where TLS of people ends at the device end: nothing else comes to it.
SEALED_CAPABILITIES = (TLS_CAPABILITY,)
#: Seconds within which the server answers ``hello``.
HELLO_SECONDS = 10.0
#: Seconds between two pings that a server may ask for.
LEAST_HEARTBEAT = 1.0
MOST_HEARTBEAT = 3600.0
#: Seconds that an orderly close may take before the connection is aborted.
CLOSING_SECONDS = 5.0
#: After these the server has nothing more for us; after others streams may finish.
_FINAL_REASONS = frozenset({"replaced", "disabled", "removed"})
_PORT = re.compile(r":[0-9]+$")
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\Z", re.ASCII)


class DeviceControl(Interface):
    """The part of the device end that decides who may come in."""

    def login(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        """``{grant, role, user}``; fails with :class:`RpcError`."""

    def logout(self, params: Mapping[str, object]) -> None:
        """Forget the grant that ``params`` names."""

    def authorize(self, params: Mapping[str, object]) -> Deferred[JSONObject]:
        """``{}`` once consent to a key is on the disk; fails with :class:`RpcError`."""

    def forget(self, params: Mapping[str, object]) -> None:
        """The consent to the keys that ``params`` names is over."""


@dataclass(frozen=True)
class Greeting:
    """What the device end says of itself in ``hello``."""

    agent: str
    name: str | None = None
    serial: str | None = None
    #: ``None``: of no kind that makes a difference to the server.
    profile: str | None = None
    end_to_end: bool = False

    def params(self) -> JSONObject:
        """The parameters of ``hello``."""
        params: JSONObject = {
            "protocol": PROTOCOL_VERSION,
            "agent": self.agent,
            "capabilities": list(
                SEALED_CAPABILITIES if self.end_to_end else CAPABILITIES
            ),
        }
        if self.end_to_end:
            params["mode"] = END_TO_END
        optional = {
            "name": self.name,
            "serial": self.serial,
            "profile": self.profile,
        }
        return params | {key: text for key, text in optional.items() if text}


@dataclass(frozen=True)
class Welcome:
    """
    The server's answer: ``url`` is its own address, heartbeat in seconds.
    ``end_to_end``: the server leaves TLS of people alone; ``host`` is then the name
    that they open, in lower case.
    """

    session: str
    heartbeat: float
    url: str
    end_to_end: bool = False
    host: str | None = None

    @property
    def login_url(self) -> str:
        """Where people log in: ``url``, but end to end ``host`` on the same port."""
        if not self.end_to_end or self.host is None:
            return self.url
        parts = urlsplit(self.url)
        port = _PORT.search(parts.netloc)
        netloc = self.host if port is None else self.host + port[0]
        return parts._replace(netloc=netloc).geturl()

    @classmethod
    def check(cls, result: Mapping[str, object]) -> Welcome:
        """
        :raises InvalidParams: a member is missing or out of bounds.
        """
        session = text_member(result, "session")
        url = text_member(result, "url", limit=2048)
        heartbeat = _seconds(result, "heartbeat")
        if session is None or url is None or heartbeat is None:
            raise InvalidParams("session, heartbeat or url is missing")
        if not LEAST_HEARTBEAT <= heartbeat <= MOST_HEARTBEAT:
            raise InvalidParams("heartbeat is out of bounds")
        # It goes into a header of every request to the target.
        if not (url.isascii() and url.isprintable()) or " " in url:
            raise InvalidParams("url is not an address")
        if urlsplit(url).scheme not in {"http", "https"}:
            raise InvalidParams("url is not an address")
        host = text_member(result, "host")
        if host is not None and _HOST.match(host) is None:
            raise InvalidParams("host is not a name")
        end_to_end = result.get("mode") == END_TO_END
        return cls(session, heartbeat, url, end_to_end, host)


class TunnelListener(Interface):
    """Whoever keeps the tunnel."""

    def welcomed(self, tunnel: DeviceTunnel, welcome: Welcome) -> None:
        """The tunnel is up; once."""

    def lost(self, outcome: Outcome) -> None:
        """It is over; once."""


class DeviceTunnel:
    """
    Greets first; until the server has answered, streams that it opens are reset.

    ``stream_opened`` gets every stream after that, and gives its protocol, or ``None``
    to have it reset.
    """

    log = Logger()

    def __init__(
        self,
        greeting: Greeting,
        listener: TunnelListener,
        stream_opened: Callable[[int], IProtocol | None],
        control: DeviceControl,
        clock: IReactorTime,
    ) -> None:
        self._greeting = greeting
        self._listener = listener
        self._stream_opened = stream_opened
        self._device = control
        self._clock = clock
        self._channel = ControlChannel(self, clock)
        self._multiplexed: Multiplexed | None = None
        self._up_since: float | None = None
        self._sent_away: SentAway | None = None
        self._unsuited: Unsuited | None = None
        self._closing: IDelayedCall | None = None
        self._lost = False

    def revoke(self, grant: str) -> None:
        """Tell the server that ``grant`` has ended here, before its streams do."""
        self._channel.notify("revoke", {"grant": grant})
        if self._multiplexed is not None:
            # A reset needs no credit, and would overtake what says why.
            self._multiplexed.send_now()

    def report(self, status: JSONObject) -> None:
        """Tell the operator's list something."""
        self._channel.notify("status", status)

    def close(self) -> None:
        """End in order, or after 5 s without."""
        multiplexed = self._multiplexed
        if multiplexed is not None and not self._lost and self._closing is None:
            multiplexed.shut_down()
            self._closing = self._clock.callLater(
                CLOSING_SECONDS, self._break, TunnelBroken("closed")
            )

    def _break(self, why: TunnelBroken) -> None:
        if self._multiplexed is not None and not self._lost:
            self._multiplexed.abort(why)

    # MultiplexListener

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        self._multiplexed = multiplexed
        multiplexed.open_stream(self._channel)
        hello = self._channel.request("hello", self._greeting.params(), HELLO_SECONDS)
        hello.addCallback(Welcome.check)
        hello.addCallbacks(self._got_welcome, self._not_welcome)
        hello.addErrback(lambda f: self.log.failure("greeting failed", failure=f))

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        return None if self._up_since is None else self._stream_opened(stream_id)

    def multiplex_lost(self, reason: Failure) -> None:
        self._lost = True
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        up_for = 0.0
        if self._up_since is not None:
            up_for = self._clock.seconds() - self._up_since
        if self._sent_away is not None:
            away = self._sent_away
            outcome: Outcome = SentAway(away.reason, away.retry_after, up_for)
        elif self._unsuited is not None:
            outcome = self._unsuited
        else:
            outcome = Lost(reason_of(reason.value), up_for)
        self._listener.lost(outcome)

    # ControlHandler

    def control_request(
        self, method: str, params: JSONObject
    ) -> JSONObject | Deferred[JSONObject]:
        match method:
            case "login":
                return self._device.login(params)
            case "authorize":
                return self._device.authorize(params)
        raise UnknownMethod

    def control_notification(self, method: str, params: JSONObject) -> None:
        match method:
            case "logout":
                self._device.logout(params)
            case "forget":
                self._device.forget(params)
            case "goaway":
                self._goaway(params)

    def control_lost(self, why: TunnelBroken) -> None:
        # Nothing happens where the control stream was lost with the connection.
        self._break(why)

    # private

    def _goaway(self, params: JSONObject) -> None:
        reason = printable(text_member(params, "reason") or "shutdown")
        self._sent_away = SentAway(reason, _seconds(params, "retry_after"))
        if reason in _FINAL_REASONS:
            self.close()

    def _give_up(self, why: str) -> None:
        """The tunnel stays without streams: what people send must not be read."""
        self._unsuited = Unsuited(why)
        self.close()

    def _got_welcome(self, welcome: Welcome) -> None:
        if self._greeting.end_to_end and not welcome.end_to_end:
            self._give_up(
                "the server is too old for --end-to-end, and would look inside"
            )
            return
        if self._multiplexed is not None:
            self._multiplexed.set_heartbeat(welcome.heartbeat)
        self._up_since = self._clock.seconds()
        self._listener.welcomed(self, welcome)

    def _not_welcome(self, failure: Failure) -> None:
        if self._lost or self._sent_away is not None:
            return
        if isinstance(failure.value, RpcError):
            if failure.value.code == NO_HOST:
                self._give_up(
                    "the server has no host of its own for each system, which "
                    "--end-to-end needs; its operator has to start it with --domain"
                )
                return
            why = printable(failure.getErrorMessage())
            self._break(TunnelBroken(f"the server's greeting failed: {why}"))
        else:
            self._break(TunnelBroken("the server does not answer the greeting"))


def _seconds(params: Mapping[str, object], member: str) -> float | None:
    value = params.get(member)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidParams(f"{member} must be a number of seconds")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise InvalidParams(f"{member} must be a number of seconds")
    return seconds
