"""
What somebody does at a site, in two parts: until it is in full swing, and the rest.

Each visit is a generator that yields once between them, and returns an
:class:`Ending`. Whatever looks like a success without being one raises.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Generator
from contextlib import closing
from enum import Enum

from tests.end_to_end import websocket
from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.client import LOGIN, Client, Wire
from tests.end_to_end.daemons import ADMIN_SECRET
from tests.end_to_end.websocket import BINARY

#: More than all the buffers on the way take.
DOWNLOAD = 64 << 20
UPLOAD = 16 << 20
#: Seconds in which nothing moves, longer than any bound of the product.
PATIENCE = 170.0
#: Seconds that the target takes for a small answer, and between two events.
SLOW = 6.0
TICK = 1.0
#: Events and messages that show that a stream goes on.
MORE = 5


class Ending(Enum):
    """What a visitor has seen."""

    #: All of it, and all of it right.
    DONE = "done"
    #: A page or an answer that says that it did not work.
    REFUSED = "refused"
    #: The connection ended.
    CUT = "cut"


class LieError(AssertionError):
    """A visitor was told of a success that was none."""


Visit = Generator[None, None, Ending]
_LOST = (OSError, EOFError, http.client.HTTPException, ssl.SSLError)


def small_request(client: Client) -> Visit:
    """A page for which the target takes its time."""
    with closing(client.connection(PATIENCE)) as connection:
        client.send(connection, "GET", f"/slow?s={SLOW}")
        yield
        try:
            answer = client.receive(connection)
        except _LOST:
            return Ending.CUT
    if answer.status == 200 and not answer.body.startswith(b"GET /slow"):
        raise LieError(f"another answer: {answer.body[:100]!r}")
    return Ending.DONE if answer.status == 200 else Ending.REFUSED


def download(client: Client) -> Visit:
    """In chunks, whose end says that it is the end."""
    return _download(client, "/chunked")


def sized_download(client: Client) -> Visit:
    """With a length."""
    return _download(client, "/sized")


def _download(client: Client, path: str) -> Visit:
    with closing(client.connection(PATIENCE)) as connection:
        client.send(connection, "GET", f"{path}?n={DOWNLOAD}")
        response = connection.getresponse()
        assert response.status == 200, response.status
        parts = [response.read(1_000_000)]
        yield
        try:
            while data := response.read(1 << 18):
                parts.append(data)
        except _LOST:
            return Ending.CUT
    # With a length, http.client tells of a short body only to who reads it at once.
    got = sum(map(len, parts))
    if path == "/sized" and got < DOWNLOAD:
        return Ending.CUT
    if digest(parts) != digest(blocks(DOWNLOAD)):
        raise LieError(f"{got} bytes of {DOWNLOAD}, and then an orderly end")
    return Ending.DONE


def upload(client: Client) -> Visit:
    """A part of a file, then the rest."""
    with closing(client.wire(PATIENCE)) as wire:
        wire.send(client.head("POST", "/hash", [("Content-Length", str(UPLOAD))]))
        parts = iter(blocks(UPLOAD))
        for _ in range(4):
            wire.send(next(parts))
        yield
        try:
            for part in parts:
                wire.send(part)
        except _LOST:
            # Who gives up on an upload says why, to whom still reads.
            return _ending_of(wire, Ending.CUT)
        return _ending_of(wire)


def _ending_of(wire: Wire, otherwise: Ending = Ending.CUT) -> Ending:
    try:
        status, fields = wire.read_head()
        names = {name.lower(): value for name, value in fields}
        body = wire.read(int(names["content-length"]))
    except (*_LOST, KeyError):
        return otherwise
    if status != 200:
        return Ending.REFUSED
    taken = json.loads(body)
    if taken != {"length": UPLOAD, "sha256": digest(blocks(UPLOAD))}:
        raise LieError(f"the target has got something else: {taken}")
    return Ending.DONE


def web_socket(client: Client) -> Visit:
    """Messages there and back."""
    with closing(client.wire(PATIENCE)) as wire:
        fields = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", websocket.new_key()),
        ]
        wire.send(client.head("GET", "/websocket", fields))
        assert wire.read_head()[0] == 101
        reader = websocket.Reader(lambda: _some_of(wire))

        def echo(said: bytes) -> None:
            wire.send(websocket.frame(BINARY, said, masked=True))
            if reader.read_frame() != (BINARY, said):
                raise LieError("another message came back")

        echo(b"before")
        yield
        try:
            for number in range(MORE):
                echo(b"after %d" % number)
        except _LOST:
            return Ending.CUT
    return Ending.DONE


def event_stream(client: Client) -> Visit:
    """Events without end."""
    with closing(client.wire(PATIENCE)) as wire:
        wire.send(client.head("GET", "/ticks"))
        assert wire.read_head()[0] == 200
        wire.read_until(b"data: 1\n\n")
        yield
        try:
            for number in range(2, 2 + MORE):
                wire.read_until(b"data: %d\n\n" % number)
        except EOFError as error:
            if str(error).endswith("0\\r\\n\\r\\n'"):
                raise LieError("a stream without end has ended in order") from error
            return Ending.CUT
        except _LOST:
            return Ending.CUT
    return Ending.DONE


def log_in(cloud_id: str) -> Callable[[Client], Visit]:
    """The form of a log-in, just sent."""

    def visit(client: Client) -> Visit:
        form = client.form_of_log_in(cloud_id, ADMIN_SECRET, as_admin=True)
        with closing(client.connection(PATIENCE)) as connection:
            client.send(connection, "POST", LOGIN, *form)
            yield
            try:
                answer = client.receive(connection)
            except _LOST:
                return Ending.CUT
        if answer.status != 303:
            return Ending.REFUSED
        if not any("cfos" in name for name in client.cookies):
            raise LieError("a log-in without a session")
        return Ending.DONE

    return visit


def _some_of(wire: Wire) -> bytes:
    data = wire.read_some()
    if not data:
        raise EOFError("the connection ended")
    return data
