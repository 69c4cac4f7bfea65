"""What both daemons hold at a moment."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.daemons import OPERATOR_PASSWORD, Server
from tests.end_to_end.processes import Process

_MIB = 1 << 20
_GAUGE = re.compile(r"^cfos_cloud_(\w+) (\S+)$", re.M)


@dataclass(frozen=True)
class Sample:
    """
    :ivar at: seconds since the beginning.
    :ivar server_rss: resident memory in MiB; ``device_rss`` likewise.
    :ivar server_fds: open file descriptors; ``device_fds`` likewise.
    :ivar p50: of the pages since the sample before, in milliseconds; ``p99`` likewise.
    """

    at: float
    server_rss: float
    device_rss: float
    server_fds: int
    device_fds: int
    streams: int
    connections: int
    timers: int
    p50: float = 0.0
    p99: float = 0.0


def open_files(process: Process) -> int:
    """Its file descriptors."""
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def cpu_seconds(process: Process) -> float:
    """What it has used so far, of all cores."""
    # The name, in parentheses, may have blanks.
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def gauges(server: Server) -> dict[str, float]:
    """What ``/cloud/metrics`` says there is, of what has no label."""
    credentials = base64.b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
    field = ("Authorization", f"Basic {credentials}")
    answer = server.client().get("/cloud/metrics", field)
    assert answer.status == 200, answer
    return {name: float(value) for name, value in _GAUGE.findall(answer.body.decode())}


def take(server: Server, device: Process, at: float) -> Sample:
    """One sample, without its waits."""
    told = gauges(server)
    return Sample(
        at=at,
        server_rss=server.process.memory("VmRSS") / _MIB,
        device_rss=device.memory("VmRSS") / _MIB,
        server_fds=open_files(server.process),
        device_fds=open_files(device),
        streams=int(told["streams"]),
        connections=int(told["connections"]),
        timers=int(told["timers"]),
    )
