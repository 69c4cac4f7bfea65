"""What happens, as it happens: told to everybody who listens."""

from __future__ import annotations

import json
import typing
from collections.abc import Collection, Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud import __version__
from cfos_cloud.cloud_id import fold
from cfos_cloud.events import Event
from cfos_cloud.registry import ChangeKind, Overloaded, System, SystemChange
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.event_json import event_json
from cfos_cloud.web.api.live_stream import HEARTBEAT, LiveStream
from cfos_cloud.web.api.system_json import system_json

#: Listeners at a time; more are refused.
MAX_LISTENERS = 64
#: … of which so many are for people and passwords: no access key can take all.
RESERVED = 16
#: Seconds between two signs of life.
HEARTBEAT_SECONDS = 15.0
#: Seconds after which a client that does not read is cut off.
STUCK_SECONDS = 60.0
#: Seconds in which changes of a system are joined; its end is in the database then.
GATHER_SECONDS = 0.25
#: … or at the latest then, so it is told once more.
AFTERWARDS_SECONDS = 3.0
#: Seconds between two looks at the traffic of the systems that are watched.
TRAFFIC_SECONDS = 5.0
#: Milliseconds after which a browser tries again when the connection is lost.
RETRY_MILLISECONDS = 3000


class LiveSystems(typing.Protocol):
    """All systems; the registry has them."""

    def __len__(self) -> int: ...

    def get(self, cloud_id: str) -> System | None: ...


class LivePresences(typing.Protocol):
    """Who is online; the exchange knows."""

    def __len__(self) -> int: ...

    def presence(self, cloud_id: str) -> Presence: ...


class Tunnel(typing.Protocol):
    """A tunnel that has come up, or was lost."""

    cloud_id: str


class Live:
    """
    Costs nothing while nobody listens. To be told of everything that happens, by
    the methods with a past tense.
    """

    _log = Logger()

    def __init__(
        self, systems: LiveSystems, presences: LivePresences, clock: IReactorTime
    ) -> None:
        self._systems = systems
        self._presences = presences
        self._clock = clock
        #: By listener: what it was told last of the bytes of each system it watches.
        self._listeners: dict[LiveStream, dict[str, tuple[int, int]]] = {}
        self._changed: dict[str, str] = {}
        self._timer: IDelayedCall | None = None
        self._afterwards: set[IDelayedCall] = set()
        self._counts = (0, 0)
        self._beat = LoopingCall(self._show_life)
        self._traffic = LoopingCall(self._tell_traffic)
        self._beat.clock = self._traffic.clock = clock

    def __len__(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def check_room(self, reserved: int = 0) -> None:
        """
        :param reserved: places that have to stay free for others.
        :raises Overloaded: too many listen already.
        """
        if len(self._listeners) >= MAX_LISTENERS - reserved:
            raise Overloaded

    def listen(
        self, stream: LiveStream, watched: Collection[str] = ()
    ) -> Deferred[None]:
        """
        Tell ``stream`` from now on, until its end; :meth:`check_room` before.

        :param watched: Cloud IDs whose traffic it is told.
        """
        stream.begin()
        counts = self._count()
        self._listeners[stream] = {fold(each): (-1, -1) for each in watched}
        stream.done.addBoth(self._ended, stream)
        if not self._beat.running:
            self._counts = counts
            for loop, seconds in (
                (self._beat, HEARTBEAT_SECONDS),
                (self._traffic, TRAFFIC_SECONDS),
            ):
                loop.start(seconds, now=False).addErrback(self._failed)
        stream.send(b"retry: %d\n\n" % RETRY_MILLISECONDS)
        hello = {"version": __version__, **_counts_json(counts)}
        stream.send(_message("hello", hello))
        return stream.done

    def end_all(self) -> None:
        """End every stream: the password is another one now, or the server stops."""
        for stream in list(self._listeners):
            stream.abort()

    # what happens

    def system_changed(self, change: SystemChange) -> None:
        """A listener of the systems'."""
        cloud_id = change.system.cloud_id
        if change.kind is not ChangeKind.REMOVED:
            self._note(cloud_id)
        elif self._listeners:
            self._changed.pop(fold(cloud_id), None)
            self._tell(_message("removed", {"cloud_id": cloud_id}))
            self._tell_counts()

    def tunnel_came_up(self, tunnel: Tunnel) -> None:
        """A listener of the exchange's."""
        self._note(tunnel.cloud_id)

    def tunnel_was_lost(self, tunnel: Tunnel) -> None:
        """A listener of the exchange's."""
        if not self._listeners:
            return
        self._note(tunnel.cloud_id)

        def again() -> None:
            self._afterwards.discard(call)
            self._note(tunnel.cloud_id)

        call = self._clock.callLater(AFTERWARDS_SECONDS, again)
        self._afterwards.add(call)

    def event_happened(self, event: Event) -> None:
        """A listener of the events'."""
        if self._listeners:
            self._tell(_message("event", event_json(event)))

    # within

    def _note(self, cloud_id: str) -> None:
        if not self._listeners:
            return
        self._changed[fold(cloud_id)] = cloud_id
        if self._timer is None:
            self._timer = self._clock.callLater(GATHER_SECONDS, self._tell_changes)

    def _tell_changes(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        for cloud_id in changed.values():
            system = self._systems.get(cloud_id)
            if system is not None:
                presence = self._presences.presence(cloud_id)
                self._tell(_message("system", system_json(system, presence)))
        self._tell_counts()

    def _tell_counts(self) -> None:
        counts = self._count()
        if counts != self._counts:
            self._counts = counts
            self._tell(_message("counts", _counts_json(counts)))

    def _tell_traffic(self) -> None:
        for stream, watched in list(self._listeners.items()):
            items = list(self._moved(watched))
            if items:
                stream.send(_message("traffic", {"items": items}))

    def _moved(self, watched: dict[str, tuple[int, int]]) -> Iterator[object]:
        for cloud_id, told in watched.items():
            system = self._systems.get(cloud_id)
            if system is None:
                continue
            presence = self._presences.presence(cloud_id)
            bytes_in = system.bytes_in + presence.bytes_in
            bytes_out = system.bytes_out + presence.bytes_out
            watched[cloud_id] = (bytes_in, bytes_out)
            if told not in ((-1, -1), (bytes_in, bytes_out)):
                yield {
                    "cloud_id": system.cloud_id,
                    "bytes_in": bytes_in,
                    "bytes_out": bytes_out,
                }

    def _show_life(self) -> None:
        stuck = self._clock.seconds() - STUCK_SECONDS
        for stream in list(self._listeners):
            if stream.stuck_since is None:
                stream.send(HEARTBEAT)
            elif stream.stuck_since <= stuck:
                stream.abort()

    def _tell(self, message: bytes) -> None:
        for stream in list(self._listeners):
            stream.send(message)

    def _count(self) -> tuple[int, int]:
        return len(self._systems), len(self._presences)

    def _ended(self, result: object, stream: LiveStream) -> object:
        self._listeners.pop(stream, None)
        if not self._listeners:
            self._beat.stop()
            self._traffic.stop()
            self._changed.clear()
            timer, self._timer = self._timer, None
            for call in (timer, *self._afterwards):
                if call is not None and call.active():
                    call.cancel()
            self._afterwards.clear()
        return result

    def _failed(self, failure: Failure) -> None:
        self._log.failure("listeners are told no more", failure)


def _counts_json(counts: tuple[int, int]) -> dict[str, object]:
    systems, online = counts
    return {"systems": systems, "online": online}


def _message(name: str, data: object) -> bytes:
    """One event (HTML §9.2); JSON has no line breaks."""
    text = json.dumps(data, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode("ascii")
