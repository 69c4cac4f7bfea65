"""Requests and megabytes a second, side by side with nginx."""

from __future__ import annotations

import sys

from benchmarks.cloud import Cloud
from benchmarks.load import Subject, download_rate, request_rate
from benchmarks.processes import Processes, free_ports
from benchmarks.report import Round, table
from benchmarks.web_servers import FILES, start_limit

#: Connections of the default device end to its target.
DEFAULT_CONNECTIONS = 4


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
    start_limit(processes, proxy, origin)
    subjects = [Subject("nginx", proxy)]
    cloud = Cloud(processes, server)
    cloud.start_server()
    for cloud_id, name, to_target, transport in (
        ("wide", "cfos-cloud", connections, "upgrade"),
        ("narrow", "cfos-cloud, 4 to the target", DEFAULT_CONNECTIONS, "upgrade"),
        ("websocket", "cfos-cloud, tunnel as a WebSocket", connections, "websocket"),
    ):
        cloud.start_device(cloud_id, origin, to_target, f"--transport={transport}")
        subjects.append(Subject(name, server, cloud.log_in(cloud_id)))
    return subjects


def report(processes: Processes, rounds: int, seconds: int, connections: int) -> str:
    """
    The table, and what it says.

    :raises RunFailed: something could not be measured.
    """
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
    return (
        f"{table(results)}\n\n"
        f"Medians of {rounds} rounds of {seconds} s, {connections} connections. "
        f"Most memory: {memory}."
    )
