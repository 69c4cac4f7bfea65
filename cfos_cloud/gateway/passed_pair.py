"""One TLS connection that goes through unopened, and how it begins and ends."""

from __future__ import annotations

from collections.abc import Callable

from cfos_cloud.http.message import ResponseEvent
from cfos_cloud.listener.alert import Alert, fatal
from cfos_cloud.relay.deadline import Deadline
from cfos_cloud.relay.raw import RawClient, RawUpstream
from cfos_cloud.relay.switched import SwitchedPair

#: Seconds for the device's first byte.
ANSWER_SECONDS = 30.0
#: Seconds without a byte either way after which a connection ends. Nobody can see
#: whether it is a WebSocket with nothing to say, so it is a long time.
SILENT_SECONDS = 3600.0
#: … when the server is about to stop.
HURRIED_SECONDS = 1.0
#: Seconds for a client to read why it was turned away.
FAREWELL_SECONDS = 5.0


class Arrival:
    """The sink of a connection of which nothing was delivered yet."""

    def __init__(self, client: RawClient, begin: Callable[[bytes], None]) -> None:
        self._client = client
        self._begin = begin

    def body(self, data: bytes) -> None:
        self._begin(data)

    def end(self) -> None:
        """There is no request."""

    def half_closed(self) -> None:
        self._client.abort()

    def closed(self, clean: bool) -> None:
        """Nothing has begun."""

    def pause_response(self) -> None:
        """Nothing is sent."""

    def resume_response(self) -> None:
        """Nothing is sent."""


class TurnedAway:
    """
    The sink of a connection that was sent an alert: closed when its client has closed
    it, or after :data:`FAREWELL_SECONDS`. To close while a client still sends would
    make its system drop the alert.
    """

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._deadline = Deadline(client.clock, client.abort)
        self._deadline.set(FAREWELL_SECONDS)

    def body(self, data: bytes) -> None:
        """Nobody wants it any more."""

    def end(self) -> None:
        """There is no request."""

    def half_closed(self) -> None:
        self._client.close()

    def closed(self, clean: bool) -> None:
        self._deadline.stop()

    def pause_response(self) -> None:
        """Nothing more is sent."""

    def resume_response(self) -> None:
        """Nothing more is sent."""


def turn_away(client: RawClient, alert: Alert) -> None:
    """Tell ``client``, which has heard nothing yet, that there is no connection."""
    client.sink = TurnedAway(client)
    client.resume_request()
    client.send_raw(fatal(alert))
    client.close_writing()


class PassedPair(SwitchedPair):
    """
    The client's connection and the stream of the tunnel. It ends when nothing has
    passed for an hour. A client that has had nothing of the device is told by an alert
    that there is nothing to come.

    :ivar answered: whether the device has sent something.
    :ivar in_vain: whether it is over without that, by no doing of the client's.
    :ivar bytes_in: from the device, ``bytes_out`` to it, its first line not counted.
    """

    def __init__(
        self, client: RawClient, upstream: RawUpstream, over: Callable[[], None]
    ) -> None:
        super().__init__(client, upstream, over)
        self._raw = client, upstream
        self._clock = client.clock
        self.answered = False
        self.in_vain = False
        self.bytes_in = 0
        self.bytes_out = 0
        self._patience = SILENT_SECONDS
        self._moved_at = client.clock.seconds()
        self._silence = Deadline(client.clock, self._expired)
        self._silence.set(ANSWER_SECONDS)

    @property
    def silent_for(self) -> float:
        """Seconds since something has passed."""
        return self._clock.seconds() - self._moved_at

    def hurry(self) -> None:
        """The server is about to stop."""
        self._patience = HURRIED_SECONDS
        self._silence.set(HURRIED_SECONDS)

    def give_up(self) -> None:
        """It has not begun, and will not."""
        self._silence.stop()

    def abort(self) -> None:
        """Both connections end at once."""
        client, upstream = self._raw
        self.finish()
        upstream.abort()
        client.abort()

    def body(self, data: bytes) -> None:
        self.bytes_out += len(data)
        if self.answered:
            self._passed_some()
        super().body(data)

    def response_events(self, events: list[ResponseEvent]) -> None:
        self.answered = True
        self.bytes_in += sum(len(event) for event in events if type(event) is bytes)
        self._passed_some()
        super().response_events(events)

    def upstream_half_closed(self) -> None:
        if self.answered:
            super().upstream_half_closed()
        else:
            self._unanswered()

    def upstream_lost(self, clean: bool) -> None:
        if self.answered:
            super().upstream_lost(clean)
        else:
            self._unanswered()

    def finish(self) -> None:
        self._silence.stop()
        super().finish()

    def _passed_some(self) -> None:
        self._moved_at = self._clock.seconds()
        self._silence.set(self._patience)

    def _expired(self) -> None:
        if self.answered:
            self.abort()
        else:
            self._unanswered()

    def _unanswered(self) -> None:
        if self._over is None:
            return
        client, upstream = self._raw
        self.in_vain = True
        self.finish()
        upstream.abort()
        turn_away(client, Alert.INTERNAL_ERROR)
