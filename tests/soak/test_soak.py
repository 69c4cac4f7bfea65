"""A minute of it; ``make slow`` has twenty."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.outcomes import Book, Cut, Outcome, percentile
from tests.soak.plot import draw, scale_for
from tests.soak.run import Plan, soak
from tests.soak.samples import Sample
from tests.soak.verdict import MOST_GROWTH, findings, growth

#: MiB: in a minute, much of what is used for the first time comes after its beginning.
GROWTH_OF_A_MINUTE = 12.0


def sample(at: float = 0.0, rss: float = 100.0, **more: int) -> Sample:
    held = {"server_fds": 14, "device_fds": 10, "streams": 1, "connections": 2}
    return Sample(at, rss, 80.0, **{**held, "timers": 15, **more})


class SoakTests(SynchronousTestCase):
    def test_a_minute_leaves_nothing_behind(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        plan = Plan(
            60.0, cut_every=20.0, sample_every=4.0, most_growth=GROWTH_OF_A_MINUTE
        )
        report = soak(directory, plan)
        self.assertEqual(report.findings, [], report.text())
        # Whatever was to be done was done.
        wanted = {"page", "download", "upload", "websocket", "events", "log-in", "key"}
        self.assertLessEqual(wanted, set(report.done), report.text())


class VerdictTests(SynchronousTestCase):
    def samples(self, *rss: float) -> list[Sample]:
        return [sample(float(at), each) for at, each in enumerate(rss)]

    def test_a_level_that_stays_is_no_growth(self) -> None:
        steady = self.samples(*[100.0, 101.0] * 20)
        self.assertEqual(growth(steady, lambda each: each.server_rss), 0.0)
        self.assertEqual(findings(sample(), steady, sample()), [])

    def test_the_warm_up_does_not_count(self) -> None:
        begun = self.samples(*[50.0, 60.0, 70.0], *[100.0] * 37)
        self.assertEqual(findings(sample(), begun, sample()), [])

    def test_one_bad_moment_says_nothing(self) -> None:
        once = self.samples(*[100.0] * 39, 500.0)
        self.assertEqual(findings(sample(), once, sample()), [])

    def test_a_leak_is_found(self) -> None:
        step = 2 * MOST_GROWTH / 40
        leaking = self.samples(*[100.0 + step * number for number in range(40)])
        (found,) = findings(sample(), leaking, sample())
        self.assertIn("the server has grown by", found)

    def test_what_is_left_open_is_found(self) -> None:
        steady = self.samples(*[100.0] * 10)
        after = sample(streams=2, server_fds=30, timers=60)
        found = findings(sample(), steady, after)
        self.assertEqual(len(found), 3)
        self.assertEqual(found[0], "2 streams are open, 1 at first")


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = Book()
        self.book.add_cut(Cut(10.0, 12.0))

    def test_a_failure_beside_a_cut_is_excused(self) -> None:
        self.book.add(Outcome("page", 8.0, 10.5, "status 503"))
        failed, excused = self.book.failures()
        self.assertEqual((failed, len(excused)), ([], 1))

    def test_one_at_another_time_is_not(self) -> None:
        self.book.add(Outcome("page", 20.0, 20.5, "status 503"))
        failed, excused = self.book.failures()
        self.assertEqual((len(failed), excused), (1, []))

    def test_nothing_excuses_a_success_that_was_none(self) -> None:
        self.book.add(Outcome("page", 10.0, 11.0, "half of it", is_lie=True))
        failed, excused = self.book.failures()
        self.assertEqual((len(failed), excused), (1, []))

    def test_waits_are_those_of_what_was_well(self) -> None:
        for began, ended, wrong in ((1, 3, ""), (2, 3, ""), (1, 3, "no")):
            self.book.add(Outcome("page", began, ended, wrong))
        self.assertEqual(self.book.waits("page", 0.0, 5.0), [1.0, 2.0])
        self.assertEqual(self.book.waits("page", 0.0, 3.0), [])

    def test_percentiles(self) -> None:
        values = [float(number) for number in range(1, 101)]
        found = [percentile(values, each) for each in (1, 50, 99, 100)]
        self.assertEqual(found, [1.0, 50.0, 99.0, 100.0])
        self.assertEqual(percentile([], 50), 0.0)
        self.assertEqual(percentile([7.0], 99), 7.0)


class PlotTests(SynchronousTestCase):
    def test_each_panel_has_two_curves_with_all_samples(self) -> None:
        samples = [sample(float(at)) for at in range(10)]
        text = draw(samples, [Cut(3.0, 4.0)])
        self.assertEqual(text.count("<polyline"), 8)
        self.assertEqual(text.count('class="cut"'), 4)
        points = text.split('points="')[1].split('"')[0].split(" ")
        self.assertEqual(len(points), 10)

    def test_a_scale_reaches_what_is_to_be_shown(self) -> None:
        for most in (0.3, 1.0, 7.0, 79.0, 125.6, 801.0, 99_999.0):
            scale = scale_for(most)
            self.assertGreaterEqual(scale, most)
            self.assertLessEqual(scale, 2.5 * most)
        self.assertEqual(scale_for(0.0), 1.0)
