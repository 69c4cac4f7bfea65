"""Power over time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.history import COARSE_SPAN, History

BEGIN = 1_700_000_040.0  # a whole minute


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.history = History(("M1", "E1"))

    def live(self, seconds: int, begin: float = BEGIN, power: float = 100.0) -> float:
        for second in range(seconds):
            self.history.add(begin + second, {"M1": power, "E1": second % 10})
        return begin + seconds

    def test_it_has_averages_of_10_seconds(self) -> None:
        now = self.live(121)
        plot = self.history.plot(now, 1)
        self.assertEqual((plot.step, plot.begins), (10, BEGIN + 60))
        self.assertEqual(plot.series["M1"], [100] * 6)
        self.assertEqual(plot.series["E1"], [round(4.5)] * 6)

    def test_beyond_an_hour_the_steps_are_minutes(self) -> None:
        now = self.live(2 * 3600 + 1)
        plot = self.history.plot(now, 120)
        self.assertEqual((plot.step, len(plot.series["M1"])), (60, 120))
        self.assertEqual(plot.series["M1"], [100] * 120)

    def test_what_is_not_known_is_a_gap(self) -> None:
        self.live(31)
        now = self.live(31, BEGIN + 60)
        self.assertEqual(
            self.history.plot(now, 1).series["M1"], [100, None, None, 100, 100, 100]
        )

    def test_it_keeps_a_day_and_no_more(self) -> None:
        for minute in range(2 * COARSE_SPAN // 60):
            self.history.add(BEGIN + minute * 60, {"M1": minute, "E1": 0})
        data = self.history.to_json()
        coarse, fine = data["coarse"], data["fine"]
        assert isinstance(coarse, list)
        assert isinstance(fine, list)
        self.assertEqual((len(coarse), len(fine)), (1440, 360))

    def test_a_clock_that_is_set_back_makes_no_disorder(self) -> None:
        self.live(60)
        self.live(60, BEGIN - 3600, power=5.0)
        now = self.live(61, BEGIN + 60)
        self.assertEqual(self.history.plot(now, 2).series["M1"], [100] * 12)

    def test_it_goes_on_from_what_was_kept(self) -> None:
        now = self.live(121)
        again = History(("M1", "E1"))
        again.restore(self.history.to_json())
        self.assertEqual(again.plot(now, 2), self.history.plot(now, 2))

    def test_what_is_broken_is_not_taken(self) -> None:
        good = {"names": ["M1", "E1"], "fine": [], "coarse": []}
        for broken in (
            {"fine": None},
            {"fine": [[1, 2]]},
            {"coarse": [[1, 2, "x"]]},
            {"coarse": [[1, 2, True]]},
            {"coarse": [3]},
        ):
            self.assertRaises(ValueError, self.history.restore, {**good, **broken})

    def test_the_history_of_other_devices_is_left_out(self) -> None:
        self.history.restore({"names": ["M9"], "fine": [[1, 2]], "coarse": []})
        self.assertEqual(self.history.to_json()["fine"], [])
