"""TLS that ends at the device end is measured there, and SniTun where it is."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks import end_to_end, snitun_pair
from benchmarks.end_to_end import PASSED, RELAYED, report, start
from benchmarks.latency import PACE, Asker, connect
from benchmarks.load import Rate, Subject, request_rate
from benchmarks.processes import Processes
from benchmarks.report import Round
from benchmarks.run import PARTS, missing_programs, parse_options


class ReportTests(SynchronousTestCase):
    def report(self, *names: str) -> str:
        subjects = [Subject(name, 1) for name in names]
        rates = Rate(100, 1, 2)
        self.patch(end_to_end, "start", lambda *_: subjects)
        self.patch(end_to_end, "measure", lambda *_: Round(rates, rates, 50))
        return report(Processes(Path("unused")), 1, 1, 4)

    def test_all_are_compared_with_nginx_and_with_snitun(self) -> None:
        lines = self.report("nginx", PASSED, "SniTun 1.2").splitlines()
        self.assertEqual(lines[0].count("of nginx"), 3)
        self.assertEqual(lines[0].count("of SniTun 1.2"), 3)
        self.assertEqual(lines[3].split(" | ")[0], f"| {PASSED}")
        self.assertNotIn("left out", lines[-1])

    def test_without_snitun_a_line_says_so(self) -> None:
        text = self.report("nginx", PASSED)
        self.assertEqual(text.count("of nginx"), 3)
        self.assertTrue(text.endswith("SniTun is left out: it is not installed."))

    def test_it_is_a_part(self) -> None:
        options: argparse.Namespace = parse_options(["--parts", "end-to-end"])
        self.assertEqual(options.parts, ["end-to-end"])
        self.assertIn("end-to-end", PARTS)


class SubjectTests(SynchronousTestCase):
    def test_a_host_is_loopback_by_another_name(self) -> None:
        subject = Subject("a", 7, host="x.localhost")
        self.assertEqual(subject.url("f"), "https://x.localhost:7/f")
        expected = ["--resolve", "x.localhost:7:127.0.0.1"]
        self.assertEqual(subject.resolved(), expected)


class StartTests(SynchronousTestCase):
    def test_each_subject_answers_by_its_own_tls(self) -> None:
        if lost := missing_programs():
            raise SkipTest(f"not installed: {', '.join(lost)}")
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        certificates = {}
        with Processes(directory) as processes:
            subjects = start(processes, 20)
            for subject in subjects:
                with connect(subject) as connection:
                    shown = connection.getpeercert(binary_form=True)
                certificates[subject.name] = shown
                with closing(Asker(subject)) as asker:
                    self.assertEqual(len(asker.ask_for(2 * PACE)), 2)
            # More connections than the door of a small machine has.
            self.assertGreater(request_rate(subjects[2], "1k.bin", 20, 1).per_second, 0)
        names = ["nginx", RELAYED, PASSED]
        self.assertEqual([subject.name for subject in subjects[:3]], names)
        self.assertEqual(len({certificates[name] for name in names}), 3)
        self.assertEqual(len(subjects) == 4, snitun_pair.is_installed())
        for subject in subjects[3:]:
            self.assertEqual(certificates[subject.name], certificates["nginx"])
