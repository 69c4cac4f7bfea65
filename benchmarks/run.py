"""
Side by side on this machine: nginx as a TLS reverse proxy, and cfos-cloud.

``python -m benchmarks.run``; everything on loopback, gone at the end. All stand
before the same origin and are asked in turn by the same client.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cloud import Cloud
from benchmarks.load import Subject, download_rate, request_rate
from benchmarks.processes import Processes, RunFailed, free_ports
from benchmarks.report import Round, table
from benchmarks.web_servers import FILES, find_nginx, start_origin, start_proxy, version
from cfos_cloud.listener.self_signed import make_self_signed, new_key

#: Connections of the default device end to its target.
DEFAULT_CONNECTIONS = 4


def parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="2 unless given")
    parser.add_argument("--seconds", type=int, default=4, help="of each load, 4")
    parser.add_argument("--connections", type=int, default=32, help="of the client, 32")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.seconds, options.connections) < 1:
        parser.error("rounds, seconds and connections must be positive")
    return options


def missing_programs() -> list[str]:
    """Debian's packages for what is not there."""
    lost = [name for name in ("wrk", "curl") if shutil.which(name) is None]
    return lost if find_nginx() else ["nginx-light", *lost]


def self_signed(path: Path) -> Path:
    """A certificate of the kind that the server makes for itself, with its key."""
    made = make_self_signed(new_key(), ["localhost", "127.0.0.1"], datetime.now(UTC))
    path.touch(mode=0o600)
    path.write_bytes(made.certificate_pem + made.key_pem)
    return path


def measure(subject: Subject, connections: int, seconds: int) -> Round:
    """One round of one subject; a second of each load goes before it, uncounted."""
    rates = []
    for file in ("1k.bin", "30k.bin"):
        request_rate(subject, file, connections, 1)
        rates.append(request_rate(subject, file, connections, seconds))
    large = "64m.bin"
    return Round(rates[0], rates[1], download_rate(subject, large, FILES[large]))


def start(processes: Processes, connections: int) -> list[Subject]:
    """All that is compared, running; the limit comes first."""
    origin, proxy, server = free_ports(3)
    start_origin(processes, origin)
    certificate = self_signed(processes.directory / "nginx.pem")
    start_proxy(processes, proxy, origin, certificate)
    subjects = [Subject("nginx", proxy)]
    cloud = Cloud(processes, server)
    cloud.start_server()
    for cloud_id, name, to_target in (
        ("wide", "cfos-cloud", connections),
        ("narrow", "cfos-cloud, 4 to the target", DEFAULT_CONNECTIONS),
    ):
        cloud.start_device(cloud_id, origin, to_target)
        subjects.append(Subject(name, server, cloud.log_in(cloud_id)))
    return subjects


def run(rounds: int, seconds: int, connections: int) -> str:
    """
    The whole report.

    :raises RunFailed: something could not be measured.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cfos-bench-") as directory,
        Processes(Path(directory)) as processes,
    ):
        subjects = start(processes, connections)
        results: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
        for number in range(1, rounds + 1):
            for subject in subjects:
                print(f"round {number}: {subject.name}", file=sys.stderr, flush=True)
                results[subject.name].append(measure(subject, connections, seconds))
        memory = ", ".join(
            f"{name} {processes.peak_memory(process):.0f} MB"
            for name, process in (("server", "server"), ("device end", "wide"))
        )
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {version()}"
    return (
        f"{table(results)}\n\n"
        f"Medians of {rounds} rounds of {seconds} s, {connections} connections; TLS in "
        f"and TLS tunnel; client, servers and origin all on this machine: {machine}.\n"
        f"Most memory: {memory}."
    )


def main(arguments: list[str]) -> int:
    """:returns: the exit status."""
    options = parse_options(arguments)
    if lost := missing_programs():
        needed = " ".join(lost)
        print(f"missing: sudo apt-get install {needed}", file=sys.stderr)
        return 2
    try:
        print(run(options.rounds, options.seconds, options.connections))
    except RunFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
