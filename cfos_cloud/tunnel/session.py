"""
A device's tunnel as the server sees it, from the 101 to its end.

Its states are in :mod:`~cfos_cloud.tunnel.session_machine`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.buffered import Buffered
from cfos_cloud.tunnel.authorize_params import authorize_params
from cfos_cloud.tunnel.control import (
    INVALID_REQUEST,
    InvalidParams,
    JSONObject,
    RpcError,
    UnknownMethod,
)
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.heartbeat import HEARTBEAT
from cfos_cloud.tunnel.hello import (
    Grant,
    Hello,
    parse_grant,
    parse_hello,
    parse_status,
)
from cfos_cloud.tunnel.modes import ANY_MODE, Modes
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.reasons import TunnelBroken
from cfos_cloud.tunnel.rpc import ControlChannel
from cfos_cloud.tunnel.session_machine import (
    FAREWELL_SECONDS,
    HELLO_SECONDS,
    SessionCore,
    session_machine,
)
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import LocalError

__all__ = ["FAREWELL_SECONDS", "HELLO_SECONDS", "LOGIN_SECONDS", "TunnelSession"]

T = TypeVar("T")
#: Seconds for the device's answer to a log-in, or to the consent to an access key; a
#: later one counts as failure.
LOGIN_SECONDS = 2.5
#: Keys in one ``forget``: far below the longest line of the control stream.
MOST_FORGOTTEN = 500


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
        modes: Modes | None = None,
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
        #: Whether it takes TLS for the device, and nothing else.
        self.end_to_end = False
        self.profile: str | None = None
        #: What the device last told of itself, free JSON.
        self.status: JSONObject = {}
        self.status_at = self.since
        self._exchange = exchange
        self._clock = clock
        self._heartbeat = heartbeat
        self._modes = ANY_MODE if modes is None else modes
        #: What the answer to the first hello has said of the mode.
        self._agreed: JSONObject | None = None
        self._agreeing = False
        self._now = now
        self._multiplexed: Multiplexed | None = None
        self._control: ControlChannel | None = None
        self._dead = False
        self._machine = session_machine(SessionCore(self, exchange, clock))

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
    def stream_count(self) -> int:
        """Streams that are open now, the control stream among them."""
        return 0 if self._multiplexed is None else self._multiplexed.stream_count

    @property
    def crowded(self) -> bool:
        """Whether there are so many that none should wait for another request."""
        return self._multiplexed is not None and self._multiplexed.crowded

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self.stream_count > 1

    @property
    def buffered(self) -> Buffered | None:
        """What waits in its streams, and on the connections that lead to them."""
        return None if self._multiplexed is None else self._multiplexed.buffered

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

    def authorize(
        self,
        consent: str,
        name: str,
        role: str,
        expires: datetime | None,
        secret: str,
    ) -> Deferred[None]:
        """
        Ask for the device's consent to an access key, see
        :mod:`cfos_cloud.keys.consent`; ``secret`` is its admin password, ``role`` is
        ``api`` or ``admin``. The device has written it down when it answers.

        Errbacks as :meth:`login`; with -32601 where ``capabilities`` has no ``keys``.
        A consent that comes too late is no harm: the key does not work without the
        server's own yes.
        """
        control = self._control
        if control is None:
            failed: Deferred[None] = Deferred()
            failed.errback(ConnectionLost())
            return failed
        params = authorize_params(consent, name, role, expires, secret)
        answer = control.request("authorize", params, LOGIN_SECONDS)
        return answer.addCallback(lambda _: None)

    def forget_keys(self, consents: Sequence[str]) -> None:
        """The device's consent to these keys is over, and so are their streams."""
        if self._control is not None:
            for start in range(0, len(consents), MOST_FORGOTTEN):
                keys: list[object] = list(consents[start : start + MOST_FORGOTTEN])
                self._control.notify("forget", {"keys": keys})

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

    def control_request(
        self, method: str, params: JSONObject
    ) -> JSONObject | Deferred[JSONObject]:
        if method != "hello":
            raise UnknownMethod
        hello = parse_hello(params)
        if self._agreed is not None or self._dead:
            # The first counts, and of who has to go it changes nothing.
            return self._welcome(hello, self._agreed or {})
        if self._agreeing:
            raise RpcError(INVALID_REQUEST, "there is a hello to be answered first")
        agreed = self._modes.agree(self.cloud_id, hello, self.client)
        if not isinstance(agreed, Deferred):
            return self._welcome(hello, agreed)
        self._agreeing = True
        return agreed.addBoth(self._no_longer_agreeing).addCallback(
            partial(self._welcome, hello)
        )

    def _no_longer_agreeing(self, result: T) -> T:
        self._agreeing = False
        return result

    def _welcome(self, hello: Hello, more: JSONObject) -> JSONObject:
        self._agreed = more
        # The device may have no stream opened before it has our answer.
        self._clock.callLater(0, self._machine.got_hello, hello)
        beat = float(self._heartbeat)
        return {
            "session": self.session_id,
            # A whole number as one: not every JSON reader takes 25.0 for an integer.
            "heartbeat": int(beat) if beat.is_integer() else beat,
            "url": self.url,
            **more,
        }

    def control_notification(self, method: str, params: JSONObject) -> None:
        if method == "revoke":
            grant = params.get("grant")
            if not isinstance(grant, str):
                raise InvalidParams("grant must be a text")
            self._exchange.grant_revoked(self, grant)
        elif method == "status":
            self.status = parse_status(params)
            self.status_at = self._now()

    def control_lost(self, why: TunnelBroken) -> None:
        if not self._dead:
            self.cut(why)

    # outputs of the machine

    def introduced(self, hello: Hello) -> None:
        """It is up; this is what the device says of itself."""
        self.agent = hello.agent
        self.name = hello.name
        self.serial = hello.serial
        self.capabilities = hello.capabilities
        self.end_to_end = hello.end_to_end
        self.profile = hello.profile
        self.since = self._now()

    def part(self, goaway: JSONObject) -> None:
        """End all streams, and tell the device why."""
        self._dead = True
        multiplexed, control = self._multiplexed, self._control
        if multiplexed is None:
            return
        multiplexed.reset_streams(keep=control)
        if control is not None:
            control.notify("goaway", goaway)
        multiplexed.shut_down()

    def cut(self, why: TunnelBroken) -> None:
        """End the connection at once."""
        self._dead = True
        if self._multiplexed is not None:
            self._multiplexed.abort(why)

    def _hand_back(self, result: JSONObject) -> None:
        try:
            self.logout(parse_grant(result).grant)
        except InvalidParams:
            self.log.debug("late answer without a grant")
