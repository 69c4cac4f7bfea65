"""A line between two parts that is late, dead or half closed: a TCP relay of ours."""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import suppress

_READ = 64 * 1024
#: Pieces that are under way in a direction at most.
_UNDER_WAY = 256


class Link:
    """
    Listens on :attr:`port` and leads to another one.

    :ivar delay: seconds by which every byte comes later, in each direction.
    :ivar dead: whether nothing passes, and nobody is told.
    """

    def __init__(self, to: int, host: str = "127.0.0.1") -> None:
        self.delay = 0.0
        self.dead = False
        self._to = (host, to)
        self._closed = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def accepted(self) -> int:
        """Connections that came so far."""
        return len(self._pairs)

    def half_close(self) -> None:
        """Whoever dialled has nothing more to say, on all connections."""
        for near, far in self._pairs:
            with suppress(OSError):
                near.shutdown(socket.SHUT_RD)
            with suppress(OSError):
                far.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End all connections at once, without a word."""
        for pair in self._pairs:
            for each in pair:
                with suppress(OSError):
                    linger = b"\x01\0\0\0\0\0\0\0"
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    each.shutdown(socket.SHUT_RD)
                    each.close()

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def _serve(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to, 10)
                far.settimeout(None)
            except OSError:
                continue
            self._pairs.append((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(_UNDER_WAY)
        deliver = threading.Thread(
            target=self._deliver, args=(under_way, target), daemon=True
        )
        deliver.start()
        data = b"-"
        while data:
            try:
                data = source.recv(_READ)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + self.delay, data))

    def _deliver(
        self, under_way: queue.Queue[tuple[float, bytes]], target: socket.socket
    ) -> None:
        broken = False
        while True:
            due, data = under_way.get()
            if not data:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            while self.dead and not self._closed:
                time.sleep(0.05)
            # Whoever still sends is not kept waiting by one who has gone.
            with suppress(OSError):
                if not broken:
                    broken = True
                    target.sendall(data)
                    broken = False
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
