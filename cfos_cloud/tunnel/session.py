"""
A device's tunnel as the server sees it, from the 101 to its end.

The machine is drawn in docs/architecture.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol as Interface

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.tunnel.control import InvalidParams, JSONObject, UnknownMethod
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.heartbeat import HEARTBEAT
from cfos_cloud.tunnel.hello import (
    Grant,
    Hello,
    parse_grant,
    parse_hello,
    parse_status,
)
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import ProtocolBroken, TunnelBroken, reason_of
from cfos_cloud.tunnel.rpc import ControlChannel
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import LocalError

#: Seconds for ``hello`` after the 101.
HELLO_SECONDS = 10.0
#: Seconds for the device's answer to a log-in; a later one counts as failure.
LOGIN_SECONDS = 2.5
#: Seconds for a dismissed device to read why, before the connection is cut.
FAREWELL_SECONDS = 5.0


class _Inputs(Interface):
    """What happens to a session."""

    def connected(self) -> None:
        """The connection is a tunnel now."""

    def got_hello(self, hello: Hello) -> None:
        """The device has introduced itself."""

    def hello_overdue(self) -> None:
        """It has not, for too long."""

    def dismissed(self, reason: str, retry_after: int | None) -> None:
        """It must go."""

    def farewell_over(self) -> None:
        """It had time to read why."""

    def connection_lost(self, why: Failure) -> None:
        """The connection is over."""


@dataclass
class _Core:
    """What a session has in every state."""

    session: TunnelSession
    exchange: Exchange
    clock: IReactorTime
    log: Logger = field(default_factory=Logger)


def _make_machine() -> Callable[[_Core], _Inputs]:
    machine = TypeMachineBuilder(_Inputs, _Core)

    def await_hello(inputs: _Inputs, core: _Core) -> IDelayedCall:
        core.exchange.greeting(core.session, over=False)
        return core.clock.callLater(HELLO_SECONDS, inputs.hello_overdue)

    def say_farewell(
        inputs: _Inputs, core: _Core, reason: str, retry_after: int | None
    ) -> IDelayedCall:
        params: JSONObject = {"reason": reason}
        if retry_after is not None:
            params["retry_after"] = retry_after
        core.session._part(params)
        return core.clock.callLater(FAREWELL_SECONDS, inputs.farewell_over)

    new = machine.state("new")
    greeting = machine.state("greeting", await_hello)
    up = machine.state("up")
    leaving = machine.state("leaving", say_farewell)
    gone = machine.state("gone")

    @greeting.upon(_Inputs.got_hello).to(up)
    def introduce(
        inputs: _Inputs, core: _Core, overdue: IDelayedCall, hello: Hello
    ) -> None:
        overdue.cancel()
        core.exchange.greeting(core.session, over=True)
        core.session._introduced(hello)
        core.log.info(
            "tunnel up {cloud_id} from {client}, {agent}",
            cloud_id=core.session.cloud_id,
            client=core.session.client,
            agent=hello.agent,
        )
        core.exchange.session_up(core.session)

    @greeting.upon(_Inputs.hello_overdue).to(gone)
    def give_up(inputs: _Inputs, core: _Core, overdue: IDelayedCall) -> None:
        core.exchange.greeting(core.session, over=True)
        core.log.info("no hello from {cloud_id}", cloud_id=core.session.cloud_id)
        core.session._cut(TunnelBroken("no hello"))

    @greeting.upon(_Inputs.connection_lost).to(gone)
    def lost_early(
        inputs: _Inputs, core: _Core, overdue: IDelayedCall, why: Failure
    ) -> None:
        overdue.cancel()
        core.exchange.greeting(core.session, over=True)
        _log_end(
            core,
            why,
            "{cloud_id} has left before its hello",
            "tunnel of {cloud_id} lost before its hello: {why}",
            early=True,
        )

    @greeting.upon(_Inputs.dismissed).to(leaving)
    def turn_away(
        inputs: _Inputs,
        core: _Core,
        overdue: IDelayedCall,
        reason: str,
        retry_after: int | None,
    ) -> None:
        overdue.cancel()
        core.exchange.greeting(core.session, over=True)

    @up.upon(_Inputs.dismissed).to(leaving)
    def dismiss(
        inputs: _Inputs, core: _Core, reason: str, retry_after: int | None
    ) -> None:
        core.log.info(
            "tunnel of {cloud_id} dismissed: {reason}",
            cloud_id=core.session.cloud_id,
            reason=reason,
        )
        core.session.ending = reason
        core.exchange.session_over(core.session)

    @up.upon(_Inputs.connection_lost).to(gone)
    def lost(inputs: _Inputs, core: _Core, why: Failure) -> None:
        _log_end(
            core,
            why,
            "tunnel ended {cloud_id}: its device end has stopped",
            "tunnel lost {cloud_id}: {why}",
        )
        core.session.ending = _ending(core.session, why)
        core.exchange.session_over(core.session)

    @leaving.upon(_Inputs.farewell_over).to(gone)
    def cut(inputs: _Inputs, core: _Core, farewell: IDelayedCall) -> None:
        core.session._cut(TunnelBroken("dismissed"))

    @leaving.upon(_Inputs.connection_lost).to(gone)
    def left(
        inputs: _Inputs, core: _Core, farewell: IDelayedCall, why: Failure
    ) -> None:
        farewell.cancel()

    new.upon(_Inputs.connected).to(greeting).returns(None)
    leaving.upon(_Inputs.dismissed).loop().returns(None)
    leaving.upon(_Inputs.got_hello).loop().returns(None)
    gone.upon(_Inputs.dismissed).loop().returns(None)
    gone.upon(_Inputs.got_hello).loop().returns(None)
    gone.upon(_Inputs.connection_lost).loop().returns(None)
    up.upon(_Inputs.got_hello).loop().returns(None)
    return machine.build()


def _log_end(
    core: _Core, why: Failure, in_order: str, lost: str, *, early: bool = False
) -> None:
    """The line for an end that the server did not want."""
    session = core.session
    left = session.peer_left and why.check(TunnelBroken) is None
    # Whoever merely tries the password has nothing to say goodbye to.
    if left or (early and why.check(ConnectionDone)):
        core.log.info(in_order, cloud_id=session.cloud_id)
        return
    say = core.log.warn if why.check(ProtocolBroken) else core.log.info
    say(lost, cloud_id=session.cloud_id, why=reason_of(why.value))


def _ending(session: TunnelSession, why: Failure) -> str:
    if session.peer_left and why.check(TunnelBroken) is None:
        return "stopped"
    return reason_of(why.value)


_machine = _make_machine()


class TunnelSession:
    """
    One proven connection of a device: the listener of its streams and the peer of
    its control stream.

    :ivar client: the device's address, without port.
    :ivar url: the server's address as the device reached it, for its own display.
    :ivar ending: why it is over: what it was dismissed for, ``stopped`` by the device
        end, or words for a lost connection; ``None`` before.
    """

    log = Logger()

    def __init__(
        self,
        cloud_id: str,
        client: str,
        exchange: Exchange,
        clock: IReactorTime,
        *,
        url: str,
        heartbeat: float = HEARTBEAT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.cloud_id = cloud_id
        self.client = client
        self.url = url
        self.session_id = secrets.token_urlsafe(12)
        self.since = now()
        self.ending: str | None = None
        self.agent: str | None = None
        self.name: str | None = None
        self.serial: str | None = None
        self.capabilities: frozenset[str] = frozenset()
        #: What the device last told of itself, free JSON.
        self.status: JSONObject = {}
        self._exchange = exchange
        self._clock = clock
        self._heartbeat = heartbeat
        self._now = now
        self._multiplexed: Multiplexed | None = None
        self._control: ControlChannel | None = None
        self._dead = False
        self._machine = _machine(_Core(self, exchange, clock))

    def __repr__(self) -> str:
        return f"<TunnelSession {self.cloud_id} {self.session_id}>"

    @property
    def bytes_in(self) -> int:
        """Bytes received from the device, frames included."""
        return 0 if self._multiplexed is None else self._multiplexed.bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes sent to the device, frames included."""
        return 0 if self._multiplexed is None else self._multiplexed.bytes_out

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self._multiplexed is not None and self._multiplexed.stream_count > 1

    @property
    def peer_left(self) -> bool:
        """Whether the device end has said that it stops."""
        return self._multiplexed is not None and self._multiplexed.peer_left

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        """
        Ask the device whether ``secret`` is its admin password, or the ID of one of
        its users. ``client`` is the person's address, ``ttl`` the grant's life in
        seconds.

        Errbacks with :class:`~cfos_cloud.tunnel.control.RpcError` (-32001 wrong
        secret, -32002 no admin password set, -32003 too many tries),
        ``TimeoutError`` after 2.5 s, or ``ConnectionLost``. Too many that wait for an
        answer count as -32003. A grant that comes too late is handed back.
        """
        control = self._control
        if control is None:
            failed: Deferred[Grant] = Deferred()
            failed.errback(ConnectionLost())
            return failed
        params: JSONObject = {
            "role": role,
            "secret": secret,
            "client": client,
            "ttl": ttl,
        }
        return control.request(
            "login", params, LOGIN_SECONDS, too_late=self._hand_back
        ).addCallback(parse_grant)

    def logout(self, grant: str) -> None:
        """The device need not keep ``grant`` any longer."""
        if self._control is not None:
            self._control.notify("logout", {"grant": grant})

    def open_stream(self, protocol: IProtocol) -> TunnelStream:
        """
        A new stream to the device, given to ``protocol``.

        :raises LocalError: the tunnel takes none (any more).
        """
        if self._multiplexed is None or self._dead:
            raise LocalError("the tunnel is over")
        return self._multiplexed.open_stream(protocol)

    def dismiss(self, reason: str, retry_after: int | None = None) -> None:
        """
        End it: streams at once, then the device is told why.

        :param reason: ``replaced``, ``disabled``, ``removed`` or ``shutdown``.
        :param retry_after: seconds after which the device should come back.
        """
        self._machine.dismissed(reason, retry_after)

    # MultiplexListener

    def multiplex_ready(self, multiplexed: Multiplexed) -> None:
        self._multiplexed = multiplexed
        multiplexed.set_heartbeat(self._heartbeat)
        self._machine.connected()

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        if self._control is not None:
            return None
        self._control = ControlChannel(self, self._clock)
        return self._control

    def multiplex_lost(self, reason: Failure) -> None:
        self._dead = True
        self._machine.connection_lost(reason)

    # ControlHandler

    def control_request(self, method: str, params: JSONObject) -> JSONObject:
        if method != "hello":
            raise UnknownMethod
        hello = parse_hello(params)
        # The device may have no stream opened before it has our answer.
        self._clock.callLater(0, self._machine.got_hello, hello)
        return {
            "session": self.session_id,
            "heartbeat": self._heartbeat,
            "url": self.url,
        }

    def control_notification(self, method: str, params: JSONObject) -> None:
        if method == "revoke":
            grant = params.get("grant")
            if not isinstance(grant, str):
                raise InvalidParams("grant must be a text")
            self._exchange.grant_revoked(self, grant)
        elif method == "status":
            self.status = parse_status(params)

    def control_lost(self, why: TunnelBroken) -> None:
        if not self._dead:
            self._cut(why)

    # outputs of the machine

    def _introduced(self, hello: Hello) -> None:
        self.agent = hello.agent
        self.name = hello.name
        self.serial = hello.serial
        self.capabilities = hello.capabilities
        self.since = self._now()

    def _part(self, goaway: JSONObject) -> None:
        self._dead = True
        multiplexed, control = self._multiplexed, self._control
        if multiplexed is None:
            return
        multiplexed.reset_streams(keep=control)
        if control is not None:
            control.notify("goaway", goaway)
        multiplexed.shut_down()

    def _cut(self, why: TunnelBroken) -> None:
        self._dead = True
        if self._multiplexed is not None:
            self._multiplexed.abort(why)

    def _hand_back(self, result: JSONObject) -> None:
        try:
            self.logout(parse_grant(result).grant)
        except InvalidParams:
            self.log.debug("late answer without a grant")
