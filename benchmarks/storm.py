"""
All tunnels at once: they come, they rest, and they come back after a restart.

Beside the swarm there is one real device end, by which somebody logs in every 0.2 s
while the others come back. Twice: the server is killed, and all of them notice it in
the same moment; and it is told to stop, as for an update, and tells them when to come.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cloud import Cloud
from benchmarks.latency import Percentiles
from benchmarks.log_ins import PACE, LogIns, logging_in
from benchmarks.many_systems import name_of
from benchmarks.processes import (
    Processes,
    RunFailed,
    environment,
    free_ports,
    python,
)

#: Seconds for all tunnels to be up, and for the server to stop.
UP_SECONDS = 150.0
STOP_SECONDS = 60.0
#: Seconds for a server with thousands of systems to listen.
SERVER_SECONDS = 60.0
#: Files that server and swarm open besides.
SPARE_FILES = 500
SITE = "site"
SITE_CONNECTIONS = 4
_SWARM = "from benchmarks.swarm import main; main()"
_SYSTEMS = "from benchmarks.many_systems import main; main()"


@dataclass(frozen=True)
class Stand:
    """
    How the swarm stands.

    :ivar at: when, in seconds since 1970.
    :ivar up: tunnels that are up; ``came``: how often one came up so far.
    :ivar tries: that have ended before that.
    """

    at: float
    up: int
    came: int
    tries: int


@dataclass(frozen=True)
class Coming:
    """
    How the tunnels came.

    :ivar name: on what occasion.
    :ivar seconds: until all were up; ``half``: until half of them were.
    :ivar cpu: seconds of CPU of the server in that time.
    :ivar tries: that ended early, of all tunnels together.
    :ivar log_ins: meanwhile; ``None``: nobody tried.
    """

    name: str
    seconds: float
    half: float
    cpu: float
    tries: int
    log_ins: LogIns | None = None


@dataclass(frozen=True)
class Rest:
    """Tunnels that rest: the server's MB without and with them, its share of a core."""

    tunnels: int
    before: float
    after: float
    share: float


def report(processes: Processes, tunnels: int, seconds: int) -> str:
    """
    The tables, and what they say.

    :param seconds: for which CPU time is measured at rest.
    :raises RunFailed: something could not be measured, or they did not come back.
    """
    check_file_limit(tunnels)
    storm = Storm(processes, tunnels)
    first = storm.begin()
    rest = storm.rest(seconds)
    comings = [first, storm.killed(), storm.stopped()]
    return (
        f"{rest_table(rest)}\n\n{coming_table(tunnels, comings)}\n\n"
        f"{tunnels:,} TLS tunnels from one process, {seconds} s at rest; "
        "one log-in every 0.2 s by a real device end: connect, page, form. "
        "A log-in is refused if its own device is not back, or has no answer in 2.5 s."
    )


def check_file_limit(tunnels: int) -> None:
    """
    :raises RunFailed: no process may have so many connections.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = tunnels + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RunFailed(
            f"{tunnels} tunnels take {needed} open files, of which the system allows "
            f"{hard}: ulimit -Hn {needed}, as root"
        )


class Storm:
    """
    The processes, and what is done with them.

    :param pace: seconds from one log-in to the next.
    """

    def __init__(self, processes: Processes, tunnels: int, pace: float = PACE) -> None:
        (self._port,) = free_ports(1)
        self._processes = processes
        self._tunnels = tunnels
        self._pace = pace
        self._cloud = Cloud(processes, self._port)
        self._empty = 0.0

    def begin(self) -> Coming:
        """They come for the first time."""
        passwords = self._make_systems()
        self._cloud.start_server(SERVER_SECONDS)
        self._cloud.start_device(SITE, self._port, SITE_CONNECTIONS)
        self._empty = self._processes.memory("server")
        _say(f"{self._tunnels} tunnels")
        start = Stand(time.time(), 0, 0, 0)
        self._processes.start("swarm", *python(_SWARM, str(self._port), passwords))
        return self._coming("first connection", start)

    def rest(self, seconds: int) -> Rest:
        """Nothing happens but pings."""
        _say(f"{seconds} s of rest")
        began, used = time.monotonic(), self._processes.processor_time("server")
        time.sleep(seconds)
        share = (self._processes.processor_time("server") - used) / (
            time.monotonic() - began
        )
        self._processes.check("swarm")
        lost = self._tunnels - self._stand().up
        if lost:
            raise RunFailed(f"{lost} tunnels were lost at rest")
        memory = self._processes.memory("server")
        return Rest(self._tunnels, self._empty, memory, share)

    def killed(self) -> Coming:
        """
        The server is killed, and all tunnels notice it in the same moment, when it is
        there again: nothing has spread them but their own jitter.
        """
        _say("the server is killed")
        self._processes.signal("swarm", signal.SIGSTOP)
        for name in ("server", SITE):
            self._processes.signal(name, signal.SIGKILL)
            self._processes.wait(name, STOP_SECONDS)
        self._cloud.start_server(SERVER_SECONDS)
        self._cloud.run_device(SITE, self._port, SITE_CONNECTIONS)
        start = self._now()
        with logging_in(self._cloud, SITE, self._pace) as people:
            self._processes.signal("swarm", signal.SIGCONT)
            return self._coming("killed, all at once", start, people)

    def stopped(self) -> Coming:
        """The server is told to stop, and started again at once."""
        _say("the server is told to stop")
        start = self._now()
        self._processes.signal("server", signal.SIGTERM)
        self._processes.wait("server", STOP_SECONDS)
        _say(f"it has taken {time.time() - start.at:.1f} s")
        self._cloud.start_server(SERVER_SECONDS)
        with logging_in(self._cloud, SITE, self._pace) as people:
            return self._coming("SIGTERM and start", start, people)

    def _make_systems(self) -> Path:
        """The file with their passwords."""
        _say(f"{self._tunnels} systems")
        made = subprocess.run(
            python(_SYSTEMS, self._cloud.data_dir, str(self._tunnels)),
            env=environment(),
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise RunFailed(f"no systems: {made.stderr}")
        word = made.stdout.strip()
        names = map(name_of, range(self._tunnels))
        passwords = self._processes.directory / "swarm.secret"
        passwords.touch(mode=0o600)
        passwords.write_text("".join(f"{name} {word}\n" for name in names))
        return passwords

    def _coming(self, name: str, start: Stand, people: LogIns | None = None) -> Coming:
        """All that come since ``start``; CPU time counts from now on."""
        processes = self._processes
        used = processes.processor_time("server")
        half = 0.0

        def all_up() -> bool:
            nonlocal half
            processes.check("server")
            stand = self._stand()
            if not half and stand.came - start.came >= self._tunnels / 2:
                half = stand.at - start.at
            return stand.came - start.came >= self._tunnels == stand.up

        processes.wait_for("swarm", all_up, UP_SECONDS)
        stand = self._stand()
        return Coming(
            name,
            stand.at - start.at,
            half,
            processes.processor_time("server") - used,
            stand.tries - start.tries,
            people,
        )

    def _now(self) -> Stand:
        return replace(self._stand(), at=time.time())

    def _stand(self) -> Stand:
        """What the swarm has said last."""
        lines = self._processes.log("swarm").splitlines()[:-1]
        for line in reversed(lines):
            if line.startswith("{"):
                return Stand(**json.loads(line))
        return Stand(0.0, 0, 0, 0)


def rest_table(rest: Rest) -> str:
    """What tunnels cost that rest."""
    each = (rest.after - rest.before) * 1e6 / 1024 / rest.tunnels
    rows = [
        ("idle tunnels", "server MB", "KiB a tunnel", "of a core"),
        ("---:",) * 4,
        ("0", f"{rest.before:.0f}", "", ""),
        (
            f"{rest.tunnels:,}",
            f"{rest.after:.0f}",
            f"{each:.1f}",
            f"{rest.share * 100:.1f} %",
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def coming_table(tunnels: int, comings: Sequence[Coming]) -> str:
    """How they came, a row for each occasion."""
    headings = (
        *("", "half up s", "all up s", "server CPU s", "ms a tunnel", "failed tries"),
        *("log-ins", "p50 ms", "p99 ms", "refused", "no answer"),
    )
    rows = [headings, ("---", *["---:"] * (len(headings) - 1))]
    for one in comings:
        cells = [
            one.name,
            f"{one.half:.0f}",
            f"{one.seconds:.0f}",
            f"{one.cpu:.1f}",
            f"{one.cpu / tunnels * 1e3:.1f}",
            f"{one.tries:,}",
        ]
        people = one.log_ins
        if people is None:
            cells += [""] * 5
        else:
            waits = Percentiles.of(people.seconds) if people.seconds else None
            cells += [
                str(len(people.seconds)),
                "" if waits is None else f"{waits.p50:.0f}",
                "" if waits is None else f"{waits.p99:.0f}",
                str(people.refused),
                str(people.failed),
            ]
        rows.append(tuple(cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
