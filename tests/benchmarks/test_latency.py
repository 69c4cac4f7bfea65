"""Latencies are those that were waited for, and broken answers are none."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks import websocket_echo
from benchmarks.latency import (
    PACE,
    Asker,
    Echoer,
    Pair,
    Percentiles,
    Round,
    ask_at_once,
    downloads,
    stalled,
    tables,
)
from benchmarks.load import Subject
from benchmarks.processes import Processes, RunFailed, free_ports
from benchmarks.run import missing_programs
from benchmarks.web_servers import self_signed, start_limit

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + bytes(1024)


class Server:
    """Answers one connection's requests; the first of them after ``delay`` seconds."""

    def __init__(self, answer: bytes, delay: float = 0.0) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as directory:
            context.load_cert_chain(self_signed(Path(directory) / "pem"))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._context, self._answer, self._delay = context, answer, delay
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        plain, _ = self._listening.accept()
        with self._context.wrap_socket(plain, server_side=True) as connection:
            try:
                while connection.recv(2**16):
                    time.sleep(self._delay)
                    self._delay = 0.0
                    connection.sendall(self._answer)
                    if self._answer is not ANSWER:
                        break
            except OSError:
                pass  # the test has what it needs

    def close(self) -> None:
        self._listening.close()
        self._thread.join(10)


class AskerTests(SynchronousTestCase):
    def serve(self, answer: bytes = ANSWER, delay: float = 0.0) -> Subject:
        server = Server(answer, delay)
        self.addCleanup(server.close)
        return Subject("test", server.port, "a=b")

    def test_requests_that_wait_for_a_slow_one_are_slow_too(self) -> None:
        with closing(Asker(self.serve(delay=10 * PACE))) as asker:
            taken = asker.ask_for(5 * PACE)
        self.assertEqual(len(taken), 5)
        for number, seconds in enumerate(taken):
            self.assertGreater(seconds, (9.5 - number) * PACE)

    def test_what_is_no_whole_success_fails_the_run(self) -> None:
        for answer in (
            ANSWER.replace(b"200 OK", b"503 No"),
            ANSWER[:-1],
            b"HTTP/1.1 200 OK\r\n",
        ):
            with closing(Asker(self.serve(answer))) as asker:
                self.assertRaises(RunFailed, asker.ask_for, PACE)


class EchoerTests(SynchronousTestCase):
    def test_no_websocket_fails_the_run(self) -> None:
        server = Server(ANSWER)
        self.addCleanup(server.close)
        self.assertRaises(RunFailed, Echoer, Subject("test", server.port))


class PercentileTests(SynchronousTestCase):
    def test_half_and_99_of_100_are_below_in_milliseconds(self) -> None:
        seconds = [each / 1000 for each in range(101)]
        found = Percentiles.of(seconds[::-1])
        self.assertAlmostEqual(found.p50, 50)
        self.assertAlmostEqual(found.p99, 99)

    def test_one_value_is_all_of_them(self) -> None:
        self.assertEqual(Percentiles.of([0.25]), Percentiles(250, 250))


def pair(number: float) -> Pair:
    return Pair(Percentiles(number, number + 1), Percentiles(number + 2, number + 3))


class TableTests(SynchronousTestCase):
    def test_a_row_has_the_medians_of_its_rounds(self) -> None:
        rounds = [Round(pair(n), pair(n + 10), 100.0 * n) for n in (1, 9, 2)]
        text = tables({"nginx": rounds, "ours": rounds[:1] * 3})
        requests, messages, downloads = (
            part.splitlines() for part in text.split("\n\n")
        )
        self.assertEqual(requests[2], "| nginx | 2.0 | 3.0 | 4.0 | 5.0 | 1.00 | 1.00 |")
        self.assertEqual(
            messages[3], "| ours | 11.0 | 12.0 | 13.0 | 14.0 | 0.93 | 0.93 |"
        )
        self.assertEqual(downloads[2:], ["| nginx | 200 |", "| ours | 100 |"])
        self.assertEqual({line.count("|") for line in requests + messages}, {8})

    def test_ratios_are_those_of_the_same_round(self) -> None:
        nginx = [Round(pair(n), pair(n), 1) for n in (0, 6)]
        ours = [Round(pair(n), pair(n), 1) for n in (2, 14)]
        row = tables({"nginx": nginx, "ours": ours}).splitlines()[3]
        self.assertEqual(row.split(" | ")[5:], ["2.00", "1.78 |"])


class LoadTests(SynchronousTestCase):
    def test_the_load_is_there_and_its_bytes_are_counted(self) -> None:
        if lost := missing_programs():
            raise SkipTest(f"not installed: {', '.join(lost)}")
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        origin, proxy, nobody, echo = free_ports(4)
        with Processes(directory) as processes:
            websocket_echo.start(processes, echo)
            start_limit(processes, proxy, origin, echo)
            subject = Subject("nginx", proxy)
            with closing(Asker(subject)) as asker, closing(Echoer(subject)) as echoer:
                for found in ask_at_once((asker, echoer), 3 * PACE):
                    self.assertGreater(found.p50, 0)
            with stalled(subject), downloads(subject) as rate:
                deadline = time.monotonic() + 60
                while rate() == 0:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
                self.assertGreater(rate(), 0)
            with (
                downloads(Subject("nobody", nobody)) as rate,
                self.assertRaises(RunFailed),
            ):
                while time.monotonic() < deadline:
                    rate()
                    time.sleep(0.05)
