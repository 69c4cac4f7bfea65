"""A request on its way to the target, and for whom it waits."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from cfos_cloud.device.grants import Grant
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel
from cfos_cloud.relay.relay import Relay, RelayOwner


class TargetRelay(Relay[Grant]):
    """
    A relay that knows whose turn it is: a slow upload is no fault of the target, one
    that the target does not take is.

    :ivar waits_since: when the target's time began.
    """

    __slots__ = ("_clock", "_moved", "_target_full", "waits_since")

    def __init__(
        self,
        owner: RelayOwner[Grant],
        channel: RequestChannel,
        head: RequestHead,
        grant: Grant,
        clock: IReactorTime,
    ) -> None:
        super().__init__(owner, channel, head, grant)
        self._clock = clock
        self._target_full = False
        self.waits_since = 0.0
        #: When the client last sent something, or ceased to take what comes.
        self._moved = 0.0 if head.length == 0 else clock.seconds()

    @property
    def waits_for_target(self) -> bool:
        """Whether nothing can happen unless the target does something."""
        return self.request_done or self._target_full

    @property
    def stands_since(self) -> float | None:
        """When the client began to hold things up, if it does."""
        if self.client_paused or not self.waits_for_target:
            return self._moved
        return None

    def body(self, data: bytes) -> None:
        self._moved = self._clock.seconds()
        super().body(data)

    def end(self) -> None:
        super().end()
        if self.head.length != 0:
            self.waits_since = self._clock.seconds()

    def pause_response(self) -> None:
        self._moved = self._clock.seconds()
        super().pause_response()

    def pause_request(self) -> None:
        self._target_full = True
        self.waits_since = self._clock.seconds()
        super().pause_request()

    def resume_request(self) -> None:
        self._target_full = False
        super().resume_request()
