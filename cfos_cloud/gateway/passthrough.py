"""
TLS that ends at the device: connections that go through to it unopened.

Its host is known by the name in the ClientHello. Where there is no way to the device
the client gets a TLS alert, never our own certificate and a page: people would learn
to accept another certificate than the device's for its own host, which is the one
thing that they must not do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from cfos_cloud.buffered import Buffered
from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.client import plain_address
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.passed_pair import Arrival, PassedPair, turn_away
from cfos_cloud.gateway.stream_lines import tls_line
from cfos_cloud.listener.alert import Alert
from cfos_cloud.listener.client_hello import asked_for
from cfos_cloud.listener.places import place_under
from cfos_cloud.metrics import PassedMetrics
from cfos_cloud.relay.raw import RawClient, RawUpstream
from cfos_cloud.seldom import Seldom
from cfos_cloud.tunnel.stream import TunnelStream
from cfos_cloud.tunnel.yamux import LocalError

#: Connections of one system at the same time: some forty browsers' worth.
MAX_CONNECTIONS = 256
#: … of which so many may not have had a byte of the device yet.
MAX_WAITING = 64
#: Where there is no room, the one that was silent for longest makes some, if that
#: is so many seconds. Browsers keep connections open that they may never use again.
DISPENSABLE_SECONDS = 60.0


class PassedSystem(Interface):
    """What is asked of a system."""

    @property
    def cloud_id(self) -> str:
        """As the registry spells it."""

    @property
    def end_to_end(self) -> bool:
        """Whether its TLS ends at its device."""


class SystemDirectory(Interface):
    """Where systems are looked up, in memory."""

    def get(self, cloud_id: str) -> PassedSystem | None: ...


class PassingTunnel(Interface):
    """What is asked of a tunnel."""

    @property
    def end_to_end(self) -> bool:
        """Whether this device end takes TLS."""

    @property
    def buffered(self) -> Buffered | None:
        """What waits in its streams, and on the connections that lead to them."""

    def open_stream(self, protocol: IProtocol) -> TunnelStream:
        """:raises LocalError: it takes none."""


class Tunnels(Interface):
    """Who is online; the exchange knows."""

    def session(self, cloud_id: str) -> PassingTunnel | None: ...


class NoWay(Exception):
    """A connection can't be passed on; ``alert`` is for the client."""

    def __init__(self, why: str, alert: Alert) -> None:
        super().__init__(why)
        self.alert = alert


class Passthrough(ServerFactory):
    """
    The factory of connections whose ClientHello :meth:`is_passed` has accepted.

    :param seconds: a clock, for the log.
    """

    noisy = False
    log = Logger()

    def __init__(
        self,
        hosts: Hosts,
        systems: SystemDirectory,
        tunnels: Tunnels,
        clock: IReactorTime,
        metrics: PassedMetrics,
        seconds: Callable[[], float],
    ) -> None:
        self._hosts = hosts
        self._systems = systems
        self._tunnels = tunnels
        self._clock = clock
        self._metrics = metrics
        self._seldom = Seldom(seconds)
        #: By folded Cloud ID; a system without connections has no entry.
        self._open: dict[str, set[PassedPair]] = {}
        self._stopping = False

    def __len__(self) -> int:
        """Connections that are being passed."""
        return sum(map(len, self._open.values()))

    def is_passed(self, name: bytes) -> bool:
        """
        Whether connections that ask for ``name`` are not ours to open. So are those of
        a system whose device is offline: it has not changed its mind.
        """
        return self._system_of(name) is not None

    def close_when_idle(self) -> None:
        """
        No more of them, and those that are there end when nothing has passed for a
        second: what is under way in them nobody here can see.
        """
        self._stopping = True
        for pairs in list(self._open.values()):
            for pair in list(pairs):
                pair.hurry()

    def buildProtocol(self, addr: IAddress | None) -> RawClient:
        client = RawClient(self._clock)
        address = plain_address(getattr(addr, "host", "") or "")
        client.sink = Arrival(client, lambda data: self._begin(client, address, data))
        return client

    def _system_of(self, name: bytes) -> PassedSystem | None:
        device = self._hosts.device_of(name)
        system = None if device is None else self._systems.get(device.cloud_id)
        return system if system is not None and system.end_to_end else None

    def _begin(self, client: RawClient, address: str, data: bytes) -> None:
        """``data`` begins with a whole ClientHello."""
        name = asked_for(data).name or b""
        try:
            pair = self._pass(client, address, name)
        except NoWay as no_way:
            self._refused(name, address, str(no_way))
            turn_away(client, no_way.alert)
        else:
            self._metrics.opened += 1
            client.sink = pair
            pair.body(data)

    def _pass(self, client: RawClient, address: str, name: bytes) -> PassedPair:
        """:raises NoWay: there is none to the device, or no room."""
        system = self._system_of(name)
        tunnel = None if system is None else self._tunnels.session(system.cloud_id)
        if system is None or tunnel is None or not tunnel.end_to_end or self._stopping:
            raise NoWay("offline", Alert.UNRECOGNIZED_NAME)
        buffered = tunnel.buffered
        if buffered is not None and buffered.full:
            raise NoWay("too much waits", Alert.INTERNAL_ERROR)
        key = fold(system.cloud_id)
        self._make_room(self._open.get(key, set()))
        upstream = RawUpstream(self._clock)
        pair = PassedPair(client, upstream, lambda: self._over(key, pair))
        upstream.pair = pair
        try:
            tunnel.open_stream(upstream)
        except LocalError as error:
            pair.give_up()
            raise NoWay("no stream", Alert.INTERNAL_ERROR) from error
        place = place_under(client.transport)
        if place is not None and buffered is not None:
            place.counts_for(buffered)
        self._open.setdefault(key, set()).add(pair)
        upstream.write(tls_line(name, address))
        return pair

    def _make_room(self, pairs: set[PassedPair]) -> None:
        """:raises NoWay: there is none, and none can be made."""
        if sum(not pair.answered for pair in pairs) >= MAX_WAITING:
            raise NoWay("too many wait", Alert.INTERNAL_ERROR)
        if len(pairs) < MAX_CONNECTIONS:
            return
        silent = max(pairs, key=lambda pair: pair.silent_for)
        if silent.silent_for < DISPENSABLE_SECONDS:
            raise NoWay("too many", Alert.INTERNAL_ERROR)
        silent.abort()

    def _over(self, key: str, pair: PassedPair) -> None:
        pairs = self._open.get(key, set())
        if pair not in pairs:
            return
        pairs.discard(pair)
        if not pairs:
            del self._open[key]
        self._metrics.ended += 1
        self._metrics.bytes_in += pair.bytes_in
        self._metrics.bytes_out += pair.bytes_out
        if pair.in_vain:
            self._metrics.refused["no answer"] += 1

    def _refused(self, name: bytes, address: str, why: str) -> None:
        self._metrics.refused[why] += 1
        # By the system: of the rest of a name anybody can make up as many as they like.
        system = self._system_of(name)
        cloud_id = "nobody" if system is None else system.cloud_id
        passed = self._seldom.due(f"{cloud_id} {why}")
        if passed is not None:
            self.log.info(
                "TLS for {name} not passed on for {client}: {why}; "
                "{passed} more since the last such line",
                name=name.decode("ascii"),
                client=address,
                why=why,
                passed=passed,
            )
