"""
What it costs that nobody between reads along: TLS that ends at the device end, beside
TLS that ends at the server, beside SniTun, which has TLS pass as well.
"""

from __future__ import annotations

import sys

from benchmarks import snitun_pair
from benchmarks.cloud import Cloud
from benchmarks.load import Subject
from benchmarks.processes import Processes, free_ports
from benchmarks.report import Round, table
from benchmarks.throughput import measure
from benchmarks.web_servers import start_limit, start_proxy

DOMAIN = "localhost"
RELAYED = "cfos-cloud, TLS ends at the server"
PASSED = "cfos-cloud, end to end"
#: The bounds that a device end has on connections of one visitor are for small
#: machines; here one visitor has as many as wrk.
_ROOM = """
from cfos_cloud.site_door import limits
limits.MAX_CONNECTIONS = limits.MAX_PER_SOURCE = {room}
limits.BURST = limits.BURST_OF_ALL = limits.PER_SECOND = {room}
limits.PER_SECOND_OF_ALL = {room}
"""


def start(processes: Processes, connections: int) -> list[Subject]:
    """All that is compared, running; the limit comes first."""
    origin, proxy, server, behind = free_ports(4)
    certificate = start_limit(processes, proxy, origin)
    cloud = Cloud(processes, server, DOMAIN)
    cloud.start_server()
    cloud.start_device("relayed", origin, connections)
    room = _ROOM.format(room=8 * connections)
    cloud.start_device("passed", origin, connections, "--end-to-end", before=room)
    subjects = [Subject("nginx", proxy)]
    for cloud_id, name in (("relayed", RELAYED), ("passed", PASSED)):
        cookie = cloud.log_in(cloud_id, at_device=name == PASSED)
        subjects.append(Subject(name, server, cookie, host=cloud.host(cloud_id)))
    if snitun_pair.is_installed():
        start_proxy(processes, behind, origin, certificate, "behind-snitun")
        subjects.append(snitun_pair.start(processes, behind))
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
    others = [name for name in results if name.startswith(snitun_pair.NAME)]
    left_out = "" if others else "\n\nSniTun is left out: it is not installed."
    return (
        f"{table(results, *others)}\n\n"
        f"Medians of {rounds} rounds of {seconds} s, {connections} connections. "
        f"TLS ends at the server, at the device end, or at an nginx behind SniTun's "
        f"client.{left_out}"
    )
