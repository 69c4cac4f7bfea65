"""A web server of our own behind the device end: it says exactly what came."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from tests.end_to_end import websocket
from tests.end_to_end.blocks import blocks
from tests.end_to_end.processes import PATIENCE, wait_until

_READ = 256 * 1024


class Request:
    """One request, and the connection to answer it on."""

    def __init__(self, connection: socket.socket, head: bytes, rest: bytes) -> None:
        self.connection = connection
        #: As it came, the empty line included.
        self.head = head
        self._rest = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = first.split(" ")
        self.target = target
        url = urlsplit(target)
        self.path = url.path
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        pairs = (line.partition(":") for line in lines if line)
        self.fields = [(name, value.strip()) for name, _, value in pairs]
        #: Whether another request may follow.
        self.keep_alive = True
        self.body_was_read = self.field("Content-Length") in (None, "0") and not (
            self.field("Transfer-Encoding")
        )

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        """The value of a header that comes at most once."""
        values = self.all(name)
        assert len(values) < 2, f"{name}: {values}"
        return values[0] if values else None

    # the body

    def body(self) -> Iterator[bytes]:
        """
        The body as it comes.

        :raises EOFError: it ended too early.
        """
        if self.body_was_read:
            return
        if self.field("Transfer-Encoding") == "chunked":
            while size := int(self._line(), 16):
                yield from self._exactly(size)
                assert self._line() == b""
            while self._line():
                pass
        else:
            yield from self._exactly(int(self.field("Content-Length") or 0))
        self.body_was_read = True

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            self._rest += self.receive()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            data = self._rest or self.receive()
            part, self._rest = data[:size], data[size:]
            size -= len(part)
            yield part

    def take_rest(self) -> bytes:
        """What has been read beyond the request."""
        rest, self._rest = self._rest, b""
        return rest

    def receive(self) -> bytes:
        """
        :raises EOFError: the connection ended.
        """
        data = self.connection.recv(_READ)
        if not data:
            raise EOFError("the device end has closed the connection")
        return data

    # the response

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def respond(self, status: str, *lines: str, body: bytes | None = b"") -> None:
        """A response with a length; ``None``: the body, if any, is up to ``lines``."""
        if body is not None:
            lines = (*lines, f"Content-Length: {len(body)}")
        self.begin(status, *lines)
        if body and self.method != "HEAD":
            self.send(body)

    def begin(self, status: str, *lines: str) -> None:
        """A head without the body that belongs to it."""
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode())

    def send_chunk(self, data: bytes) -> None:
        """One chunk; an empty one is the last."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def wait_for_close(self, seconds: float = PATIENCE) -> None:
        """
        Wait until the connection has ended, whatever else comes on it.

        :raises AssertionError: it has not.
        """
        self.keep_alive = False
        self.connection.settimeout(seconds)
        try:
            while self.connection.recv(_READ):
                pass
        except TimeoutError as error:
            raise AssertionError(f"still connected after {seconds:.0f} s") from error
        except OSError:
            pass


Route = Callable[[Request], None]


class Target:
    """
    Serves :attr:`routes`, and the echo of a request's head for every other path.
    A route runs in its connection's thread; what it raises is in :attr:`errors`.
    """

    def __init__(self, port: int = 0) -> None:
        self.routes: dict[str, Route] = {
            "/sized": sized,
            "/chunked": chunked,
            "/until-close": until_close,
            "/hash": hash_upload,
            "/status": status,
            "/endless": endless,
            "/file": file,
            "/websocket": websocket_echo,
            "/upgrade": upgrade_echo,
        }
        self.requests: list[Request] = []
        self.errors: list[Exception] = []
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        #: Connections that were accepted in all.
        self.accepted = 0
        self._server = _Server(("127.0.0.1", port), self._serve)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.authority = f"127.0.0.1:{self.port}"
        # Its threads are daemons: one that hangs can't keep the tests from ending.
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        ).start()

    def paths(self) -> list[str]:
        """Paths of the requests so far."""
        return [request.path for request in list(self.requests)]

    def wait_for(self, path: str, count: int = 1) -> Request:
        """The latest request for ``path``, when there have been ``count``."""
        wait_until(
            lambda: self.paths().count(path) >= count, f"request {count} for {path}"
        )
        return [each for each in list(self.requests) if each.path == path][-1]

    def close(self) -> None:
        """Take no more connections, and end those that are."""
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections.add(connection)
            self.accepted += 1
        try:
            self._serve_requests(connection)
        except (EOFError, ConnectionError, TimeoutError):
            pass  # the device end has had enough; some tests are about that
        except Exception as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _serve_requests(self, connection: socket.socket) -> None:
        rest = b""
        keep_alive = True
        while keep_alive:
            while b"\r\n\r\n" not in rest:
                data = connection.recv(_READ)
                if not data:
                    return
                rest += data
            head, _, rest = rest.partition(b"\r\n\r\n")
            request = Request(connection, head + b"\r\n\r\n", rest)
            self.requests.append(request)
            self.routes.get(request.path, echo)(request)
            keep_alive = request.keep_alive and request.body_was_read
            rest = request.take_rest()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], serve: Callable[[socket.socket], None]
    ) -> None:
        self._serve = serve
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._serve(request)

    def shutdown_request(self, request: object) -> None:
        """The connection is closed already; an orderly end was up to its route."""


# routes


def echo(request: Request) -> None:
    """The head as it came; of the body, length and hash in the headers."""
    digest, length = hashlib.sha256(), 0
    for data in request.body():
        digest.update(data)
        length += len(data)
    request.respond(
        "200 OK",
        "Content-Type: text/plain",
        f"X-Body-Length: {length}",
        f"X-Body-Hash: {digest.hexdigest()}",
        body=request.head,
    )


def sized(request: Request) -> None:
    """``?n=``: so many bytes, with Content-Length."""
    size = int(request.query["n"])
    request.begin("200 OK", f"Content-Length: {size}")
    if request.method != "HEAD":
        for block in blocks(size):
            request.send(block)


def chunked(request: Request) -> None:
    """``?n=``: so many bytes in chunks."""
    request.begin("200 OK", "Transfer-Encoding: chunked")
    if request.method != "HEAD":
        for block in blocks(int(request.query["n"])):
            request.send_chunk(block)
        request.send_chunk(b"")


def until_close(request: Request) -> None:
    """``?n=``: so many bytes, whose end is that of the connection."""
    request.begin("200 OK", "Connection: close")
    for block in blocks(int(request.query["n"])):
        request.send(block)
    request.keep_alive = False


def hash_upload(request: Request) -> None:
    """Length and hash of the body, as JSON."""
    digest, length = hashlib.sha256(), 0
    for data in request.body():
        digest.update(data)
        length += len(data)
    document = {"length": length, "sha256": digest.hexdigest()}
    request.respond(
        "200 OK", "Content-Type: application/json", body=json.dumps(document).encode()
    )


def status(request: Request) -> None:
    """``?is=``: a status that has no body."""
    request.respond(f"{request.query['is']} Indeed", 'ETag: "1"', body=None)


FILE = bytes(range(256)) * 16


def file(request: Request) -> None:
    """:data:`FILE`, or the one range of it that is asked for."""
    wanted = request.field("Range")
    if wanted is None:
        request.respond("200 OK", "Accept-Ranges: bytes", body=FILE)
        return
    first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
    request.respond(
        "206 Partial Content",
        f"Content-Range: bytes {first}-{last}/{len(FILE)}",
        body=FILE[first : last + 1],
    )


def endless(request: Request) -> None:
    """One event; then nothing, until the connection ends."""
    request.begin("200 OK", "Content-Type: text/event-stream")
    request.send(b"data: 1\n\n")
    request.wait_for_close()


def upgrade_echo(request: Request) -> None:
    """Switches to whatever is asked for, then sends back what comes."""
    protocol = request.field("Upgrade")
    if protocol is None:
        echo(request)
        return
    request.begin(
        "101 Switching Protocols", "Connection: Upgrade", f"Upgrade: {protocol}"
    )
    request.keep_alive = False
    rest = request.take_rest()
    if rest:
        request.send(rest)
    while True:
        request.send(request.receive())


def websocket_echo(request: Request) -> None:
    """A WebSocket (RFC 6455) that sends messages back, and closes when asked."""
    key = request.field("Sec-WebSocket-Key") or ""
    request.begin(
        "101 Switching Protocols",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Accept: {websocket.accept_of(key)}",
    )
    request.keep_alive = False
    reader = websocket.Reader(request.receive, request.take_rest())
    while True:
        opcode, payload = reader.read_frame()
        request.send(websocket.frame(opcode, payload))
        if opcode == websocket.CLOSE:
            return
