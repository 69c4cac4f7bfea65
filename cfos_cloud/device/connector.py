"""Keeps the tunnel to the server up: connect, prove, greet, and again after a wait."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass, field

from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure

from cfos_cloud.device.authentication import (
    AGENT,
    Authentication,
    SystemIdentity,
)
from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.connect import ProxyRefused
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.outcomes import Lost, Outcome, ProxyDenied
from cfos_cloud.device.report import Report
from cfos_cloud.device.tls_client import RecordingTLS
from cfos_cloud.device.trust import ServerTrust
from cfos_cloud.device.tunnel import DeviceControl, DeviceTunnel, Greeting, Welcome
from cfos_cloud.device.ways import Transport, Ways
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import reason_of
from cfos_cloud.tunnel.yamux import Role
from cfos_cloud.workers import Worker

if typing.TYPE_CHECKING:
    from cfos_cloud.device.tls_client import TrustRoot


class DeviceStreams(DeviceControl, typing.Protocol):
    """The rest of the device end, as the tunnel needs it."""

    def stream_opened(self, stream_id: int) -> IProtocol | None:
        """The protocol for a stream of the server; ``None`` resets it."""

    def welcomed(self, welcome: Welcome) -> None:
        """The tunnel is up; people log in at ``welcome.login_url``."""


@dataclass(frozen=True)
class Site:
    """Which tunnel to keep, and what it takes to open one."""

    server: Origin
    identity: SystemIdentity
    trust: ServerTrust
    endpoint: Callable[[], IStreamClientEndpoint]
    streams: DeviceStreams
    greeting: Greeting = field(default_factory=lambda: Greeting(AGENT))
    trust_root: TrustRoot | None = None
    transport: Transport = Transport.AUTO


class Connector(typing.Protocol):
    """The inputs of the machine: the first four are for others."""

    def start(self) -> None:
        """Connect, and stay connected."""

    def stop(self) -> Deferred[None]:
        """End the tunnel in order; fires when nothing is left of it."""

    def revoke(self, grant: str) -> None:
        """Tell the server that a grant has ended; while there is no tunnel, nothing."""

    def report(self, status: JSONObject) -> None:
        """Tell the operator's list something; while there is no tunnel, nothing."""

    def connected(self, authentication: Authentication) -> None:
        """The connection is there."""

    def proven(self, authentication: Authentication, rest: bytes) -> None:
        """Both sides have shown the password; ``rest`` begins the tunnel."""

    def welcomed(self, tunnel: DeviceTunnel, welcome: Welcome) -> None:
        """The server has answered ``hello``."""

    def lost(self, outcome: Outcome) -> None:
        """There is no connection, or no more."""

    def retry_due(self) -> None:
        """The wait is over."""


@dataclass
class _Core:
    site: Site
    clock: IReactorTime
    backoff: Backoff
    worker: Worker
    to_tell: Report
    ways: Ways
    stopped: list[Deferred[None]] = field(default_factory=list)

    def when_stopped(self) -> Deferred[None]:
        self.stopped.append(Deferred())
        return self.stopped[-1]


def _machine() -> Callable[[_Core], Connector]:
    builder = TypeMachineBuilder(Connector, _Core)

    # What a state holds.

    def attempt(c: Connector, s: _Core) -> Deferred[object]:
        site = s.site
        tls = RecordingTLS(site.server, site.trust_root) if site.server.tls else None
        authentication = Authentication(
            site.server,
            site.identity,
            site.trust,
            c,
            s.clock,
            s.worker,
            tls,
            s.ways.current,
        )
        s.to_tell.connecting()
        connecting = authentication.connect(site.endpoint())

        def failed(failure: Failure) -> None:
            why = reason_of(failure.value)
            denied = failure.check(ProxyRefused) is not None
            c.lost(ProxyDenied(why) if denied else Lost(why))

        return connecting.addCallbacks(lambda protocol: None, failed)

    def authenticating(
        c: Connector, s: _Core, authentication: Authentication
    ) -> Authentication:
        return authentication

    def greeting(
        c: Connector, s: _Core, authentication: Authentication, rest: bytes
    ) -> DeviceTunnel:
        site = s.site
        tunnel = DeviceTunnel(
            site.greeting, c, site.streams.stream_opened, site.streams, s.clock
        )
        multiplexed = Multiplexed(Role.CLIENT, s.clock, tunnel)
        authentication.hand_over(multiplexed, rest)
        return tunnel

    def tunnel_up(
        c: Connector, s: _Core, tunnel: DeviceTunnel, welcome: Welcome
    ) -> DeviceTunnel:
        return tunnel

    def wait(c: Connector, s: _Core, outcome: Outcome) -> IDelayedCall:
        delay = s.backoff.after(outcome)
        s.to_tell.waiting(s.ways.after(outcome), delay)
        return s.clock.callLater(delay, c.retry_due)

    idle = builder.state("Idle")
    connecting = builder.state("Connecting", attempt)
    authenticating_ = builder.state("Authenticating", authenticating)
    greeting_ = builder.state("Greeting", greeting)
    up = builder.state("Up", tunnel_up)
    waiting = builder.state("Waiting", wait)
    stopping = builder.state("Stopping")
    stopped = builder.state("Stopped")

    # What happens on the way.

    def close_attempt(
        c: Connector, s: _Core, connecting: Deferred[object]
    ) -> Deferred[None]:
        s.to_tell.stopping()
        waiter = s.when_stopped()
        connecting.cancel()
        return waiter

    def close_authentication(
        c: Connector, s: _Core, authentication: Authentication
    ) -> Deferred[None]:
        s.to_tell.stopping()
        authentication.close()
        return s.when_stopped()

    def close_tunnel(c: Connector, s: _Core, tunnel: DeviceTunnel) -> Deferred[None]:
        s.to_tell.stopping()
        tunnel.close()
        return s.when_stopped()

    def cancel_retry(c: Connector, s: _Core, retry: IDelayedCall) -> Deferred[None]:
        s.to_tell.stopping()
        retry.cancel()
        return succeed(None)

    def nothing_to_close(c: Connector, s: _Core) -> Deferred[None]:
        return succeed(None)

    def await_the_end(c: Connector, s: _Core) -> Deferred[None]:
        return s.when_stopped()

    def finish_stopping(c: Connector, s: _Core, outcome: Outcome) -> None:
        waiters, s.stopped = s.stopped, []
        for waiter in waiters:
            waiter.callback(None)

    def tell_welcome(
        c: Connector,
        s: _Core,
        greeted: DeviceTunnel,
        tunnel: DeviceTunnel,
        welcome: Welcome,
    ) -> None:
        s.to_tell.connected(welcome)
        s.site.streams.welcomed(welcome)

    def send_revoke(c: Connector, s: _Core, tunnel: DeviceTunnel, grant: str) -> None:
        tunnel.revoke(grant)

    def send_report(
        c: Connector, s: _Core, tunnel: DeviceTunnel, status: JSONObject
    ) -> None:
        tunnel.report(status)

    # Transitions.

    idle.upon(Connector.start).to(connecting).returns(None)
    connecting.upon(Connector.connected).to(authenticating_).returns(None)
    authenticating_.upon(Connector.proven).to(greeting_).returns(None)
    greeting_.upon(Connector.welcomed).to(up)(tell_welcome)

    connecting.upon(Connector.lost).to(waiting).returns(None)
    authenticating_.upon(Connector.lost).to(waiting).returns(None)
    greeting_.upon(Connector.lost).to(waiting).returns(None)
    up.upon(Connector.lost).to(waiting).returns(None)
    waiting.upon(Connector.retry_due).to(connecting).returns(None)

    idle.upon(Connector.stop).to(stopped)(nothing_to_close)
    connecting.upon(Connector.stop).to(stopping)(close_attempt)
    authenticating_.upon(Connector.stop).to(stopping)(close_authentication)
    greeting_.upon(Connector.stop).to(stopping)(close_tunnel)
    up.upon(Connector.stop).to(stopping)(close_tunnel)
    waiting.upon(Connector.stop).to(stopped)(cancel_retry)
    stopping.upon(Connector.stop).loop()(await_the_end)
    stopped.upon(Connector.stop).loop()(nothing_to_close)

    stopping.upon(Connector.lost).to(stopped)(finish_stopping)
    # What was on its way when the stop came.
    stopping.upon(Connector.proven).loop().returns(None)
    stopping.upon(Connector.welcomed).loop().returns(None)

    up.upon(Connector.revoke).loop()(send_revoke)
    up.upon(Connector.report).loop()(send_report)
    for without_data in (idle, stopping, stopped):
        without_data.upon(Connector.revoke).loop().returns(None)
        without_data.upon(Connector.report).loop().returns(None)
    for with_data in (connecting, authenticating_, greeting_, waiting):
        with_data.upon(Connector.revoke).loop().returns(None)
        with_data.upon(Connector.report).loop().returns(None)

    return builder.build()


_build = _machine()


def make_connector(
    site: Site,
    clock: IReactorTime,
    random: Callable[[], float],
    worker: Worker,
    report: Report,
) -> Connector:
    """
    A connector that is idle.

    :param random: numbers from 0 up to 1, evenly spread, for the waits.
    :param worker: computes proofs.
    :param report: is told of everything that changes.
    """
    return _build(
        _Core(site, clock, Backoff(random), worker, report, Ways(site.transport))
    )
