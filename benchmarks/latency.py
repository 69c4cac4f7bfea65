"""
How long a small request takes while the same tunnel is full, and a message of a
WebSocket.

A browser asks for something small again and again, as a device's page does, and says
something on a WebSocket as often. First nothing else happens; then, on the same tunnel,
one download after another runs as fast as it can, and somebody else has begun a
download and reads nothing of it.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks import websocket_echo
from benchmarks.cloud import Cloud
from benchmarks.load import Subject
from benchmarks.processes import Processes, RunFailed, free_ports
from benchmarks.report import markdown, ratio
from benchmarks.throughput import DEFAULT_CONNECTIONS
from benchmarks.visitor import unchecked_context
from benchmarks.web_servers import FILES, start_limit
from benchmarks.websocket_echo import Talker

#: Seconds between two small requests: few enough for each to be answered before the
#: next is due, on a slow machine and beside the downloads, too.
PACE = 0.02
SMALL, LARGE = "1k.bin", "64m.bin"
#: Seconds in which the downloads come up to speed, uncounted.
WARM_UP = 1.0
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Percentiles:
    """In milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Percentiles:
        """Of a list that is not empty, in seconds."""
        ordered = sorted(seconds)
        at = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99)]
        return cls(at[0] * 1e3, at[1] * 1e3)


@dataclass(frozen=True)
class Pair:
    """Of requests, or of messages on a WebSocket: alone, and beside the load."""

    alone: Percentiles
    beside: Percentiles


@dataclass(frozen=True)
class Round:
    """One subject's; ``download`` is what the load got in MB/s."""

    requests: Pair
    messages: Pair
    download: float


def report(processes: Processes, rounds: int, seconds: int) -> str:
    """
    The table, and what it says.

    :raises RunFailed: something could not be measured.
    """
    origin, proxy, server, echo = free_ports(4)
    websocket_echo.start(processes, echo)
    start_limit(processes, proxy, origin, echo)
    cloud = Cloud(processes, server)
    cloud.start_server()
    cloud.start_device("site", origin, DEFAULT_CONNECTIONS)
    subjects = [
        Subject("nginx", proxy),
        Subject("cfos-cloud", server, cloud.log_in("site")),
    ]
    results: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    for number in range(1, rounds + 1):
        for subject in subjects:
            print(f"round {number}: {subject.name}", file=sys.stderr, flush=True)
            results[subject.name].append(measure(subject, seconds))
    return (
        f"{tables(results)}\n\n"
        f"Medians of {rounds} rounds of {seconds} s, {int(seconds / PACE)} requests of "
        "1 KiB each on one connection, and as many messages on a WebSocket; beside "
        "them one download of 64 MiB after another, and one that nobody reads, all by "
        "one tunnel or one worker of nginx."
    )


def measure(subject: Subject, seconds: int) -> Round:
    """One round of one subject."""
    with closing(Asker(subject)) as asker, closing(Echoer(subject)) as echoer:
        both = (asker, echoer)
        ask_at_once(both, WARM_UP)
        alone = ask_at_once(both, seconds)
        with stalled(subject), downloads(subject) as bytes_of:
            ask_at_once(both, WARM_UP)
            beside = ask_at_once(both, seconds)
            rate = bytes_of() / 1e6
    requests, messages = map(Pair, alone, beside)
    return Round(requests, messages, rate)


def ask_at_once(who: Sequence[Paced], seconds: float) -> list[Percentiles]:
    """What each of them found, asking side by side."""
    with ThreadPoolExecutor(len(who)) as threads:
        asking = [threads.submit(each.ask_for, seconds) for each in who]
        return [Percentiles.of(each.result()) for each in asking]


def connect(subject: Subject, receive_buffer: int | None = None) -> ssl.SSLSocket:
    """A connection to ``subject`` on which a request can be sent."""
    plain = socket.socket()
    plain.settimeout(ANSWER_SECONDS)
    if receive_buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.connect(("127.0.0.1", subject.port))
    return unchecked_context().wrap_socket(plain, server_hostname=subject.host)


def request(subject: Subject, file: str) -> bytes:
    """A request's head."""
    lines = [f"GET /{file} HTTP/1.1", f"Host: {subject.host}:{subject.port}"]
    return "\r\n".join([*lines, *subject.credentials(), "", ""]).encode()


class Paced(ABC):
    """Asks at an even pace, in seconds, for one thing after another."""

    pace = PACE

    def ask_for(self, seconds: float) -> list[float]:
        """
        Seconds that each answer took. One that had to wait for the answer to the one
        before it took as long as it should have been under way: who is slow must not
        gain by being asked less often.

        :raises RunFailed: an answer is not what it should be.
        """
        taken = []
        start = time.perf_counter()
        answered = 0.0
        for number in range(max(1, int(seconds / self.pace))):
            due = start + number * self.pace
            if (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            begun = due if answered > due else time.perf_counter()
            self.ask()
            answered = time.perf_counter()
            taken.append(answered - begun)
        return taken

    @abstractmethod
    def ask(self) -> None:
        """Ask once and wait for the answer."""


class Echoer(Paced):
    """Says something on a WebSocket, and hears it again."""

    def __init__(self, subject: Subject) -> None:
        pairs = (line.split(": ", 1) for line in subject.credentials())
        fields = [(name.encode(), value.encode()) for name, value in pairs]
        host = f"{subject.host}:{subject.port}"
        self._talker = Talker(connect(subject), host, fields)

    def ask(self) -> None:
        self._talker.ask("a value that has changed")

    def close(self) -> None:
        self._talker.close()


class Asker(Paced):
    """Asks for the small file, on one connection."""

    def __init__(self, subject: Subject) -> None:
        self._connection = connect(subject)
        self._request = request(subject, SMALL)
        self._name = subject.name

    def ask(self) -> None:
        self._connection.sendall(self._request)
        self._receive()

    def close(self) -> None:
        self._connection.close()

    def _receive(self) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RunFailed(f"{self._name} answers {head[:40]!r}")
        size = len(body)
        while size < FILES[SMALL]:
            size += len(self._more())

    def _more(self) -> bytes:
        try:
            data = self._connection.recv(2**16)
        except OSError as error:
            raise RunFailed(f"{self._name}: {error}") from error
        if not data:
            raise RunFailed(f"{self._name} has closed the connection")
        return data


@contextmanager
def stalled(subject: Subject) -> Iterator[None]:
    """Somebody who has begun a download and reads nothing of it."""
    with closing(connect(subject, receive_buffer=2**14)) as connection:
        connection.sendall(request(subject, LARGE))
        yield


@contextmanager
def downloads(subject: Subject) -> Iterator[Callable[[], float]]:
    """One download after another; what is given tells their bytes a second so far."""
    # The query keeps curl from asking for one address twice; nginx ignores it.
    command = ["curl", "--silent", "--insecure", "--fail", "--fail-early"]
    command += ["--output", "/dev/null"]
    # What curl writes to standard output waits in a buffer, and is lost when it ends.
    command += ["--write-out", "%{stderr}%{size_download}\\n", *subject.header()]
    command += subject.resolved()
    with tempfile.TemporaryFile() as sizes:
        start = time.perf_counter()
        running = subprocess.Popen(
            [*command, f"{subject.url(LARGE)}?[1-100000]"], stderr=sizes
        )

        def rate() -> float:
            if running.poll() is not None:
                raise RunFailed(f"{subject.name}: curl ended by {running.returncode}")
            elapsed = time.perf_counter() - start
            sizes.seek(0)
            return sum(map(int, sizes.read().split())) / elapsed

        try:
            yield rate
        finally:
            running.kill()
            running.wait()


def tables(results: dict[str, list[Round]]) -> str:
    """
    Of requests and of messages: a row for each subject, medians of its rounds; the
    first one is what the others are compared with.
    """
    requests = {name: [r.requests for r in rounds] for name, rounds in results.items()}
    messages = {name: [r.messages for r in rounds] for name, rounds in results.items()}
    downloads = {
        name: median(r.download for r in rounds) for name, rounds in results.items()
    }
    head = ("beside", "download MB/s")
    rows = [(name, f"{rate:.0f}") for name, rate in downloads.items()]
    return "\n\n".join(
        (
            _table("requests", requests),
            _table("WebSocket", messages),
            markdown(head, rows),
        )
    )


def _table(what: str, results: dict[str, list[Pair]]) -> str:
    first = next(iter(results))
    limits = results[first]
    head = (
        *(what, "alone p50 ms", "p99 ms", "beside p50 ms", "p99 ms"),
        *(f"p50 beside, of {first}", f"p99 beside, of {first}"),
    )
    rows = []
    for name, pairs in results.items():
        cells = [
            f"{median(value):.1f}"
            for value in (
                [each.alone.p50 for each in pairs],
                [each.alone.p99 for each in pairs],
                [each.beside.p50 for each in pairs],
                [each.beside.p99 for each in pairs],
            )
        ]
        shares = (
            ratio([p.beside.p50 for p in pairs], [p.beside.p50 for p in limits]),
            ratio([p.beside.p99 for p in pairs], [p.beside.p99 for p in limits]),
        )
        rows.append((name, *cells, *(f"{share:.2f}" for share in shares)))
    return markdown(head, rows)
