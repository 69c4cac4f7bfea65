"""
Holds many tunnels in one process, as lean as the protocol allows: TLS, SCRAM bound to
the certificate, ``hello``, then answers to pings. It ends when one of them is lost.

``PORT FILE``, with a Cloud ID and its Cloud password in each line of the file.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import ssl
import sys
from pathlib import Path

from cfos_cloud.tunnel.scram import ClientHandshake, end_point_binding
from cfos_cloud.tunnel.yamux import Connection, Data, Role

#: Handshakes at a time.
AT_A_TIME = 8
HOST = "127.0.0.1"
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "hello",
    "params": {"protocol": 1, "agent": "benchmark/1", "capabilities": ["http"]},
}


class TunnelLost(Exception):
    """The server has refused or ended a tunnel; the message says how."""


class Tunnel:
    """One of them."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._yamux = Connection(Role.CLIENT)

    async def open(self, cloud_id: str, password: str, port: int) -> None:
        """
        :raises TunnelLost: the server does not take it.
        """
        tls = self._writer.get_extra_info("ssl_object")
        scram = ClientHandshake(
            cloud_id, password, end_point_binding(tls.getpeercert(binary_form=True))
        )
        challenge = await self._ask(port, scram.first(), b"401")
        final = scram.final(_field(challenge, b"WWW-Authenticate"))
        scram.finish(
            _field(await self._ask(port, final, b"101"), b"Authentication-Info")
        )
        stream = self._yamux.open_stream()
        self._yamux.send(stream, json.dumps(_HELLO).encode() + b"\n")
        self._flush()
        answer = b""
        while b"\n" not in answer:
            answer += await self._receive()
        if "result" not in json.loads(answer.partition(b"\n")[0]):
            raise TunnelLost(f"hello of {cloud_id}: {answer!r}")

    async def hold(self) -> None:
        """
        :raises TunnelLost: sooner or later.
        """
        while True:
            await self._receive()

    async def _ask(self, port: int, authorization: bytes, status: bytes) -> bytes:
        self._writer.write(
            b"GET /cloud/tunnel HTTP/1.1\r\nHost: %b:%d\r\nConnection: Upgrade\r\n"
            b"Upgrade: cfos-tunnel/1\r\nAuthorization: %b\r\n\r\n"
            % (HOST.encode(), port, authorization)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 %b " % status):
            raise TunnelLost(f"the server answers {head[:200]!r}")
        return head

    async def _receive(self) -> bytes:
        data = await self._reader.read(2**16)
        if not data:
            raise TunnelLost("the server has ended a tunnel")
        received = b""
        for event in self._yamux.receive_data(data):
            if isinstance(event, Data):
                self._yamux.consumed(event.stream_id, len(event.data))
                received += event.data
        self._flush()
        return received

    def _flush(self) -> None:
        while data := self._yamux.next_bytes(2**16):
            self._writer.write(data)


def _field(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"\r\n" + name + rb": ([^\r]*)\r\n", head, re.IGNORECASE)
    if found is None:
        raise TunnelLost(f"no {name.decode()} in {head[:200]!r}")
    return found[1]


async def hold_all(port: int, systems: list[tuple[str, str]]) -> None:
    """
    A tunnel for each of ``systems``, said when all are up, until one is lost.

    :raises TunnelLost: one is.
    """
    # The certificate is self-signed, and this is loopback.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    turns = asyncio.Semaphore(AT_A_TIME)

    async def open_one(cloud_id: str, password: str) -> Tunnel:
        async with turns:
            tunnel = Tunnel(*await asyncio.open_connection(HOST, port, ssl=context))
            await tunnel.open(cloud_id, password, port)
            return tunnel

    tunnels = await asyncio.gather(*(open_one(*system) for system in systems))
    print("all up", flush=True)
    await asyncio.gather(*(tunnel.hold() for tunnel in tunnels))


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, path = sys.argv[1:]
    lines = Path(path).read_text().splitlines()
    systems = [(cloud_id, word) for cloud_id, word in map(str.split, lines)]
    try:
        asyncio.run(hold_all(int(port), systems))
    except (TunnelLost, OSError, EOFError) as error:
        sys.exit(f"a tunnel was lost: {error}")
