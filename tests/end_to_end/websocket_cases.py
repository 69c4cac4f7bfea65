"""
The Autobahn test suite's cases for WebSockets, run by kosoku: against an echo server,
and against the same one through server and tunnel.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import kosoku
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from tests.end_to_end import target
from tests.end_to_end.client import Client

#: Cases at the same time.
AT_A_TIME = 4
#: A case that fails is repeated so often, alone: some of them watch the clock.
REPEATS = 2
_PIECE = 2**16


@dataclass(frozen=True)
class Verdict:
    """kosoku's on one case: on what was said, and on how it was closed."""

    said: str
    closed: str
    passed: bool


def echo(request: target.Request) -> None:
    """A route: a WebSocket that sends whole messages back, compressed or not."""
    request.keep_alive = False
    connection = WSConnection(ConnectionType.SERVER)
    parts: list[Any] = []
    data = request.head + request.take_rest()
    while data:
        try:
            connection.receive_data(data)
            for event in connection.events():
                request.send(_answer(connection, event, parts))
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                request.send(connection.send(error.event_hint))
            return
        if connection.state.name in ("CLOSED", "REMOTE_CLOSING"):
            return
        with suppress(EOFError):
            data = request.receive()
            continue
        return


def _answer(connection: WSConnection, event: object, parts: list[Any]) -> bytes:
    """``parts`` are those of the message so far."""
    match event:
        case Request():
            accept = AcceptConnection(extensions=[PerMessageDeflate()])
            return connection.send(accept)
        case TextMessage() | BytesMessage():
            parts.append(event.data)
            if not event.message_finished:
                return b""
            empty: Any = "" if isinstance(event, TextMessage) else b""
            message = Message(data=empty.join(parts))
            parts.clear()
            return connection.send(message)
        case Ping() | CloseConnection():
            return connection.send(event.response())
    return b""


class Entrance:
    """
    Where kosoku, which knows neither TLS nor sessions, reaches the server as
    ``client`` does; byte by byte, but for the head of the request.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # The certificate is self-signed, and this is loopback.
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    async def start(self) -> asyncio.Server:
        """Listen on a port of loopback."""
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            upstream = await asyncio.open_connection(
                self._client.host, self._client.port, ssl=self._tls
            )
            first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            method, path, _ = first.split(" ")
            pairs = (line.split(": ", 1) for line in lines)
            fields = [(name, value) for name, value in pairs if name != "Host"]
            upstream[1].write(self._client.head(method, path, fields))
            # TLS here knows no half of a connection: the first end is both ends'.
            ways = [
                asyncio.ensure_future(way)
                for way in (pump(reader, upstream[1]), pump(upstream[0], writer))
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            upstream[1].close()
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until there is an end, of whatever kind."""
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


async def verdicts(
    port: int, path: str, cases: Sequence[str], at_a_time: int = AT_A_TIME
) -> dict[str, Verdict]:
    """What kosoku says of the echo on ``port``, by case."""
    url = f"ws://127.0.0.1:{port}{path}"
    try:
        results = await kosoku.run_fuzzingclient(url, cases, concurrency=at_a_time)
    except kosoku.FailureError as failure:
        results = failure.results
    return {
        result.case_id: Verdict(
            result.behavior.value, result.behavior_close.value, result.passed
        )
        for result in results
    }


@dataclass(frozen=True)
class Comparison:
    """
    Of the same cases: ``bare`` by the echo server itself, ``through`` by server and
    tunnel.
    """

    bare: dict[str, Verdict]
    through: dict[str, Verdict]

    def __str__(self) -> str:
        counts = Counter(verdict.said for verdict in self.through.values())
        told = ", ".join(f"{count} {said}" for said, count in counts.most_common())
        failed = sum(not verdict.passed for verdict in self.bare.values())
        return (
            f"{len(self.bare)} cases, of which the echo itself fails {failed}: {told}"
        )

    def only_through(self) -> dict[str, Verdict]:
        """Cases that fail through the tunnel, and do not at the echo server itself."""
        return {
            case: verdict
            for case, verdict in self.through.items()
            if not verdict.passed and self.bare[case].passed
        }


def compare(port: int, client: Client, path: str, cases: Sequence[str]) -> Comparison:
    """
    :param port: the echo server's own.
    :param path: of :func:`echo` there, and at the server for ``client``.
    """

    async def run() -> Comparison:
        async with await Entrance(client).start() as entrance:
            through_port = entrance.sockets[0].getsockname()[1]
            found = Comparison(
                await verdicts(port, path, cases),
                await verdicts(through_port, path, cases),
            )
            for _ in range(REPEATS):
                for case in found.only_through():
                    again = await verdicts(through_port, path, [case], 1)
                    found.through.update(again)
        return found

    return asyncio.run(run())
