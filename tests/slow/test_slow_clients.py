"""
slowhttptest for a minute in each of its ways, while somebody uses a device; and two
hundred who read a kilobyte a second.
"""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from unittest import SkipTest

from cfos_cloud.listener.known_sources import OPERATOR_PLACES, SYSTEM_PLACES
from cfos_cloud.listener.places import MAX_PER_SOURCE
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN, Client, Wire
from tests.end_to_end.daemons import OPERATOR_PASSWORD, Server
from tests.end_to_end.processes import wait_until
from tests.slow.paced import WINDOW, Latency, PacedClient

TOOL = "slowhttptest"
MIB = 1024 * 1024
ATTACK_SECONDS = 60
#: Windows before an attack and after it.
IDLE_WINDOWS = 4
#: How much longer a request may take meanwhile.
MOST_SLOWED = 2.0
#: Connections that an attacker wants, and that there are at most: those of one source,
#: from which two device ends and the operator come, and a few of the others.
WANTED = 1000
MOST_PLACES = MAX_PER_SOURCE + OPERATOR_PLACES + 2 * SYSTEM_PLACES + 10
#: All that have come so far, by TLS.
ARRIVED = 'cfos_cloud_tls_handshakes_total{result="completed"}'
#: Addresses of the others.
USER, OPERATOR, READERS = "127.50.0.1", "127.50.0.2", "127.50.0.3"


class SlowCase(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.busy = self.make_server("--allow-http")
        self.operator = self.busy.client(source=OPERATOR)
        # What else the machine has to do, the attacker's own part among it, is not the
        # server's fault: a twin that nobody attacks, asked in turn, shows it.
        (self.directory / "twin").mkdir()
        self.twin_server = Server(self.directory / "twin")
        self.addCleanup(self.twin_server.close)

    def metric(self, name: str) -> float:
        credentials = base64.b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
        fields = [("Authorization", f"Basic {credentials}")]
        answer = self.operator.request("GET", "/cloud/metrics", b"", fields)
        line = rb"^%b (\S+)$" % re.escape(name.encode())
        found = re.search(line, answer.body, re.MULTILINE)
        assert found is not None, (name, answer)
        return float(found[1])


class SlowHTTPTestTests(SlowCase):
    def setUp(self) -> None:
        if shutil.which(TOOL) is None:
            raise SkipTest(f"{TOOL} is missing")
        super().setUp()
        self.user = self.user_of(self.busy)
        self.twin = self.user_of(self.twin_server)

    def user_of(self, server: Server) -> PacedClient:
        site = self.make_site(server=server)
        user = PacedClient(site.device.client(source=USER), "/file")
        self.addCleanup(user.close)
        user.window()
        return user

    def attacked(self, *options: str, path: str = LOGIN, held: int = 100) -> int:
        """
        Attack for a minute, and compare.

        :param held: more connections than so many, at once.
        :returns: how often the attacker had to begin anew, all cut off.
        """
        before = [self.user.window() for _ in range(IDLE_WINDOWS)]
        command = [TOOL, *options, f"-c{WANTED}", "-r50", f"-l{ATTACK_SECONDS}"]
        command += ["-p5", f"-u{self.busy.url}{path}"]
        beside, twin, places, kept = [], [], [], []
        with repeated(command) as begun:
            for _ in range(int(ATTACK_SECONDS / WINDOW / 2)):
                beside.append(self.user.window())
                twin.append(self.twin.window())
                places.append(self.metric("cfos_cloud_connections"))
                kept.append(self.metric("cfos_cloud_buffered_bytes"))
            restarts: int = begun() - 1
        after = [self.user.window() for _ in range(IDLE_WINDOWS)]
        idle, other = Latency.typical(before + after), Latency.typical(twin)
        slowed = Latency.typical(beside)
        print(
            f"\n{options[0]}: idle {idle}; attacked {slowed}, its twin {other}; "
            f"at most {max(places):.0f} connections and {max(kept) / MIB:.1f} MiB "
            f"waiting; begun anew {restarts} times"
        )
        self.assertGreater(max(places), held, "there was an attack")
        self.assertLessEqual(max(places), MOST_PLACES)
        self.assertLessEqual(max(kept), self.metric("cfos_cloud_buffered_limit_bytes"))
        self.assertTrue(slowed.within(MOST_SLOWED, idle, other), "it slows others")
        wait_until(
            lambda: self.metric("cfos_cloud_connections") < 10, "all of it is over"
        )
        return restarts

    def test_headers_that_trickle(self) -> None:
        # After 20 s without a whole head all are cut, and the tool has none left.
        self.assertGreaterEqual(self.attacked("-H", "-i5", "-x24"), 1)

    def test_bodies_that_trickle(self) -> None:
        self.assertGreaterEqual(self.attacked("-B", "-i5", "-x24", "-s8192"), 1)

    def test_answers_that_are_read_slowly(self) -> None:
        page = self.busy.client(source=USER).get(LOGIN).body
        style = re.search(rb'"(/cloud/assets/[^"]+\.css[^"]*)"', page)
        assert style is not None
        slowly = ("-X", "-w16", "-y64", "-n1", "-z16", "-k10")
        self.attacked(*slowly, path=style[1].decode())

    def test_ranges_without_end(self) -> None:
        # A head that long is refused, and its connection closed: none is ever held.
        before = self.metric(ARRIVED)
        self.assertGreaterEqual(self.attacked("-R", "-a1", "-b3000", held=0), 1)
        self.assertGreater(self.metric(ARRIVED) - before, WANTED, "there was an attack")

    def test_answers_of_a_device_that_somebody_reads_slowly(self) -> None:
        other = self.make_site("--max-connections=64", server=self.busy)
        cookie = other.device.client().cookie
        slowly = ("-X", "-w16", "-y64", "-n1", "-z16", f"-j{cookie}")
        self.attacked(*slowly, path="/sized?n=50000000")


@contextmanager
def repeated(command: list[str]) -> Iterator[Callable[[], int]]:
    """Run ``command`` again and again; what is given tells how often by now."""
    begun = 0
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        nonlocal begun
        while not over.is_set():
            begun += 1
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            running[:] = [process]
            process.wait()
            over.wait(1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: begun
    finally:
        over.set()
        for process in running:
            process.kill()
        thread.join()


class SlowReaders(threading.Thread):
    """Many who have begun a download, and read so many bytes of it each second."""

    def __init__(self, wires: list[Wire], rate: int) -> None:
        super().__init__(daemon=True)
        self._sockets = [wire.socket for wire in wires]
        self._rate = rate
        self._over = threading.Event()
        self.read = 0
        #: Those that were cut off.
        self.ended = 0

    def run(self) -> None:
        for each in self._sockets:
            each.setblocking(False)
        while not self._over.wait(1.0):
            for each in list(self._sockets):
                self._take(each)

    def _take(self, wire: socket.socket) -> None:
        try:
            data = wire.recv(self._rate)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.read += len(data)
        if not data:
            self.ended += 1
            self._sockets.remove(wire)

    def stop(self) -> None:
        self._over.set()
        self.join()


class ManyReadersTests(SlowCase):
    READERS = 200
    RATE = 1024
    #: Downloads of so much, so often from either server in turn, tell their speed.
    SIZE = 16 * MIB
    DOWNLOADS = 20

    def test_they_take_nothing_from_others_and_little_memory(self) -> None:
        site = self.make_site("--max-connections=256", server=self.busy)
        twin = self.make_site("--max-connections=256", server=self.twin_server)
        user, other = (each.device.client(source=USER) for each in (site, twin))
        self.speeds(user, other)
        rss = self.busy.process.memory("VmRSS")
        # Without TLS, of whose records one is all or nothing: 16 s of such reading.
        reader = site.device.client(source=READERS, tls=False)
        wires = [self.slow_wire(reader) for _ in range(self.READERS)]
        readers = SlowReaders(wires, self.RATE)
        readers.start()
        self.addCleanup(readers.stop)
        time.sleep(10)
        beside, alone = self.speeds(user, other)
        kept = self.metric("cfos_cloud_buffered_bytes")
        limit = self.metric("cfos_cloud_buffered_limit_bytes")
        grown = self.busy.process.memory("VmRSS") - rss
        readers.stop()
        print(
            f"\n{self.READERS} readers of {self.RATE} bytes a second: a download at "
            f"{beside / MIB:.0f} MiB/s beside them, {alone / MIB:.0f} from the twin; "
            f"{kept / MIB:.1f} MiB wait, {grown / MIB:.1f} MiB more RSS"
        )
        self.assertEqual(readers.ended, 0)
        self.assertGreater(readers.read, self.READERS * self.RATE)
        self.assertGreaterEqual(beside, 0.8 * alone)
        self.assertLessEqual(kept, limit)
        self.assertLessEqual(grown, limit)

    def speeds(self, *clients: Client) -> list[float]:
        """
        Bytes a second of downloads, in turn; the median of each client's best quarter,
        since what else the machine does only ever makes one slower.
        """
        found: list[list[float]] = [[] for _ in clients]
        for _ in range(self.DOWNLOADS):
            for client, speeds in zip(clients, found, strict=True):
                start = time.perf_counter()
                answer = client.get(f"/sized?n={self.SIZE}")
                assert len(answer.body) == self.SIZE, answer.status
                speeds.append(self.SIZE / (time.perf_counter() - start))
        best = self.DOWNLOADS // 4
        return [median(sorted(speeds)[-best:]) for speeds in found]

    def slow_wire(self, reader: Client) -> Wire:
        wire = self.begin(f"/sized?n={64 * MIB}", client=reader)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.read_head()
        return wire
