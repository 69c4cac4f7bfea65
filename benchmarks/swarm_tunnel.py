"""
One tunnel of many, as lean as the protocol allows, and honest towards the server: TLS
without resumption, both requests, ``hello``, pings of its own every heartbeat, and the
device end's own rules for coming back.
"""

from __future__ import annotations

import json
import re
import select
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass

from benchmarks.swarm_proof import NotProven, Proof
from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.outcomes import Busy, Lost, Outcome, SentAway
from cfos_cloud.tunnel.heartbeat import MAX_UNANSWERED_PINGS
from cfos_cloud.tunnel.yamux_frames import (
    ACK,
    DATA,
    HEADER,
    HEADER_SIZE,
    PING,
    SYN,
    WINDOW_UPDATE,
    header,
)

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
#: Linux; the port is chosen with the connection, so it need not be free for all.
_BIND_ADDRESS_NO_PORT = 24
_CONTROL_STREAM = 1
_READ_BYTES = 2**14
_RETRY_AFTER = re.compile(rb"\r\nRetry-After: (\d+)\r\n", re.IGNORECASE)
_HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"hello","params":'
    b'{"protocol":1,"agent":"benchmark/1","capabilities":["http"]}}\n'
)
_OPENING = (
    header(WINDOW_UPDATE, SYN, _CONTROL_STREAM, 0)
    + header(DATA, 0, _CONTROL_STREAM, len(_HELLO))
    + _HELLO
)

#: What a tunnel waits for: its socket, to be read or written.
Script = Generator[int, None, None]


class Over(Exception):
    """A try, or a tunnel, is over."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


@dataclass(frozen=True)
class Way:
    """Where the server is, and how it is spoken to."""

    address: tuple[str, int]
    context: ssl.SSLContext

    @property
    def host(self) -> bytes:
        return b"%b:%d" % (self.address[0].encode("ascii"), self.address[1])


class Tunnel:
    """
    :param source: the address of the machine that it comes from.
    :ivar up: whether the server has answered ``hello`` and has it still.
    """

    __slots__ = (
        "_buffer",
        "_password",
        "_source",
        "_unanswered",
        "_way",
        "backoff",
        "cloud_id",
        "file",
        "heartbeat",
        "script",
        "socket",
        "turn",
        "up",
        "up_since",
    )

    def __init__(
        self, cloud_id: str, password: str, source: str, way: Way, backoff: Backoff
    ) -> None:
        self.cloud_id = cloud_id
        self._password = password
        self._source = source
        self._way = way
        self.backoff = backoff
        self.socket: socket.socket | None = None
        #: Its number, which stays the same when TLS takes it over.
        self.file = -1
        self.script: Script | None = None
        #: Of timers: those of an earlier turn mean nothing any more.
        self.turn = 0
        self.up = False
        self.up_since = 0.0
        self.heartbeat = 0.0
        self._unanswered = 0
        self._buffer = b""

    def begin(self) -> int:
        """
        A new try; its socket is there at once.

        :returns: what it waits for.
        :raises Over: it can't begin.
        """
        self.turn += 1
        self._unanswered = 0
        self._buffer = b""
        plain = socket.socket()
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.bind((self._source, 0))
        plain.connect_ex(self._way.address)
        self.socket, self.file = plain, plain.fileno()
        self.script = self._run(plain)
        return next(self.script)

    def end(self) -> None:
        """Nothing is left of it."""
        self.up = False
        self.script = None
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def ping(self) -> None:
        """
        :raises Over: two had no answer.
        """
        if self._unanswered >= MAX_UNANSWERED_PINGS:
            raise Over(Lost("two pings without an answer"))
        self._unanswered += 1
        self._send(header(PING, SYN, 0, self._unanswered))

    def _run(self, plain: socket.socket) -> Script:
        yield WRITE
        error = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise Over(Lost(f"no connection, error {error}"))
        tls = self._way.context.wrap_socket(plain, do_handshake_on_connect=False)
        self.socket = tls
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                yield READ
            else:
                break
        certificate = tls.getpeercert(binary_form=True)
        if certificate is None:
            raise Over(Lost("no certificate"))
        proof = Proof(self.cloud_id, self._password, certificate)
        challenge = yield from self._ask(proof.first(), b"401")
        answer = yield from self._ask(proof.final(challenge), b"101")
        proof.check(answer)
        self._send(_OPENING)
        lines = b""
        while b"\n" not in lines:
            lines += yield from self._receive()
        line, _, lines = lines.partition(b"\n")
        result = json.loads(line).get("result")
        if result is None:
            raise Over(Lost(f"hello: {line!r}"))
        self.heartbeat = result["heartbeat"]
        self.up = True
        while True:
            while b"\n" in lines:
                line, _, lines = lines.partition(b"\n")
                _obey(json.loads(line))
            lines += yield from self._receive()

    def _ask(self, authorization: bytes, status: bytes) -> Generator[int, None, bytes]:
        """The head of the answer; what comes behind it is kept."""
        self._send(
            b"GET /cloud/tunnel HTTP/1.1\r\nHost: %b\r\nConnection: Upgrade\r\n"
            b"Upgrade: cfos-tunnel/1\r\nAuthorization: %b\r\n\r\n"
            % (self._way.host, authorization)
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += yield from self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 %b " % status):
            return head
        found = _RETRY_AFTER.search(head + b"\r\n")
        if found is not None:
            raise Over(Busy("the server is busy", float(found[1])))
        raise NotProven(f"the server answers {head[:200]!r}")

    def _receive(self) -> Generator[int, None, bytes]:
        """What comes on the control stream; all other frames are seen to."""
        while True:
            if len(self._buffer) < HEADER_SIZE:
                self._buffer += yield from self._read()
                continue
            _, kind, flags, stream, length = HEADER.unpack_from(self._buffer)
            if kind == DATA:
                end = HEADER_SIZE + length
                while len(self._buffer) < end:
                    self._buffer += yield from self._read()
                data, self._buffer = self._buffer[HEADER_SIZE:end], self._buffer[end:]
                if stream == _CONTROL_STREAM:
                    return data
                continue
            self._buffer = self._buffer[HEADER_SIZE:]
            if kind == PING and flags & SYN:
                self._send(header(PING, ACK, 0, length))
            elif kind == PING:
                self._unanswered = 0

    def _read(self) -> Generator[int, None, bytes]:
        while True:
            try:
                data = self.socket.recv(_READ_BYTES)  # type: ignore[union-attr]
            except ssl.SSLWantReadError:
                yield READ
                continue
            if not data:
                raise Over(Lost("the server has closed the connection"))
            return data

    def _send(self, data: bytes) -> None:
        # Little, and the server reads: the kernel takes it.
        self.socket.send(data)  # type: ignore[union-attr]


def _obey(message: dict[str, object]) -> None:
    """
    :raises Over: it is a goaway.
    """
    if message.get("method") == "goaway":
        params = message.get("params")
        if isinstance(params, dict):
            after = params.get("retry_after")
            seconds = None if after is None else float(after)
            raise Over(SentAway(str(params["reason"]), seconds))
