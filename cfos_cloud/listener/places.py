"""
How many connections there may be, of one source and in all: who finds no place is
closed when accepted, before TLS costs anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from cfos_cloud.buffered import Buffered
from cfos_cloud.listener.known_sources import KnownSources
from cfos_cloud.seldom import Seldom
from cfos_cloud.throttle import source_key

#: Connections that are no tunnels, where the system allows enough open files.
MAX_CONNECTIONS = 8192
#: … of one source: an IPv4 address or the /64 of an IPv6 address.
MAX_PER_SOURCE = 512
#: … beyond them, for sources that are known: returning tunnels and the operator.
MAX_RESERVE = 1024
#: Open files that are no connections: database, certificates, ports, the operator's
#: own port, backups.
OWN_FILES = 384
#: Connections of the operator's own port; of one source.
ADMIN_CONNECTIONS = 128
ADMIN_PER_SOURCE = 64


class TooFewFiles(ValueError):
    """The system allows fewer open files than are asked for; one line."""


@dataclass(frozen=True)
class Room:
    """
    :ivar connections: that are no tunnels.
    :ivar per_source: of them.
    :ivar reserve: more of them, for known sources.
    :ivar tunnels: besides.
    """

    connections: int
    per_source: int
    reserve: int
    tunnels: int

    @classmethod
    def within(
        cls, files: int, connections: int | None = None, per_source: int | None = None
    ) -> Room:
        """
        What ``files`` open files are enough for: half of them for tunnels at least.

        :raises TooFewFiles: not for so many connections.
        """
        free = files - OWN_FILES
        most = max(free // 2, 1)
        if connections is None:
            connections = min(most, MAX_CONNECTIONS)
        elif connections > most:
            raise TooFewFiles(
                f"no room for {connections} connections: the system allows {files} "
                f"open files, which is enough for {most} (LimitNOFILE, ulimit -n)"
            )
        reserve = min(connections // 8, MAX_RESERVE)
        return cls(
            connections,
            min(per_source or MAX_PER_SOURCE, connections),
            reserve,
            max(free - connections - reserve, 0),
        )


#: Of a port that is the operator's alone.
ADMIN_ROOM = Room(ADMIN_CONNECTIONS, ADMIN_PER_SOURCE, ADMIN_CONNECTIONS // 8, 0)


class Places:
    """
    Who may connect. Beyond the bound of one source, which is never more than there
    are places free for everybody, and beyond that of all the newest is refused.

    :param exempt: whether an address stands for many sources, as a proxy's does.
    :param strangers: what waits on connections whose client has proven nothing.
    :param seconds: a clock, for the log.
    """

    log = Logger()

    def __init__(
        self,
        room: Room,
        known: KnownSources,
        exempt: Callable[[str], bool],
        strangers: Buffered,
        seconds: Callable[[], float],
    ) -> None:
        self.room = room
        self.strangers = strangers
        #: Connections that are no tunnels.
        self.taken = 0
        self.tunnels = 0
        #: Who was refused, by the bound.
        self.refused: Counter[str] = Counter({"source": 0, "total": 0, "tunnels": 0})
        self._known = known
        self._exempt = exempt
        self._of_source: Counter[str] = Counter()
        self._seldom = Seldom(seconds)

    def take(self, address: str) -> Place | None:
        """A place for a connection from ``address``, which is an IP address."""
        source = source_key(address)
        known = self._known.places(source)
        mine = self._of_source[source]
        free = self.room.connections - self.taken
        if free > 0:
            # As many as are left for others, so that some always are: a source that
            # takes all it can get to ends with half, two with a third each.
            most = min(self.room.per_source, free) + known
            if mine >= most and not self._exempt(address):
                self._refuse("source", address)
                return None
        elif mine >= known or -free >= self.room.reserve:
            self._refuse("total", address)
            return None
        self.taken += 1
        self._of_source[source] += 1
        return Place(self, source)

    def to_tunnel(self, address: str) -> bool:
        """Whether one more of the connections may be a tunnel; then it is."""
        if self.tunnels >= self.room.tunnels:
            self._refuse("tunnels", address)
            return False
        self.tunnels += 1
        return True

    def give_back(self, source: str) -> None:
        """One of ``source`` is none of the connections any more."""
        self.taken -= 1
        self._of_source[source] -= 1
        if not self._of_source[source]:
            del self._of_source[source]

    def _refuse(self, bound: str, address: str) -> None:
        self.refused[bound] += 1
        passed = self._seldom.due(bound)
        if passed is not None:
            self.log.warn(
                "no room for a {what} of {client}: {why}; {passed} more were refused "
                "since the last such line",
                what="tunnel" if bound == "tunnels" else "connection",
                client=address,
                why=self._why(bound),
                passed=passed,
            )

    def _why(self, bound: str) -> str:
        if bound == "tunnels":
            return f"{self.tunnels} are up, and the open files are used up by then"
        if bound == "total":
            return f"there are {self.taken} (--max-connections)"
        return (
            "too many of one address (--max-connections-per-source; a proxy's address "
            "belongs to --trusted-proxy)"
        )


class Place:
    """
    What one connection has of :class:`Places`, from its acceptance to its end. Its
    transport carries it, as ``place``, see :func:`place_under`.
    """

    __slots__ = (
        "_account",
        "_places",
        "_source",
        "_transport",
        "_unread",
        "_unsent",
        "_watching",
    )

    def __init__(self, places: Places, source: str) -> None:
        self._places: Places | None = places
        self._source: str | None = source
        self._account = places.strangers
        self._transport: Any = None
        self._unsent = 0
        self._unread = 0
        self._watching = False

    def occupied_by(self, transport: Any) -> None:
        """The connection is there; its end gives the place back."""
        self._transport = transport
        transport.place = self
        lost = getattr(transport, "connectionLost", None)
        if lost is None:
            return

        def connection_lost(*reason: Any) -> None:
            # Whatever protocol has the connection by then, this hears of its end.
            del transport.connectionLost, transport.place
            self.leave()
            lost(*reason)

        transport.connectionLost = connection_lost

    def leave(self) -> None:
        """The connection is over."""
        places, self._places = self._places, None
        if places is None:
            return
        self._stop_watching()
        self._transport = None
        self._account.hold(self, 0)
        if self._source is not None:
            places.give_back(self._source)
        else:
            places.tunnels -= 1

    def counts_for(self, account: Buffered) -> None:
        """
        What waits here counts there: the client is no stranger, but somebody who may
        use a tunnel, and what that leads to.
        """
        if self._places is not None and account is not self._account:
            self._account.hold(self, 0)
            self._account = account
            self._count()

    def become_tunnel(self, address: str, account: Buffered) -> bool:
        """
        Whether there is room for a tunnel; then it is none of the others, and what
        waits for it counts in ``account``.
        """
        places = self._places
        source = self._source
        if places is None or source is None or not places.to_tunnel(address):
            return False
        self.counts_for(account)
        places.give_back(source)
        self._source = None
        return True

    def wrote(self) -> None:
        """The transport, a socket's, may keep more than before for the client."""
        transport = self._transport
        if transport is None or not transport.connected:
            return
        # What is sent is kept as well, until the rest is joined with what came later.
        self._unsent = len(transport.dataBuffer) + transport._tempDataLen
        if self._unsent and not self._watching:
            # Only as long as something waits: else it would be in everybody's way.
            self._watching = True
            transport.doWrite = self._write_more
        self._count()

    def unread(self, size: int) -> None:
        """So many bytes of the client wait for somebody to take them."""
        self._unread = size
        self._count()

    def shed(self) -> None:
        """See :class:`~cfos_cloud.buffered.Holder`; a tunnel stays."""
        transport = self._transport
        if self._source is not None and transport is not None:
            # What is written or read until the transport is done counts no more.
            self._stop_watching()
            self._transport = None
            self._account.hold(self, 0)
            transport.abortConnection()

    def _write_more(self) -> object:
        """In place of the transport's own, which the reactor calls."""
        transport = self._transport
        self._stop_watching()
        result: object = transport.doWrite()
        self.wrote()
        return result

    def _stop_watching(self) -> None:
        if self._watching:
            self._watching = False
            del self._transport.doWrite

    def _count(self) -> None:
        if self._transport is not None:
            self._account.hold(self, self._unsent + self._unread)


def place_under(transport: object) -> Place | None:
    """That of a connection, through whatever wraps its transport, TLS say."""
    place = getattr(transport, "place", None)
    return place if isinstance(place, Place) else None
