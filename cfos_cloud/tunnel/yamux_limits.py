"""What a yamux connection allows its peer."""

from __future__ import annotations

from dataclasses import dataclass

from cfos_cloud.tunnel.yamux_frames import INITIAL_WINDOW, MAX_UINT32


@dataclass(frozen=True)
class Limits:
    """
    ``max_streams``: opened by the peer and alive; more are reset.
    ``receive_window``: bytes a stream may receive before they are consumed.
    ``max_frame``: bytes of payload in one frame.
    ``max_answers``: unsent answers to the peer's pings and new streams.
    A peer that exceeds one of these three fails the connection.
    ``quantum``: bytes a stream sends before it is the next one's turn.

    :raises ValueError: with these values, a peer that keeps to the specification
        could fail.
    """

    max_streams: int = 1024
    receive_window: int = INITIAL_WINDOW
    max_frame: int = INITIAL_WINDOW
    quantum: int = 16 * 1024
    max_answers: int = 4096

    def __post_init__(self) -> None:
        if not INITIAL_WINDOW <= self.receive_window <= MAX_UINT32:
            raise ValueError("receive_window must be 256 KiB to 4 GiB")
        if self.max_frame < self.receive_window:
            raise ValueError("max_frame must not be less than receive_window")
        if self.quantum < 1:
            raise ValueError("quantum must be positive")
        if self.max_answers <= self.max_streams:
            raise ValueError("max_answers must be more than max_streams")
