"""
A WebSocket that sends messages back: the program behind the origin, ``PORT``, and who
talks to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Protocol as Interface

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from benchmarks.processes import Processes, RunFailed, listens, python

PATH = "/echo"
_PROGRAM = "from benchmarks.websocket_echo import main; main()"
_PIECE = 2**16


class Socket(Interface):
    """What :class:`Talker` needs of a connection."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Talker:
    """
    The client's end, open when made.

    :param fields: of the request, besides those of a WebSocket's.
    :raises RunFailed: it is refused, or ends; so do its methods.
    """

    def __init__(
        self, connection: Socket, host: str, fields: list[tuple[bytes, bytes]]
    ) -> None:
        self._connection = connection
        self._websocket = WSConnection(ConnectionType.CLIENT)
        request = Request(host=host, target=PATH, extra_headers=fields)
        self._send(request)
        if not isinstance(self._next(), AcceptConnection):
            raise RunFailed("no WebSocket")

    def ask(self, text: str) -> None:
        """Say ``text`` and wait until it comes back."""
        self._send(Message(data=text))
        event = self._next()
        if not isinstance(event, TextMessage) or event.data != text:
            raise RunFailed(f"the WebSocket answers {event!r}")

    def close(self) -> None:
        self._connection.close()

    def _send(self, event: Event) -> None:
        self._connection.sendall(self._websocket.send(event))

    def _next(self) -> Event:
        while True:
            for event in self._websocket.events():
                return event
            try:
                data = self._connection.recv(_PIECE)
                self._websocket.receive_data(data or None)
            except (OSError, RemoteProtocolError) as error:
                raise RunFailed(f"the WebSocket has ended: {error}") from error


def start(processes: Processes, port: int) -> None:
    """
    Start the echo behind the origin.

    :raises RunFailed: it does not start.
    """
    processes.start("echo", *python(_PROGRAM, str(port)))
    processes.wait_for("echo", lambda: listens(port))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    websocket = WSConnection(ConnectionType.SERVER)
    with contextlib.suppress(OSError, RemoteProtocolError):
        while data := await reader.read(_PIECE):
            websocket.receive_data(data)
            for event in websocket.events():
                match event:
                    case Request():
                        writer.write(websocket.send(AcceptConnection()))
                    case TextMessage():
                        writer.write(websocket.send(Message(data=event.data)))
                    case Ping() | CloseConnection():
                        writer.write(websocket.send(event.response()))
            await writer.drain()
    writer.close()


async def serve(port: int) -> None:
    """Until the process ends."""
    async with await asyncio.start_server(echo, "127.0.0.1", port) as server:
        await server.serve_forever()


def main() -> None:
    asyncio.run(serve(int(sys.argv[1])))
