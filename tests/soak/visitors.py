"""People, applications and an operator who use one site at a steady pace."""

from __future__ import annotations

import base64
import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from tests.end_to_end import websocket
from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import Site
from tests.end_to_end.client import Answer, Client, Wire
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID
from tests.end_to_end.keys import KeyAdmin, bearer
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Request
from tests.soak.outcomes import Book, Cut, Outcome

PAGE = "page"
DOWNLOAD = 1 << 20
UPLOAD = 1 << 19
#: What a page loads besides itself, in bytes.
PARTS = (2_000, 8_000, 30_000)
TICKS = "/ticks"
METER = "/api/json/meter"
#: How long a WebSocket and an event stream are kept: in messages, a second each.
KEPT = 15
LOGIN_TRIES = 3


class WrongError(Exception):
    """It was not as it should be; it may have been a cut."""


class LieError(Exception):
    """What looked like a success was none."""


@dataclass(frozen=True)
class Scene:
    """What all of them share."""

    site: Site
    book: Book
    began: float

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


class Visitor(threading.Thread):
    """
    Does ``turn`` again and again until told to stop.

    :param every: seconds from one beginning to the next, on average.
    """

    def __init__(
        self, scene: Scene, what: str, every: float, turn: Callable[[Scene], None]
    ) -> None:
        super().__init__(name=what, daemon=True)
        self._scene = scene
        self._what = what
        self._every = every
        self._turn = turn
        self._stopped = threading.Event()
        # The same at each run, and not in step with the others.
        self._random = random.Random(what)  # noqa: S311 - not for secrets

    def run(self) -> None:
        while not self._stopped.wait(self._every * (0.5 + self._random.random())):
            began, wrong, is_lie = self._scene.now(), "", False
            try:
                self._turn(self._scene)
            except LieError as error:
                wrong, is_lie = str(error), True
            except (WrongError, OSError, EOFError, http.client.HTTPException) as error:
                wrong = f"{type(error).__name__}: {error}"
            except Exception as error:
                # A mistake of ours must not pass for one that a cut excuses.
                wrong, is_lie = repr(error), True
            self._scene.book.add(
                Outcome(self._what, began, self._scene.now(), wrong, is_lie)
            )

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped.set()


def visitors(scene: Scene, pace: float, cut_every: float) -> list[Visitor]:
    """
    All of them.

    :param pace: 1 is about a tenth of a slow core, in all processes together.
    :param cut_every: seconds between two cuts of the tunnel.
    """
    client = scene.site.device.client()
    turns: list[tuple[str, float, Callable[[Scene], None]]] = [
        (PAGE, 1.0, lambda scene: load_page(client)),
        ("download", 4.0, lambda scene: download(client)),
        ("upload", 4.0, lambda scene: upload(client)),
        ("websocket", 1.0, lambda scene: keep_websocket(client)),
        ("events", 1.0, lambda scene: read_events(client)),
        ("log-in", 8.0, log_in_and_out),
        ("key", 15.0, use_a_key),
    ]
    made = [Visitor(scene, what, every / pace, turn) for what, every, turn in turns]
    return [*made, Visitor(scene, "cut", cut_every, cut_the_tunnel)]


def use_all_threads(scene: Scene) -> None:
    """
    Have passwords proven side by side, at both ends: each of their threads takes 19 MiB
    at its first proof, for good.
    """
    operator = base64.b64encode(b"admin:not the operator's").decode()
    field = ("Authorization", f"Basic {operator}")
    server, device = scene.site.device.server, scene.site.device

    def prove(number: int) -> None:
        if number % 2:
            server.client().get("/cloud/metrics", field)
        else:
            log_in(server.client(), device.cloud_id, USER_ID, as_admin=False)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(prove, range(6)))


def prepare(site: Site) -> None:
    """What the target needs for them."""
    site.target.routes[TICKS] = tick
    site.target.routes[METER] = lambda request: request.respond(
        "200 OK", "Content-Type: application/json", body=b'{"power": 7}'
    )


def tick(request: Request) -> None:
    """An event each second, as long as somebody is there."""
    request.begin("200 OK", "Content-Type: text/event-stream")
    for number in range(10 * KEPT):
        request.send(b"data: %d\n\n" % number)
        time.sleep(1.0)
    request.keep_alive = False


# what they do


def load_page(client: Client) -> None:
    with closing(client.connection()) as connection:
        client.send(connection, "GET", "/")
        check_page(client.receive(connection))
        for size in PARTS:
            client.send(connection, "GET", f"/sized?n={size}")
            answer = client.receive(connection)
            check(answer, 200)
            if len(answer.body) != size:
                raise LieError(f"{len(answer.body)} bytes of {size}")


def download(client: Client) -> None:
    answer = client.get(f"/chunked?n={DOWNLOAD}")
    check(answer, 200)
    if digest([answer.body]) != digest(blocks(DOWNLOAD)):
        raise LieError(f"not what was to come, {len(answer.body)} bytes")


def upload(client: Client) -> None:
    answer = client.request("POST", "/hash", blocks(UPLOAD))
    check(answer, 200)
    taken = json.loads(answer.body)
    if taken != {"length": UPLOAD, "sha256": digest(blocks(UPLOAD))}:
        raise LieError(f"the target has got something else: {taken}")


def keep_websocket(client: Client) -> None:
    with closing(client.wire()) as wire:
        fields = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", websocket.new_key()),
        ]
        wire.send(client.head("GET", "/websocket", fields))
        status, _ = wire.read_head()
        if status != 101:
            raise WrongError(f"status {status}")
        reader = websocket.Reader(lambda: some_of(wire))
        for number in range(KEPT):
            said = b"message %d" % number
            wire.send(websocket.frame(websocket.BINARY, said, masked=True))
            if reader.read_frame() != (websocket.BINARY, said):
                raise LieError("another message came back")
            time.sleep(1.0)
        wire.send(websocket.frame(websocket.CLOSE, b"\x03\xe8", masked=True))
        if reader.read_frame()[0] != websocket.CLOSE:
            raise LieError("no Close came back")


def read_events(client: Client) -> None:
    """Their reader goes away in the midst of them, as browsers do."""
    with closing(client.wire()) as wire:
        wire.send(client.head("GET", TICKS))
        status, _ = wire.read_head()
        if status != 200:
            raise WrongError(f"status {status}")
        for number in range(KEPT):
            wire.read_until(b"data: %d\n\n" % number)


def log_in(client: Client, cloud_id: str, secret: str, *, as_admin: bool) -> None:
    """The device end has 2.5 s, which a busy machine may take: people try again."""
    for left in reversed(range(LOGIN_TRIES)):
        answer = client.log_in(cloud_id, secret, as_admin=as_admin)
        if answer.status != 401 or not left:
            break
    check(answer, 303)


def log_in_and_out(scene: Scene) -> None:
    device = scene.site.device
    for secret, as_admin in ((ADMIN_SECRET, True), (USER_ID, False)):
        client = device.server.client()
        log_in(client, device.cloud_id, secret, as_admin=as_admin)
        check_page(client.get("/"))
        cookies = dict(client.cookies)
        check(client.log_out(), 303, 200)
        client.cookies = cookies
        if client.get("/").status == 200:
            raise LieError("a session that was ended is one still")


def use_a_key(scene: Scene) -> None:
    client = scene.site.device.server.client()
    cloud_id = scene.site.device.cloud_id
    log_in(client, cloud_id, ADMIN_SECRET, as_admin=True)
    admin = KeyAdmin(scene.site, client)
    made = admin.ask("POST", "/keys", {"name": "soak", "role": "api"})
    check(made, 201)
    document = json.loads(made.body)
    path, field = f"/keys/{document['id']}", bearer(document["key"])
    try:
        given = {"admin_secret": ADMIN_SECRET}
        check(admin.ask("POST", f"{path}/authorize", given), 200)
        check(scene.site.device.server.client().get(METER, field), 200)
    finally:
        check(admin.ask("DELETE", path), 204)
    check(client.log_out(), 303, 200)
    if scene.site.device.server.client().get(METER, field).status != 401:
        raise LieError("a key that was revoked is one still")


def cut_the_tunnel(scene: Scene) -> None:
    """The operator cuts it; the device end comes back by itself."""
    server, cloud_id = scene.site.device.server, scene.site.device.cloud_id
    began = scene.now()
    try:
        server.ask("POST", f"/systems/{cloud_id}/disconnect")
        with suppress(OSError, http.client.HTTPException):
            wait_until(lambda: server.is_online(cloud_id), "the tunnel is back")
    finally:
        scene.book.add_cut(Cut(began, scene.now()))


def some_of(wire: Wire) -> bytes:
    """
    :raises EOFError: there is nothing more.
    """
    data = wire.read_some()
    if not data:
        raise EOFError("the connection ended")
    return data


def check_page(answer: Answer) -> None:
    check(answer, 200)
    if not answer.body.startswith(b"GET / HTTP/1.1\r\n"):
        raise LieError(f"not the device's page: {answer.body[:100]!r}")


def check(answer: Answer, *wanted: int) -> None:
    if answer.status not in wanted:
        raise WrongError(f"status {answer.status}")
