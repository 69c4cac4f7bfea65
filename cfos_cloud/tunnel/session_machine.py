"""
The states of a device's tunnel at the server.

Drawn in docs/architecture.md. What a transition does to connection and streams is
:class:`~cfos_cloud.tunnel.session.TunnelSession`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from automat import TypeMachineBuilder
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.hello import Hello
from cfos_cloud.tunnel.reasons import ProtocolBroken, TunnelBroken, reason_of

if TYPE_CHECKING:
    from cfos_cloud.tunnel.session import TunnelSession

#: Seconds for ``hello`` after the 101.
HELLO_SECONDS = 10.0
#: Seconds for a dismissed device to read why, before the connection is cut.
FAREWELL_SECONDS = 5.0


class SessionInputs(Interface):
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
class SessionCore:
    """What a session has in every state."""

    session: TunnelSession
    exchange: Exchange
    clock: IReactorTime
    log: Logger = field(default_factory=Logger)


def _make_machine() -> Callable[[SessionCore], SessionInputs]:
    machine = TypeMachineBuilder(SessionInputs, SessionCore)

    def await_hello(inputs: SessionInputs, core: SessionCore) -> IDelayedCall:
        core.exchange.greeting(core.session, over=False)
        return core.clock.callLater(HELLO_SECONDS, inputs.hello_overdue)

    def say_farewell(
        inputs: SessionInputs, core: SessionCore, reason: str, retry_after: int | None
    ) -> IDelayedCall:
        params: JSONObject = {"reason": reason}
        if retry_after is not None:
            params["retry_after"] = retry_after
        core.session.part(params)
        return core.clock.callLater(FAREWELL_SECONDS, inputs.farewell_over)

    new = machine.state("new")
    greeting = machine.state("greeting", await_hello)
    up = machine.state("up")
    leaving = machine.state("leaving", say_farewell)
    gone = machine.state("gone")

    @greeting.upon(SessionInputs.got_hello).to(up)
    def introduce(
        inputs: SessionInputs, core: SessionCore, overdue: IDelayedCall, hello: Hello
    ) -> None:
        overdue.cancel()
        core.exchange.greeting(core.session, over=True)
        core.session.introduced(hello)
        core.log.info(
            "tunnel up {cloud_id} from {client}, {agent}",
            cloud_id=core.session.cloud_id,
            client=core.session.client,
            agent=hello.agent,
        )
        core.exchange.session_up(core.session)

    @greeting.upon(SessionInputs.hello_overdue).to(gone)
    def give_up(
        inputs: SessionInputs, core: SessionCore, overdue: IDelayedCall
    ) -> None:
        core.exchange.greeting(core.session, over=True)
        core.log.info("no hello from {cloud_id}", cloud_id=core.session.cloud_id)
        core.session.cut(TunnelBroken("no hello"))

    @greeting.upon(SessionInputs.connection_lost).to(gone)
    def lost_early(
        inputs: SessionInputs, core: SessionCore, overdue: IDelayedCall, why: Failure
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

    @greeting.upon(SessionInputs.dismissed).to(leaving)
    def turn_away(
        inputs: SessionInputs,
        core: SessionCore,
        overdue: IDelayedCall,
        reason: str,
        retry_after: int | None,
    ) -> None:
        overdue.cancel()
        core.exchange.greeting(core.session, over=True)

    @up.upon(SessionInputs.dismissed).to(leaving)
    def dismiss(
        inputs: SessionInputs, core: SessionCore, reason: str, retry_after: int | None
    ) -> None:
        core.log.info(
            "tunnel of {cloud_id} dismissed: {reason}",
            cloud_id=core.session.cloud_id,
            reason=reason,
        )
        core.session.ending = reason
        core.exchange.session_over(core.session)

    @up.upon(SessionInputs.connection_lost).to(gone)
    def lost(inputs: SessionInputs, core: SessionCore, why: Failure) -> None:
        _log_end(
            core,
            why,
            "tunnel ended {cloud_id}: its device end has stopped",
            "tunnel lost {cloud_id}: {why}",
        )
        core.session.ending = _ending(core.session, why)
        core.exchange.session_over(core.session)

    @leaving.upon(SessionInputs.farewell_over).to(gone)
    def cut(inputs: SessionInputs, core: SessionCore, farewell: IDelayedCall) -> None:
        core.session.cut(TunnelBroken("dismissed"))

    @leaving.upon(SessionInputs.connection_lost).to(gone)
    def left(
        inputs: SessionInputs, core: SessionCore, farewell: IDelayedCall, why: Failure
    ) -> None:
        farewell.cancel()

    new.upon(SessionInputs.connected).to(greeting).returns(None)
    leaving.upon(SessionInputs.dismissed).loop().returns(None)
    leaving.upon(SessionInputs.got_hello).loop().returns(None)
    gone.upon(SessionInputs.dismissed).loop().returns(None)
    gone.upon(SessionInputs.got_hello).loop().returns(None)
    gone.upon(SessionInputs.connection_lost).loop().returns(None)
    up.upon(SessionInputs.got_hello).loop().returns(None)
    return machine.build()


def _log_end(
    core: SessionCore, why: Failure, in_order: str, lost: str, *, early: bool = False
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


session_machine = _make_machine()
