"""The client: wrk for many small answers, curl for a large one."""

from __future__ import annotations

import re
import statistics
import subprocess
from dataclasses import dataclass

from benchmarks.processes import ROOT, RunFailed

#: Downloads of the large file in one measurement; the median counts.
DOWNLOADS = 3
DOWNLOAD_SECONDS = 120.0
#: Sends wrk to loopback, whatever the host is called.
_WRK_SCRIPT = ROOT / "benchmarks" / "loopback.lua"
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True)
class Rate:
    """Answers per second, and how long one took, in milliseconds."""

    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Subject:
    """
    What is measured; ``cookie`` is its session, if it has one, ``key`` its access key.
    ``host`` is loopback, or what loopback is called: it goes into TLS's SNI.
    """

    name: str
    port: int
    cookie: str | None = None
    key: str | None = None
    host: str = "127.0.0.1"

    def url(self, file: str) -> str:
        """The address of a file of the origin."""
        return f"https://{self.host}:{self.port}/{file}"

    def resolved(self) -> list[str]:
        """Options of curl, by which it finds :attr:`host` without any DNS."""
        return ["--resolve", f"{self.host}:{self.port}:127.0.0.1"]

    def credentials(self) -> list[str]:
        """The field lines that let its requests in."""
        cookie = [] if self.cookie is None else [f"Cookie: {self.cookie}"]
        return [*cookie, *([f"Authorization: Bearer {self.key}"] if self.key else [])]

    def header(self) -> list[str]:
        """The same as options of wrk and curl."""
        return [part for line in self.credentials() for part in ("-H", line)]


def request_rate(subject: Subject, file: str, connections: int, seconds: int) -> Rate:
    """
    As many requests as one thread of wrk gets answered.

    :raises RunFailed: a request failed.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += ["-s", str(_WRK_SCRIPT)]
    return parse_wrk(
        _run([*command, *subject.header(), subject.url(file)], 2 * seconds + 30)
    )


def parse_wrk(output: str) -> Rate:
    """
    What wrk says with ``--latency``.

    :raises RunFailed: it tells of errors, or it is not wrk's.
    """
    problem = re.search(r"^ *(Non-2xx|Socket errors).*", output, re.M)
    if problem is not None:
        raise RunFailed(problem[0].strip())
    rate = re.search(r"^Requests/sec: +([\d.]+)$", output, re.M)
    if rate is None:
        raise RunFailed(f"wrk says: {output}")
    return Rate(float(rate[1]), _percentile(output, 50), _percentile(output, 99))


def download_rate(subject: Subject, file: str, size: int) -> float:
    """
    MB/s (10**6 bytes) of one download at a time.

    :raises RunFailed: not all of the file came.
    """
    rates = []
    for _ in range(DOWNLOADS):
        command = ["curl", "--silent", "--insecure", "--output", "/dev/null"]
        command += subject.resolved()
        wanted = "%{http_code} %{size_download} %{speed_download}"
        output = _run(
            [*command, "--write-out", wanted, *subject.header(), subject.url(file)],
            DOWNLOAD_SECONDS,
        )
        status, got, speed = output.split()
        if status != "200" or int(got) != size:
            raise RunFailed(f"{subject.name}: status {status}, {got} of {size} bytes")
        rates.append(float(speed) / 1e6)
    return statistics.median(rates)


def _percentile(output: str, percent: int) -> float:
    found = re.search(rf"^ +{percent}% +([\d.]+)(us|ms|s|m)$", output, re.M)
    if found is None:
        raise RunFailed(f"wrk gives no {percent} % latency")
    return float(found[1]) * _UNITS[found[2]]


def _run(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"{command[0]} did not end within {seconds:.0f} s") from error
    if done.returncode:
        raise RunFailed(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout
