"""Connections in memory: a transport with a socket's manners, and what it carries."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.testing import StringTransport


class MemoryTransport(StringTransport):
    """
    Keeps what is written. As a socket's it may be told things that make no
    difference any more; how it was ended is in ``disconnecting``, ``aborted`` and,
    for what is written alone, ``write_ended``.
    """

    aborted = False
    write_ended = False

    def __init__(self) -> None:
        super().__init__(lenient=True)

    def abortConnection(self) -> None:
        self.aborted = True

    def loseWriteConnection(self) -> None:
        self.write_ended = True

    def unregisterProducer(self) -> None:
        self.producer = None

    @property
    def reading(self) -> bool:
        """Whether the protocol wants to have more."""
        return self.producerState == "producing"

    @property
    def ended(self) -> bool:
        """Whether the protocol has ended the connection, one way or the other."""
        return self.aborted or self.disconnecting

    def take(self) -> bytes:
        """What was written since the last call."""
        data: bytes = self.value()
        self.clear()
        return data


@dataclass(frozen=True)
class Message:
    """One HTTP message: ``start`` line, fields by lower-case name, decoded body."""

    start: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start.split(b" ")[1])

    def all(self, name: bytes) -> list[bytes]:
        """The values of every field called ``name`` (lower case)."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: bytes) -> bytes | None:
        """The value of the field that there is at most once."""
        values = self.all(name)
        assert len(values) < 2, values
        return values[0] if values else None


def parse_messages(data: bytes, *, bodiless: bool = False) -> list[Message]:
    """
    The complete messages in ``data``, read as simply as can be: it is for what we
    wrote ourselves. Bodies end by their length, their last chunk, or with the data.

    :param bodiless: these are answers to HEAD.
    """
    messages = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, head
        start, *lines = head.split(b"\r\n")
        pairs = [line.split(b": ", 1) for line in lines]
        fields = tuple((name.lower(), value) for name, value in pairs)
        message = Message(start, fields, b"")
        is_response = start.startswith(b"HTTP/")
        if bodiless or (is_response and message.status in (100, 101, 204, 304)):
            body = b""
        elif message.get(b"transfer-encoding") == b"chunked":
            body, data = _dechunk(data)
        elif (length := message.get(b"content-length")) is not None:
            body, data = data[: int(length)], data[int(length) :]
        elif is_response:
            body, data = data, b""
        else:
            body = b""
        messages.append(Message(start, fields, body))
    return messages


def _dechunk(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, ending, data = (
            body + data[:length],
            data[length : length + 2],
            data[length + 2 :],
        )
        assert ending == b"\r\n", ending
        if length == 0:
            return body, data
