"""What an idle tunnel costs the server: its resident memory, with more and more."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from benchmarks.cloud import Cloud
from benchmarks.processes import Processes, free_ports, python

#: Tunnels that one process of ours holds.
EACH = 250
#: Seconds for such a process to have all of them up.
UP_SECONDS = 120.0
_HOLDER = "from benchmarks.tunnel_holder import main; main()"

#: Tunnels, and the server's resident memory with them in MB (10**6 bytes).
Step = tuple[int, float]


def report(processes: Processes, tunnels: int, settle: int) -> str:
    """
    The table, and what it says.

    :param settle: seconds before memory is read.
    :raises RunFailed: something could not be measured, or a tunnel was lost.
    """
    (port,) = free_ports(1)
    cloud = Cloud(processes, port)
    cloud.start_server()
    print(f"{tunnels} systems", file=sys.stderr, flush=True)
    systems = cloud.add_systems(f"idle-{number}" for number in range(tunnels))
    time.sleep(settle)
    steps = [(0, processes.memory("server"))]
    holders: list[str] = []
    for upto in (tunnels // 2, tunnels):
        print(f"{upto} tunnels", file=sys.stderr, flush=True)
        for first in range(steps[-1][0], upto, EACH):
            name = f"holder-{first}"
            hold(processes, name, port, systems[first : min(first + EACH, upto)])
            holders.append(name)
        time.sleep(settle)
        for name in holders:
            processes.check(name)
        steps.append((upto, processes.memory("server")))
    return f"{table(steps)}\n\nTLS tunnels, each with its control stream and no other."


def hold(
    processes: Processes, name: str, port: int, systems: Sequence[tuple[str, str]]
) -> None:
    """Start a process that holds a tunnel for each system, and wait until it does."""
    passwords = processes.directory / f"{name}.secret"
    passwords.touch(mode=0o600)
    passwords.write_text("".join(f"{each} {word}\n" for each, word in systems))
    processes.start(name, *python(_HOLDER, str(port), passwords))
    processes.wait_for(name, lambda: "all up" in processes.log(name), UP_SECONDS)


def table(steps: Sequence[Step]) -> str:
    """A row for each step; a tunnel's share is what came since there were none."""
    rows = [("idle tunnels", "server MB", "KiB a tunnel"), ("---:",) * 3]
    base = steps[0][1]
    for tunnels, memory in steps:
        share = f"{(memory - base) * 1e6 / 1024 / tunnels:.1f}" if tunnels else ""
        rows.append((f"{tunnels:,}", f"{memory:.1f}", share))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
