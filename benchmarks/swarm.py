"""
Thousands of tunnels in one process, which come back as device ends do.

``PORT FILE``, with a Cloud ID and its Cloud password in each line of the file. Each
second a line in JSON says how they stand. It ends when standard input does.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import resource
import select
import ssl
import sys
import time
from pathlib import Path

from benchmarks.swarm_proof import NotProven
from benchmarks.swarm_tunnel import READ, Over, Tunnel, Way
from cfos_cloud import alpn
from cfos_cloud.device.authentication import TLS_SECONDS
from cfos_cloud.device.backoff import STEADY, Backoff
from cfos_cloud.device.outcomes import Lost, Outcome, SentAway

HOST = "127.0.0.1"
#: Addresses that the tunnels come from, of loopback.
SOURCES = tuple(f"127.0.1.{number}" for number in range(1, 251))
#: Seconds over which they come for the first time.
FIRST_SECONDS = 1.0
REPORT_SECONDS = 1.0
_EVENTS = 512


class Swarm:
    """One thread, one epoll, one heap of timers."""

    def __init__(self, port: int, systems: list[tuple[str, str]]) -> None:
        self._random = random.Random()  # noqa: S311 - not for secrets
        way = Way((HOST, port), _context())
        self._tunnels = [
            Tunnel(
                cloud_id,
                password,
                SOURCES[number % len(SOURCES)],
                way,
                Backoff(self._random.random),
            )
            for number, (cloud_id, password) in enumerate(systems)
        ]
        self._epoll = select.epoll()
        self._by_file: dict[int, Tunnel] = {}
        self._timers: list[tuple[float, int, int, Tunnel]] = []
        self._number = 0
        self._up = 0
        #: How often one came up, and how often one did not.
        self._came = 0
        self._tries = 0

    def run(self) -> None:
        """Until standard input ends."""
        for tunnel in self._tunnels:
            self._set_timer(tunnel, self._random.random() * FIRST_SECONDS)
        self._epoll.register(sys.stdin.fileno(), READ | select.EPOLLHUP)
        report = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= report:
                self._report()
                report = now + REPORT_SECONDS
            due = self._timers[0][0] if self._timers else report
            wait = max(0.0, min(due, report) - now)
            for file, _ in self._epoll.poll(wait, _EVENTS):
                if file in self._by_file:
                    self._go_on(self._by_file[file])
                elif file == sys.stdin.fileno() and not os.read(file, 1):
                    return
            self._fire_timers()

    def _fire_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, turn, tunnel = heapq.heappop(self._timers)
            if turn != tunnel.turn:
                continue
            if tunnel.socket is None:
                self._begin(tunnel)
            elif not tunnel.up:
                self._over(tunnel, Lost("the server does not answer in time"))
            else:
                try:
                    tunnel.ping()
                except (Over, OSError) as error:
                    self._over(tunnel, _outcome(error))
                else:
                    self._set_timer(tunnel, tunnel.heartbeat)

    def _begin(self, tunnel: Tunnel) -> None:
        try:
            mask = tunnel.begin()
        except OSError as error:
            self._over(tunnel, Lost(str(error)))
            return
        self._by_file[tunnel.file] = tunnel
        self._epoll.register(tunnel.file, mask)
        self._set_timer(tunnel, TLS_SECONDS)

    def _go_on(self, tunnel: Tunnel) -> None:
        was_up, script = tunnel.up, tunnel.script
        if script is None or tunnel.socket is None:
            return
        before = tunnel.socket
        try:
            mask = next(script)
        except (Over, NotProven, OSError, ValueError) as error:
            self._over(tunnel, _outcome(error))
            return
        if tunnel.socket is not before:
            # It is TLS now: what it waits for is another thing for the first time.
            self._epoll.modify(tunnel.file, mask)
        if tunnel.up and not was_up:
            self._up += 1
            self._came += 1
            tunnel.up_since = time.monotonic()
            tunnel.turn += 1
            self._set_timer(tunnel, tunnel.heartbeat)

    def _over(self, tunnel: Tunnel, outcome: Outcome) -> None:
        up_for = 0.0
        if tunnel.up:
            self._up -= 1
            up_for = time.monotonic() - tunnel.up_since
        else:
            self._tries += 1
        if up_for >= STEADY:
            match outcome:
                case Lost(reason):
                    outcome = Lost(reason, up_for)
                case SentAway(reason, retry_after):
                    outcome = SentAway(reason, retry_after, up_for)
        if tunnel.socket is not None:
            del self._by_file[tunnel.file]
        tunnel.end()
        tunnel.turn += 1
        self._set_timer(tunnel, tunnel.backoff.after(outcome))

    def _set_timer(self, tunnel: Tunnel, seconds: float) -> None:
        self._number += 1
        when = time.monotonic() + seconds
        heapq.heappush(self._timers, (when, self._number, tunnel.turn, tunnel))

    def _report(self) -> None:
        stand = {
            "at": time.time(),
            "up": self._up,
            "came": self._came,
            "tries": self._tries,
        }
        print(json.dumps(stand), flush=True)


def _outcome(error: Exception) -> Outcome:
    return error.outcome if isinstance(error, Over) else Lost(str(error))


def _context() -> ssl.SSLContext:
    # The certificate is self-signed, and this is loopback; the proof is bound to it.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    names = (alpn.HTTP_1_1, alpn.TUNNEL)
    context.set_alpn_protocols([name.decode("ascii") for name in names])
    context.options |= ssl.OP_NO_TICKET
    return context


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, path = sys.argv[1:]
    lines = Path(path).read_text().splitlines()
    systems = [(cloud_id, word) for cloud_id, word in map(str.split, lines)]
    Swarm(int(port), systems).run()
