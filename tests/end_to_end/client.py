"""A browser, as far as these tests need one, and bare connections."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from tests.end_to_end.processes import PATIENCE

LOGIN = "/ui/en/cloud-login.htm"
LOGOUT = "/ui/en/cloud-logout.htm"
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A response; header names as they came."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        """The value of a header that comes at most once."""
        values = self.all(name)
        assert len(values) < 2, f"{name}: {values}"
        return values[0] if values else None


@cache
def trusting_context() -> ssl.SSLContext:
    """
    The certificate is self-signed, and this is loopback. Made once: to load all CAs for
    each connection takes longer than the connection.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


class Client:
    """
    Talks to the server on ``port`` and keeps its cookies.

    :param source: the address to come from, ``127.0.0.2`` say: each one is a
        stranger of its own.
    :param authority: what ``Host`` says, if not address and port.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: bool = True,
        source: str | None = None,
        authority: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.source = source
        bracketed = f"[{host}]" if ":" in host else host
        self.authority = authority or f"{bracketed}:{port}"
        self.cookies: dict[str, str] = {}

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def cookie(self) -> str:
        """The ``Cookie`` header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        """A connection, with TLS where this client uses it."""
        source = None if self.source is None else (self.source, 0)
        plain = socket.create_connection((self.host, self.port), timeout, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.tls:
            return plain
        return trusting_context().wrap_socket(plain, server_hostname="localhost")

    def wire(self, timeout: float = PATIENCE) -> Wire:
        """A bare connection."""
        return Wire(self.connect(timeout))

    def connection(self, timeout: float = PATIENCE) -> http.client.HTTPConnection:
        """A connection that is kept alive."""
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.sock = self.connect(timeout)
        return connection

    def head(self, method: str, path: str, fields: Fields = ()) -> bytes:
        """A request's head with this client's cookies, for a bare connection."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.authority}"]
        lines += [f"{name}: {value}" for name, value in self._with_cookies(fields)]
        return "\r\n".join([*lines, "", ""]).encode()

    def send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        fields: Fields = (),
    ) -> None:
        """Send a request: an iterable body in chunks, unless it says its length."""
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.authority)
        names = {name.lower() for name, _ in fields}
        for name, value in self._with_cookies(fields):
            connection.putheader(name, value)
        if isinstance(body, bytes):
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
        elif "content-length" in names:
            connection.endheaders(body)
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=True)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        fields: Fields = (),
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            self.send(connection, method, path, body, fields)
            return self.receive(connection)
        finally:
            connection.close()

    def get(self, path: str, *fields: tuple[str, str]) -> Answer:
        return self.request("GET", path, fields=fields)

    def receive(self, connection: http.client.HTTPConnection) -> Answer:
        """All of the response, whose cookies are kept."""
        response = connection.getresponse()
        body = response.read()
        answer = Answer(
            response.status, response.reason, list(response.headers.items()), body
        )
        self._keep_cookies(answer)
        return answer

    def log_in(self, cloud_id: str, secret: str, *, as_admin: bool = False) -> Answer:
        """Fill in the form and send it."""
        form = self.form_of_log_in(cloud_id, secret, as_admin=as_admin)
        return self.request("POST", LOGIN, *form)

    def form_of_log_in(
        self, cloud_id: str, secret: str, *, as_admin: bool = False
    ) -> tuple[bytes, list[tuple[str, str]]]:
        """The form, filled in: its body and what the header says of it."""
        form = {"cloud_id": cloud_id, "cloud_user_id": secret}
        if as_admin:
            form["admin"] = "1"
        return self._fill_in(form)

    def log_out(self) -> Answer:
        return self.post_form(LOGOUT, {})

    def post_form(self, path: str, form: dict[str, str]) -> Answer:
        """Fetch the log-in page for its token, then send ``form`` with it."""
        return self.request("POST", path, *self._fill_in(form))

    def _fill_in(self, form: dict[str, str]) -> tuple[bytes, list[tuple[str, str]]]:
        page = self.get(LOGIN)
        csrf = re.search(rb'name="csrf" value="([^"]+)"', page.body)
        assert page.status == 200, page
        assert csrf is not None, page.body
        body = urlencode({**form, "csrf": csrf[1].decode()}).encode()
        return body, [("Content-Type", "application/x-www-form-urlencoded")]

    def _with_cookies(self, fields: Fields) -> list[tuple[str, str]]:
        ours = [("Cookie", self.cookie)] if self.cookies else []
        return [*ours, *fields]

    def _keep_cookies(self, answer: Answer) -> None:
        for line in answer.all("Set-Cookie"):
            pair, _, attributes = line.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in attributes.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class Wire:
    """A bare connection: bytes out, heads and bytes in."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._received = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_head(self) -> tuple[int, list[tuple[str, str]]]:
        """
        Status and fields of the next response.

        :raises EOFError: the connection ended before its head did.
        """
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        fields = [line.partition(":") for line in lines]
        return int(status.split(" ")[1]), [(n, v.strip()) for n, _, v in fields]

    def read(self, size: int) -> bytes:
        """
        Just so many bytes.

        :raises EOFError: there are fewer.
        """
        while len(self._received) < size:
            self._more()
        return self._take(size)

    def read_until(self, end: bytes) -> bytes:
        """
        Everything up to and with ``end``.

        :raises EOFError: it didn't come.
        """
        while end not in self._received:
            self._more()
        size = self._received.index(end) + len(end)
        return self.read(size)

    def read_some(self) -> bytes:
        """What there is, at least a byte; empty at the end."""
        if not self._received:
            try:
                self._more()
            except EOFError:
                return b""
        return self._take(len(self._received))

    def read_all(self) -> bytes:
        """Everything to the end of the connection, which may be an abort."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionError):
            return self._take(len(self._received))

    def close(self) -> None:
        self.socket.close()

    def abort(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
        )
        self.socket.close()

    def _take(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _more(self) -> None:
        try:
            data = self.socket.recv(256 * 1024)
        except ssl.SSLEOFError:
            data = b""
        if not data:
            raise EOFError(
                f"the connection ended after {bytes(self._received[-200:])!r}"
            )
        self._received += data
