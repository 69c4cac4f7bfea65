"""
A small request beside a download where a site's line upwards is slow, as most are.

The line is a process that passes so many bytes a second on, and whose own buffers are
small: ``PORT TARGET BYTES_A_SECOND``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from statistics import median

from benchmarks.cloud import Cloud
from benchmarks.latency import Asker, Percentiles, downloads
from benchmarks.load import Subject
from benchmarks.processes import Processes, free_ports, listens, python
from benchmarks.report import markdown
from benchmarks.throughput import DEFAULT_CONNECTIONS
from benchmarks.web_servers import start_origin

#: Of the line upwards: 4 Mbit/s.
BYTES_A_SECOND = 500_000
#: Seconds between two requests: more than one takes.
PACE = 2.0
#: Seconds in which a download fills what there is to fill, uncounted.
WARM_UP = 3.0
#: Downloads at the same time.
LOADS = (0, 1, 3)
_PROGRAM = "from benchmarks.slow_line import main; main()"
_PIECE = 4096
_BUFFER = 16 * 1024


def report(processes: Processes, rounds: int, seconds: int) -> str:
    """
    The table, and what it says.

    :raises RunFailed: something could not be measured.
    """
    origin, server, line = free_ports(3)
    start_origin(processes, origin)
    cloud = Cloud(processes, server)
    cloud.start_server()
    start_line(processes, line, server)
    cloud.start_device("site", origin, DEFAULT_CONNECTIONS, by=line)
    subject = Subject("cfos-cloud", server, cloud.log_in("site"))
    results: dict[int, list[Percentiles]] = {load: [] for load in LOADS}
    for number in range(1, rounds + 1):
        for load in LOADS:
            print(f"round {number}: {load} downloads", file=sys.stderr, flush=True)
            results[load].append(measure(subject, load, max(seconds, 5 * PACE)))
    rows = [
        (str(load), f"{ms:.0f}", f"{ms * BYTES_A_SECOND / 1024e3:.0f}")
        for load, found in results.items()
        for ms in [median(each.p50 for each in found)]
    ]
    return (
        f"{markdown(('downloads', 'p50 ms', 'KiB of the line'), rows)}\n\n"
        f"1 KiB every {PACE:.0f} s beside downloads by the same tunnel, over a line of "
        f"{BYTES_A_SECOND // 1000} kB/s; medians of {rounds} rounds."
    )


def measure(subject: Subject, load: int, seconds: float) -> Percentiles:
    """Beside so many downloads."""
    with contextlib.ExitStack() as stack:
        asker = stack.enter_context(contextlib.closing(Asker(subject)))
        asker.pace = PACE
        for _ in range(load):
            stack.enter_context(downloads(subject))
        asker.ask_for(WARM_UP)
        return Percentiles.of(asker.ask_for(seconds))


def start_line(processes: Processes, port: int, target: int) -> None:
    """
    Start the line from ``port`` to ``target``.

    :raises RunFailed: it does not start.
    """
    numbers = map(str, (port, target, BYTES_A_SECOND))
    processes.start("line", *python(_PROGRAM, *numbers))
    processes.wait_for("line", lambda: listens(port))


class Line:
    """Slow towards the target; not back."""

    def __init__(self, target: int, rate: float) -> None:
        self._target = target
        self._rate = rate
        self._turn = asyncio.Lock()

    async def serve(self, port: int) -> None:
        """Until the process ends."""
        loop = asyncio.get_running_loop()
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            listening.bind(("127.0.0.1", port))
            listening.listen()
            listening.setblocking(False)
            passing = set()
            while True:
                connection, _ = await loop.sock_accept(listening)
                task = asyncio.ensure_future(self._pass(connection))
                passing.add(task)
                task.add_done_callback(passing.discard)

    async def _pass(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, socket.socket() as target:
            target.setblocking(False)
            for each in (connection, target):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                await loop.sock_connect(target, ("127.0.0.1", self._target))
                ways = [
                    asyncio.ensure_future(self._pump(*ends))
                    for ends in (
                        (connection, target, self._rate),
                        (target, connection, None),
                    )
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()

    async def _pump(
        self, source: socket.socket, sink: socket.socket, rate: float | None
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(source, _PIECE):
                if rate is not None:
                    async with self._turn:
                        await asyncio.sleep(len(data) / rate)
                await loop.sock_sendall(sink, data)


def main() -> None:
    port, target, rate = map(int, sys.argv[1:])
    asyncio.run(Line(target, rate).serve(port))
