"""What the site shows as its total is the sum of what it shows of its parts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.model.house import DAY
from tests.demo.site.support import ADMIN, GUEST, NOW, Fields, MemorySite

#: Half of the last digit that a page shows, and that our JSON shows, in watts.
_PAGE, _JSON = 5.0, 0.5
#: What happens on the way: seconds until then, and what.
stories = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.one_of(
            st.just("reset_device"),
            st.sampled_from(["override_device&flags=C", "override_device&flags=c"]),
            st.integers(6_000, 16_000).map("override_device&flags=&mamps={}".format),
        ),
        st.sampled_from(["E1", "E2"]),
    ),
    max_size=3,
)


class SumTests(SynchronousTestCase):
    # To look for a simpler story takes minutes, and tells nothing that this doesn't.
    @settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
    @example(1, 9 * 3600.0, [])
    @given(st.integers(0, 999), st.floats(0, DAY), stories)
    def test_from_the_first_moment_on_at_any_hour_whatever_people_do(
        self, seed: int, offset: float, story: list[tuple[int, str, str]]
    ) -> None:
        site = MemorySite(Path(self.mktemp()), now=NOW + offset, ran=0, seed=seed)
        self.check(site)
        for wait, command, box in [(1, "get_params", "E1"), *story]:
            for _ in range(wait):
                site.clock.advance(1)
                site.site.tick(site.clock.seconds())
            self.check(site)
            answer = site.ask("GET", f"/cnf?cmd={command}&dev_id={box}", ADMIN)
            self.assertEqual(answer.status, 200, answer)
            self.check(site)

    def check(self, site: MemorySite) -> None:
        """Each answer by itself, and all of one moment with each other."""
        totals = [
            self.of_page(self.text(site, "/ui/en/index.htm")),
            self.of_page(self.text(site, "/ui/en/index.htm", GUEST)),
            self.of_state(self.json(site, "/api/site/state")),
            self.of_dev_info(self.json(site, "/cnf?cmd=get_dev_info")),
            self.of_variables(self.json(site, "/cnf?cmd=get_cm_vars")),
            self.of_meter(self.json(site, "/api/json/local/values/smart-meter")),
        ]
        self.assertLessEqual(max(totals) - min(totals), 2 * _PAGE, totals)

    def of_page(self, page: str) -> float:
        """Watts that the page says the site draws; negative: feeds in."""
        shown = dict(re.findall(r'data-value="([a-z0-9A-Z-]+)">([−-]?[\d.,]+)<', page))
        watts = {name: _watts(text) for name, text in shown.items() if "." in text}
        total = watts["site-power"]
        parts = [value for name, value in watts.items() if name.startswith("part-")]
        self.same(total, parts, _PAGE)
        if "meter-power" in watts:
            feeds = 'data-value="direction">Feeding in<' in page
            meter = -watts["meter-power"] if feeds else watts["meter-power"]
            self.same(total, [meter], _PAGE)
        free = watts["free"]
        self.same(watts["site-limit"], [total, free], _PAGE)
        return total

    def of_state(self, state: Any) -> float:
        total = float(state["site"]["power_w"])
        parts = [box["power_w"] for box in state["wallboxes"]]
        self.assertEqual(total, sum(parts) + state["site"]["rest_w"])
        self.same(total, [state["meter"]["power_w"]], _JSON)
        return total

    def of_dev_info(self, info: Any) -> float:
        params, devices = info["params"], info["devices"]
        boxes = [each for each in devices if each["is_evse"]]
        [meter] = [each for each in devices if not each["is_evse"]]
        total = float(params["cons_power"])
        self.same(params["cons_evse_power"], [each["power_w"] for each in boxes], _JSON)
        self.same(total, [meter["power_w"]], _JSON)
        self.same(total, [meter[f"power_l{n}"] for n in (1, 2, 3)], _JSON)
        drawn = [max(each[f"current_l{n}"] for n in (1, 2, 3)) for each in boxes]
        self.same(params["used_current"], drawn, _JSON)
        return total

    def of_variables(self, variables: Any) -> float:
        values = {each["name"]: each["val"] for each in variables}
        total = float(values["grid_demand"])
        self.same(total, [values["house"], values["evse_power"]], _JSON)
        return total

    def of_meter(self, document: Any) -> float:
        """In thousandths, which no rounding spoils."""
        values = document["smart-meter"]["values"]
        power = {
            phase: values[f"active_power_+{phase}"] - values[f"active_power_-{phase}"]
            for phase in ("", "_L1", "_L2", "_L3")
        }
        total = float(power.pop(""))
        self.assertEqual(total, sum(power.values()))
        return total / 1000

    # within

    def same(self, total: float, parts: Sequence[float], digit: float) -> None:
        """As near as it can be when each is rounded by itself."""
        rounded = digit * (len(parts) + 1) + 1e-6
        self.assertLessEqual(abs(total - sum(parts)), rounded, (total, parts))

    def text(self, site: MemorySite, path: str, who: Fields = ADMIN) -> str:
        answer = site.ask("GET", path, who)
        self.assertEqual(answer.status, 200, answer)
        return answer.body.decode()

    def json(self, site: MemorySite, path: str) -> Any:
        return json.loads(self.text(site, path))


def _watts(text: str) -> float:
    return 1000 * float(text.replace("−", "-").replace(",", ""))
