"""
A soak: ``python -m tests.soak.run --seconds 1200 --plot docs/pictures/soak.svg``.

A server, a device end and visitors, all real, all on loopback. Says what was seen;
the exit status is 1 if anything grew, was left open, or failed without a cut.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.end_to_end.case import Site
from tests.end_to_end.daemons import DeviceEnd, Server
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Target
from tests.soak.outcomes import Book, Cut, Outcome, percentile
from tests.soak.plot import draw
from tests.soak.samples import Sample, cpu_seconds, take
from tests.soak.verdict import MOST_GROWTH, findings, growth
from tests.soak.visitors import (
    PAGE,
    Scene,
    download,
    load_page,
    log_in_and_out,
    prepare,
    upload,
    use_a_key,
    use_all_threads,
    visitors,
)

#: Seconds in which what is open closes after the last visitor has gone: connections
#: to the target that nobody uses are kept for 10.
QUIET_SECONDS = 40.0
#: Seconds for the last visit of each to end.
LAST_SECONDS = 120.0
_COMPLAINT = re.compile(r"^\S+ error |Traceback|Unhandled")


@dataclass(frozen=True)
class Plan:
    """
    :ivar seconds: how long visitors come.
    :ivar pace: 1 is about a tenth of a slow core, in all processes together.
    :ivar cut_every: seconds between two cuts of the tunnel.
    :ivar sample_every: seconds between two samples.
    :ivar most_growth: MiB.
    """

    seconds: float
    pace: float = 1.0
    cut_every: float = 60.0
    sample_every: float = 5.0
    most_growth: float = MOST_GROWTH


@dataclass(frozen=True)
class Report:
    """What was seen; ``findings`` is empty if all was well."""

    before: Sample
    samples: list[Sample]
    after: Sample
    done: Counter[str]
    excused: int
    cuts: list[Cut]
    failures: list[Outcome]
    findings: list[str]
    cpu: float
    waits: list[float]

    def text(self) -> str:
        """A table in Markdown, and what is wrong."""
        rows = [
            ("", "at first", "at the end", "growth"),
            ("---", "---:", "---:", "---:"),
            *(
                (name, f"{first:.1f}", f"{last:.1f}", f"{grown:+.1f}")
                for name, first, last, grown in (
                    (
                        "server, MiB",
                        self.before.server_rss,
                        self.after.server_rss,
                        growth(self.samples, lambda each: each.server_rss),
                    ),
                    (
                        "device end, MiB",
                        self.before.device_rss,
                        self.after.device_rss,
                        growth(self.samples, lambda each: each.device_rss),
                    ),
                )
            ),
            *(
                (name, str(first), str(last), f"{last - first:+d}")
                for name, first, last in (
                    ("server, files", self.before.server_fds, self.after.server_fds),
                    (
                        "device end, files",
                        self.before.device_fds,
                        self.after.device_fds,
                    ),
                    ("streams", self.before.streams, self.after.streams),
                    ("connections", self.before.connections, self.after.connections),
                    ("timers", self.before.timers, self.after.timers),
                )
            ),
        ]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        did = ", ".join(f"{count} × {what}" for what, count in self.done.most_common())
        lines += [
            "",
            f"{self.samples[-1].at:.0f} s: {did}.",
            f"{len(self.cuts)} cuts, {self.excused} that met one and failed, "
            f"{len(self.failures)} other failures.",
            f"Pages: p50 {percentile(self.waits, 50) * 1000:.0f} ms, "
            f"p99 {percentile(self.waits, 99) * 1000:.0f} ms. "
            f"CPU of both daemons: {self.cpu:.0f} s.",
        ]
        lines += [f"WRONG: {each}" for each in self.findings]
        return "\n".join(lines)


@contextmanager
def started(directory: Path) -> Iterator[Site]:
    """A server with one site, in processes of their own."""
    server = Server(directory, "--allow-http")
    target = Target()
    try:
        password = server.add_system("Soak")
        device = DeviceEnd(server, "Soak", password, target.url, directory)
        try:
            yield Site(device, target)
        finally:
            device.close()
    finally:
        server.close()
        target.close()


def soak(directory: Path, plan: Plan) -> Report:
    """Have it used as planned, and look at it meanwhile."""
    with started(directory) as site:
        prepare(site)
        book = Book()
        scene = Scene(site, book, time.monotonic())
        # Everything once, so that what is made only once is there.
        client = site.device.client()
        for once in (load_page, download, upload):
            once(client)
        log_in_and_out(scene)
        use_a_key(scene)
        use_all_threads(scene)
        client.log_out()
        time.sleep(min(12.0, plan.seconds / 5))
        server, device = site.device.server, site.device.process
        scene = Scene(site, book, time.monotonic())
        before = take(server, device, 0.0)
        cpu = cpu_seconds(server.process) + cpu_seconds(device)
        samples = watch(scene, plan)
        cpu = cpu_seconds(server.process) + cpu_seconds(device) - cpu
        after = last_sample(scene, before)
        failures, excused = book.failures()
        found = findings(before, samples, after, plan.most_growth)
        found += [
            f"{each.what} at {each.began:.0f} s: {each.wrong}" for each in failures
        ]
        found += [f"the log of {name}: {line}" for name, line in complaints(site)]
        if not book.cuts:
            found.append("the tunnel was never cut")
        outcomes = book.outcomes
        return Report(
            before,
            samples,
            after,
            Counter(each.what for each in outcomes if not each.wrong),
            len(excused),
            book.cuts,
            failures,
            found,
            cpu,
            book.waits(PAGE, 0.0, scene.now()),
        )


def watch(scene: Scene, plan: Plan) -> list[Sample]:
    """Samples of the whole time."""
    server, device = scene.site.device.server, scene.site.device.process
    people = visitors(scene, plan.pace, plan.cut_every)
    for each in people:
        each.start()
    samples: list[Sample] = []
    since = 0.0
    while scene.now() < plan.seconds:
        time.sleep(plan.sample_every)
        now = scene.now()
        waits = scene.book.waits(PAGE, since, now)
        sample = replace(
            take(server, device, now),
            p50=percentile(waits, 50) * 1000,
            p99=percentile(waits, 99) * 1000,
        )
        samples.append(sample)
        since = now
    for each in people:
        each.stop()
    for each in people:
        each.join(LAST_SECONDS)
        if each.is_alive():
            raise AssertionError(f"{each.name} never ends")
    return samples


def last_sample(scene: Scene, before: Sample) -> Sample:
    """When everybody has gone and nothing is left, or it has been long enough."""
    server, device = scene.site.device.server, scene.site.device.process

    def gone() -> bool:
        sample = take(server, device, scene.now())
        return not findings(before, [sample], sample, most_left=0)

    with suppress(AssertionError):
        wait_until(gone, "nothing is left", QUIET_SECONDS)
    return take(server, device, scene.now())


def complaints(site: Site) -> Iterator[tuple[str, str]]:
    """Lines of the logs that tell of a mistake in the program."""
    for process in (site.device.server.process, site.device.process):
        for line in process.log.splitlines():
            if _COMPLAINT.search(line):
                yield process.name, line


def main(arguments: list[str]) -> int:
    """:returns: the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--cut-every", type=float, default=60.0)
    parser.add_argument("--plot", type=Path, help="where the picture goes (SVG)")
    parser.add_argument("--samples", type=Path, help="where the figures go (JSON)")
    options = parser.parse_args(arguments)
    plan = Plan(options.seconds, options.pace, options.cut_every)
    with tempfile.TemporaryDirectory(prefix="cfos-soak-") as directory:
        report = soak(Path(directory), plan)
    if options.samples is not None:
        text = json.dumps([asdict(each) for each in report.samples], indent=1)
        options.samples.write_text(text)
    if options.plot is not None:
        options.plot.write_text(draw(report.samples, report.cuts))
    print(report.text())
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
