"""Our yamux against HashiCorp's implementation, over a loopback socket."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cfos_cloud.tunnel.yamux import (
    NORMAL,
    PROTOCOL_ERROR,
    Connection,
    Data,
    Event,
    Fin,
    GoAway,
    GoneAway,
    Pong,
    Reset,
    Role,
    StreamOpened,
)

#: Where Debian's packages of Go sources are.
GOPATH = Path("/usr/share/gocode")
SOURCE = Path(__file__).parent.parent / "interop" / "yamux_peer"

WINDOW = 256 * 1024
MIB = 1 << 20
PATTERN = bytes(range(251)) * (8 * MIB // 251 + 1)
CONTROL = 1
#: For what hangs only if it is broken, in seconds.
PATIENCE = 60


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """For the program; removed at the end of the process."""
    return tempfile.TemporaryDirectory(prefix="yamux-peer-")


@cache
def program() -> Path:
    """
    The peer's program, built once.

    :raises SkipTest: no Go, or no yamux for it.
    """
    go = shutil.which("go")
    if go is None:
        raise SkipTest("needs Go (Debian: golang-go)")
    if not (GOPATH / "src/github.com/hashicorp/yamux").is_dir():
        raise SkipTest("needs Debian's golang-github-hashicorp-yamux-dev")
    built = Path(folder().name) / "yamux_peer"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(built.with_name("cache")),
        "GOFLAGS": "",
    }
    subprocess.run(
        [go, "build", "-o", str(built), "."],
        cwd=SOURCE,
        env=environment,
        check=True,
        timeout=5 * PATIENCE,
    )
    return built


class Peer:
    """HashiCorp's client in a process of its own, and our server connected to it."""

    def __init__(self) -> None:
        built = program()
        self.core = Connection(Role.SERVER)
        self.events: list[Event] = []
        self.received: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.ended: set[int] = set()
        self.opened: list[int] = []
        #: Streams of which nothing is consumed.
        self.paused: set[int] = set()
        #: Streams the peer opens are echoed.
        self.echo = False
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            self._process = subprocess.Popen(
                [built, f"127.0.0.1:{server.getsockname()[1]}"],
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                self.socket, _ = server.accept()
            except BaseException:
                self._process.kill()
                raise
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pump(lambda: self.opened == [CONTROL])

    def close(self) -> str:
        """End the process; its log."""
        self.socket.close()
        try:
            return self._process.communicate(timeout=PATIENCE)[1]
        finally:
            self._process.kill()

    def flush(self) -> None:
        while data := self.core.next_bytes(64 * 1024):
            self.socket.sendall(data)

    def pump(self, done: Callable[[], bool]) -> None:
        """Send and receive until ``done``."""
        while True:
            self.flush()
            if done():
                return
            data = self.socket.recv(64 * 1024)
            assert data, "the peer has closed the connection"
            self.feed(data)

    def feed(self, data: bytes) -> None:
        for event in self.core.receive_data(data):
            self.events.append(event)
            match event:
                case StreamOpened(stream_id):
                    self.opened.append(stream_id)
                case Data(stream_id, payload):
                    self.received[stream_id] += payload
                    if stream_id not in self.paused:
                        self.core.consumed(stream_id, len(payload))
                    if self.echo and stream_id in self.opened[1:]:
                        self.core.send(stream_id, payload)
                case Fin(stream_id):
                    self.ended.add(stream_id)

    def send_all(self, stream_id: int, data: bytes) -> None:
        """Send ``data``, never with more than a window of it queued."""
        for start in range(0, len(data), WINDOW):
            self.pump(lambda: self.core.queued(stream_id) == 0)
            self.core.send(stream_id, data[start : start + WINDOW])
        self.flush()

    def wait_for_end(self, stream_id: int) -> None:
        """Until the peer has ended its direction of the stream."""
        self.pump(lambda: stream_id in self.ended)

    def command(self, line: str) -> None:
        self.core.send(CONTROL, line.encode() + b"\n")

    def answer(self) -> str:
        """The next line on the control stream."""
        lines = self.received[CONTROL]
        self.pump(lambda: b"\n" in lines)
        line, _, rest = bytes(lines).partition(b"\n")
        lines[:] = rest
        return line.decode()

    def ask(self, line: str) -> str:
        self.command(line)
        return self.answer()


#: What the peer says of itself when its session ends at the wrong moment.
OWN_RACE = "aborted stream open without inflight syn"


class Interop(SynchronousTestCase):
    #: Lines of errors that the peer logs.
    errors = 0

    def setUp(self) -> None:
        self.peer = Peer()
        self.core = self.peer.core

    def tearDown(self) -> None:
        # What the peer takes for a fault of ours it says in its log only.
        errors = [
            line
            for line in self.peer.close().splitlines()
            if "[ERR]" in line and OWN_RACE not in line
        ]
        self.assertEqual(len(errors), self.errors, errors)

    def open(self, kind: bytes) -> int:
        stream_id = self.core.open_stream()
        self.core.send(stream_id, kind)
        return stream_id

    def test_many_mib_return_from_one_stream(self) -> None:
        stream_id = self.open(b"e")
        self.peer.send_all(stream_id, PATTERN)
        self.core.send_fin(stream_id)
        self.peer.wait_for_end(stream_id)
        self.assertEqual(self.peer.received[stream_id], PATTERN)
        self.assertEqual(self.core.streams, 1)

    def test_many_streams_share_the_connection(self) -> None:
        ids = [self.open(b"e") for _ in range(40)]
        for start in range(0, MIB, 100_000):
            for stream_id in ids:
                piece = PATTERN[start + stream_id : start + stream_id + 100_000]
                self.core.send(stream_id, piece)
        for stream_id in ids:
            self.core.send_fin(stream_id)
        self.peer.pump(lambda: self.peer.ended == set(ids))
        for stream_id in ids:
            sent = PATTERN[stream_id : stream_id + 1_100_000]
            self.assertEqual(self.peer.received[stream_id], sent)
        self.assertEqual(self.core.streams, 1)

    def test_the_peer_answers_after_our_fin(self) -> None:
        stream_id = self.open(b"h")
        self.peer.send_all(stream_id, PATTERN)
        self.core.send_fin(stream_id)
        self.peer.wait_for_end(stream_id)
        digest = hashlib.sha256(PATTERN).hexdigest()
        self.assertEqual(
            self.peer.received[stream_id].decode(), f"{len(PATTERN)} {digest}"
        )
        self.assertEqual(self.peer.ask("streams"), "1")

    def test_we_answer_after_the_peers_fin(self) -> None:
        self.assertEqual(self.peer.ask(f"write {8 * MIB}"), "written 3")
        self.peer.wait_for_end(3)
        self.assertEqual(self.peer.received[3], PATTERN[: 8 * MIB])
        self.assertEqual(self.core.streams, 2)
        self.core.send(3, b"answer")
        self.core.send_fin(3)
        self.assertEqual(self.peer.ask("streams"), "1")
        self.assertEqual(self.core.streams, 1)

    def test_many_mib_return_from_us(self) -> None:
        self.peer.echo = True
        self.assertEqual(self.peer.ask(f"talk {8 * MIB}"), "echoed true")
        self.peer.pump(lambda: self.peer.ended == {3})

    def test_the_peer_opens_more_streams_than_its_backlog(self) -> None:
        for number in range(600):
            stream_id = 3 + 2 * number
            self.assertEqual(self.peer.ask("write 10"), f"written {stream_id}")
            self.peer.wait_for_end(stream_id)
            self.core.send_fin(stream_id)
        self.assertEqual(self.peer.ask("streams"), "1")
        self.assertEqual(self.core.streams, 1)

    def test_a_stream_that_nobody_reads_stops_at_its_window_alone(self) -> None:
        self.peer.paused.add(3)
        self.peer.command(f"write {MIB}")
        self.peer.pump(lambda: len(self.peer.received[3]) == WINDOW)
        stream_id = self.open(b"e")
        self.peer.send_all(stream_id, PATTERN)
        self.peer.pump(lambda: len(self.peer.received[stream_id]) == len(PATTERN))
        self.assertEqual(len(self.peer.received[3]), WINDOW)
        self.peer.paused.clear()
        self.core.consumed(3, WINDOW)
        self.peer.wait_for_end(3)
        self.assertEqual(self.peer.received[3], PATTERN[:MIB])

    def test_pings_are_answered_both_ways(self) -> None:
        self.assertEqual(self.peer.ask("ping"), "pong")
        value = self.core.ping()
        self.peer.pump(lambda: Pong(value) in self.peer.events)

    def test_the_peer_sees_our_reset(self) -> None:
        stream_id = self.open(b"r")
        self.core.send(stream_id, b"some")
        self.peer.flush()
        self.core.reset(stream_id)
        self.assertEqual(self.peer.answer(), "read: connection reset")
        self.assertEqual(self.peer.ask("streams"), "1")

    def test_data_on_its_way_to_a_reset_stream_harms_nothing(self) -> None:
        self.peer.paused.add(3)
        self.peer.command(f"write {MIB}")
        self.peer.pump(lambda: len(self.peer.received[3]) > 0)
        self.core.reset(3)
        self.assertEqual(self.peer.answer(), "failed: connection reset")
        self.assertEqual(self.peer.ask("ping"), "pong")
        self.assertLessEqual(len(self.peer.received[3]), WINDOW)

    def test_a_stream_opened_while_the_peers_goaway_comes_is_reset(self) -> None:
        self.peer.command("goaway")
        self.peer.flush()
        held = b""
        while b"gone\n" not in held:
            held += self.peer.socket.recv(4096)
        stream_id = self.open(b"e")
        self.peer.feed(held)
        self.peer.pump(lambda: Reset(stream_id) in self.peer.events)
        self.assertEqual(self.core.streams, 1)

    def test_the_peers_goaway_leaves_what_is_open(self) -> None:
        stream_id = self.open(b"e")
        self.assertEqual(self.peer.ask("goaway"), "gone")
        self.assertIn(GoAway(NORMAL), self.peer.events)
        self.assertRaises(GoneAway, self.core.open_stream)
        self.core.send(stream_id, b"still there")
        self.core.send_fin(stream_id)
        self.peer.wait_for_end(stream_id)
        self.assertEqual(self.peer.received[stream_id], b"still there")

    def test_our_goaway_leaves_what_is_open(self) -> None:
        stream_id = self.open(b"e")
        self.core.go_away(NORMAL)
        self.assertEqual(
            self.peer.ask("write 1"),
            "failed: remote end is not accepting connections",
        )
        self.core.send(stream_id, b"still there")
        self.core.send_fin(stream_id)
        self.peer.wait_for_end(stream_id)
        self.assertEqual(self.peer.received[stream_id], b"still there")

    def test_the_peer_ends_the_connection_when_we_call_it_broken(self) -> None:
        self.errors = 1
        self.core.go_away(PROTOCOL_ERROR)
        self.peer.flush()
        self.assertEqual(self.peer.socket.recv(1), b"")
