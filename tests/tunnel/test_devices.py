"""What a device end says of further devices, and what is made of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import InvalidParams, JSONObject
from cfos_cloud.tunnel.devices import (
    MAX_DEVICES,
    NamedDevice,
    TargetState,
    parse_devices,
    read_targets,
)
from cfos_cloud.tunnel.hello import parse_grant

GRANT: JSONObject = {"grant": "g" * 16, "role": "user", "user": "anna"}


class LoginTests(SynchronousTestCase):
    def test_they_have_a_name_and_perhaps_a_title(self) -> None:
        devices: list[object] = [
            {"name": "meter"},
            {"name": "pv2", "title": "Süddach", "more": 1},
            {"name": "meter", "title": "once more"},
        ]
        self.assertEqual(
            parse_grant(GRANT | {"devices": devices}).devices,
            (NamedDevice("meter"), NamedDevice("pv2", "Süddach")),
        )

    def test_none_are_told_by_nothing_null_or_an_empty_list(self) -> None:
        for params in (GRANT, GRANT | {"devices": None}, GRANT | {"devices": []}):
            self.assertEqual(parse_grant(params).devices, ())

    def test_anything_else_is_no_answer(self) -> None:
        wrong: tuple[object, ...] = (
            "meter",
            {"name": "meter"},
            ["meter"],
            [{}],
            [{"name": 1}],
            [{"name": "Meter"}],
            [{"name": "a--b"}],
            [{"name": "../x"}],
            [{"name": "m\n"}],
            [{"name": ""}],
            [{"name": "x" * 21}],
            [{"name": "meter", "title": "x" * 65}],
            [{"name": "meter", "title": 1}],
            [{"name": f"d{n}"} for n in range(MAX_DEVICES + 1)],
        )
        for devices in wrong:
            self.assertRaises(InvalidParams, parse_devices, devices)


class StatusTests(SynchronousTestCase):
    def test_states_are_read_by_name(self) -> None:
        status: JSONObject = {
            "target": "up",
            "targets": [
                {"state": "up", "seconds": 5},
                {"name": "meter", "state": "down", "seconds": 0},
                {"name": "pv"},
            ],
        }
        self.assertEqual(
            read_targets(status),
            {
                None: TargetState(True, 5),
                "meter": TargetState(False, 0),
                "pv": TargetState(None, None),
            },
        )

    def test_what_can_not_be_read_is_not_there(self) -> None:
        names: list[object] = [{"name": "A"}, {"name": 1}]
        wrong: tuple[object, ...] = (None, 1, "x", {}, ["x", 1, None], names)
        for targets in wrong:
            self.assertEqual(read_targets({"targets": targets}), {})
        self.assertEqual(read_targets({}), {})

    def test_a_state_or_a_time_that_is_none_is_not_known(self) -> None:
        for state, seconds in (("broken", True), (1, -1), (None, 10**12), ([], 1.5)):
            target: JSONObject = {"name": "m", "state": state, "seconds": seconds}
            found = read_targets({"targets": [target]})
            self.assertEqual(found, {"m": TargetState()})

    def test_no_more_are_read_than_a_site_can_have(self) -> None:
        targets: list[object] = [{"name": f"d{n}"} for n in range(100)]
        self.assertEqual(len(read_targets({"targets": targets})), MAX_DEVICES + 1)
