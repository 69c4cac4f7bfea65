"""
What it costs to look at an access key anew with each request: signature, claims, row.

The same small file by a session, which is found in a table, and by a key.
"""

from __future__ import annotations

import sys
from statistics import median

from benchmarks.cloud import Cloud
from benchmarks.load import Rate, Subject, request_rate
from benchmarks.processes import Processes, free_ports
from benchmarks.web_servers import start_limit

SMALL = "1k.bin"


def report(processes: Processes, rounds: int, seconds: int, connections: int) -> str:
    """
    The table, and what it says.

    :raises RunFailed: something could not be measured.
    """
    origin, proxy, server = free_ports(3)
    start_limit(processes, proxy, origin)
    cloud = Cloud(processes, server)
    cloud.start_server()
    cloud.start_device("site", origin, connections)
    cookie = cloud.log_in("site")
    subjects = [
        Subject("session", server, cookie),
        Subject("access key", server, key=cloud.make_key("site", cookie)),
    ]
    results: dict[str, list[Rate]] = {subject.name: [] for subject in subjects}
    for number in range(1, rounds + 1):
        for subject in subjects:
            print(f"round {number}: {subject.name}", file=sys.stderr, flush=True)
            request_rate(subject, SMALL, connections, 1)
            results[subject.name].append(
                request_rate(subject, SMALL, connections, seconds)
            )
    return (
        f"{table(results)}\n\n"
        f"Medians of {rounds} rounds of {seconds} s, {connections} connections, 1 KiB."
    )


def table(results: dict[str, list[Rate]]) -> str:
    """In Markdown; ratios are to the first, whose rounds are not empty."""
    lines = [
        "| by | requests/s | ratio | p50 ms | p99 ms |",
        "|---|---:|---:|---:|---:|",
    ]
    first: float | None = None
    for name, rates in results.items():
        per_second = median(rate.per_second for rate in rates)
        first = per_second if first is None else first
        p50, p99 = median(rate.p50 for rate in rates), median(r.p99 for r in rates)
        ratio = per_second / first
        lines.append(
            f"| {name} | {per_second:.0f} | {ratio:.2f} | {p50:.1f} | {p99:.1f} |"
        )
    return "\n".join(lines)
