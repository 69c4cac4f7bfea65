"""A target in memory that takes down what it is asked, and is not easily satisfied."""

from __future__ import annotations

from collections.abc import Callable

from tests.device.target_support import Target, TargetConnection
from tests.strict.reader import Request, read_request


def say(request: Request) -> bytes:
    """A response that says to what it is one."""
    body = b"%b %b" % (request.method, request.target)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head if request.method == b"HEAD" else head + body


class RecordingTarget(Target):
    """
    :ivar requests: all that came whole, on whatever connection.
    :ivar asked_on: the connection of the last of them.
    :ivar answer: what is answered; ``None``: nothing yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.asked_on: TargetConnection | None = None
        self.answer: Callable[[Request], bytes | None] = say
        self._unread: dict[TargetConnection, bytes] = {}

    def serve(self) -> bool:
        """
        Take connections and requests, and end what the device end has ended; whether
        there was anything to do.

        :raises NotStrict: something came that every reader may take for another thing.
        """
        served = bool(self.attempts)
        while self.attempts:
            self.accept()
        for connection in list(self.connections):
            unread = self._unread.pop(connection, b"") + connection.wire.take()
            while unread and (read := read_request(unread)) is not None:
                request, unread = read
                self.requests.append(request)
                self.asked_on = connection
                answer = self.answer(request)
                if answer is not None:
                    connection.send(answer)
                served = True
            if connection.wire.ended:
                served = True
                self.connections.remove(connection)
                connection.end(clean=not connection.wire.aborted)
            elif unread:
                self._unread[connection] = unread
        return served

    @property
    def waits(self) -> bool:
        """Whether the rest of a request is waited for."""
        return bool(self._unread)
