"""
Side by side on this machine: nginx as a TLS reverse proxy, and cfos-cloud.

``python -m benchmarks.run``; everything on loopback, gone at the end. Each part prints
a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    end_to_end,
    idle_tunnels,
    keys,
    latency,
    slow_line,
    storm,
    throughput,
)
from benchmarks.processes import Processes, RunFailed
from benchmarks.web_servers import find_nginx, version

Part = Callable[[Processes, argparse.Namespace], str]

#: In the order in which they run.
PARTS: dict[str, Part] = {
    "throughput": lambda processes, options: throughput.report(
        processes, options.rounds, options.seconds, options.connections
    ),
    "end-to-end": lambda processes, options: end_to_end.report(
        processes, options.rounds, options.seconds, options.connections
    ),
    "latency": lambda processes, options: latency.report(
        processes, options.rounds, options.seconds
    ),
    "slow-line": lambda processes, options: slow_line.report(
        processes, options.rounds, options.seconds
    ),
    "keys": lambda processes, options: keys.report(
        processes, options.rounds, options.seconds, options.connections
    ),
    "idle-tunnels": lambda processes, options: idle_tunnels.report(
        processes, options.tunnels, options.settle
    ),
    "storm": lambda processes, options: storm.report(
        processes, options.tunnels, options.rest
    ),
}

_POSITIVE = ("rounds", "seconds", "connections", "settle", "rest")


def parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        metavar="PART",
        help=f"{', '.join(PARTS)}; all unless given",
    )
    for name, default, text in (
        ("rounds", 2, "of all but idle-tunnels, each with every subject"),
        ("seconds", 4, "of each load"),
        ("connections", 32, "of the client of throughput, end-to-end and keys"),
        ("tunnels", 1000, "idle ones"),
        ("rest", 50, "seconds for which storm looks at idle ones: two heartbeats"),
        ("settle", 30, "seconds before their memory is read: a heartbeat is 25"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, help=f"{text}; {default}"
        )
    options = parser.parse_args(arguments)
    numbers = [getattr(options, name) for name in _POSITIVE]
    if min(numbers) < 1:
        parser.error(f"{', '.join(_POSITIVE)} must be positive")
    if options.tunnels < 2:
        parser.error("tunnels must be at least 2")
    return options


def missing_programs() -> list[str]:
    """Debian's packages for what is not there."""
    lost = [name for name in ("wrk", "curl") if shutil.which(name) is None]
    return lost if find_nginx() else ["nginx-light", *lost]


def run(options: argparse.Namespace) -> None:
    """
    Print what each part has measured, as soon as it has.

    :raises RunFailed: something could not be measured.
    """
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {version()}"
    for name in options.parts:
        with (
            tempfile.TemporaryDirectory(prefix="cfos-bench-") as directory,
            Processes(Path(directory)) as processes,
        ):
            text = PARTS[name](processes, options)
        print(f"{name}:\n\n{text}\n", flush=True)
    print(f"Client, servers and origin all on this machine: {machine}.")


def main(arguments: list[str]) -> int:
    """:returns: the exit status."""
    options = parse_options(arguments)
    if lost := missing_programs():
        needed = " ".join(lost)
        print(f"missing: sudo apt-get install {needed}", file=sys.stderr)
        return 2
    try:
        run(options)
    except RunFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
