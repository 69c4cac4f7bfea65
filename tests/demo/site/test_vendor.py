"""The vendor's interface, as the clients of real devices use it."""

from __future__ import annotations

import json
from typing import Any

from tests.demo.site.support import (
    ADMIN,
    BERT_ID,
    GUEST,
    GUEST_ID,
    Fields,
    SiteTestCase,
    basic,
    cloud,
)
from tests.memory import Message

NOBODY: Fields = ()
KEY = cloud("api", "billing")
READING = {
    # command: who may use it, of nobody, a user, an access key
    "get_dev_info": (200, 200, 200),
    "get_params": (401, 200, 200),
    "get_devices": (401, 200, 200),
    "get_dev_types": (401, 200, 200),
    "get_users": (401, 200, 200),
    "get_user": (401, 200, 200),
    "get_cm_vars": (401, 403, 200),
}
CHANGING = {
    "set_params&title=X": (401, 403, 403),
    "set_device&dev_id=E1&name=X": (401, 403, 403),
    "del_device&dev_id=E1": (401, 403, 403),
    "reset_device&dev_id=E1": (401, 403, 403),
    "override_device&dev_id=E1&flags=C": (401, 200, 403),
    "override_device&dev_id=E2&flags=C": (401, 404, 403),
    "set_user&mamps=8000": (401, 200, 403),
    f"enter_rfid&rfid={GUEST_ID}&dev_id=E1": (200, 200, 403),
    "change_admin_pwd&old_pwd=adminsecret&new_pwd=anothersecret": (401, 403, 403),
}


class VendorTests(SiteTestCase):
    def command(self, text: str, fields: Fields = ADMIN) -> Message:
        return self.get(f"/cnf?cmd={text}", fields)

    def do(self, text: str, fields: Fields = ADMIN) -> Any:
        answer = self.command(text, fields)
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.body)

    def test_each_command_is_for_those_who_may_use_it(self) -> None:
        for commands in (READING, CHANGING):
            for text, statuses in commands.items():
                for who, status in zip((NOBODY, GUEST, KEY), statuses, strict=True):
                    self.assertEqual(
                        self.command(text, who).status, status, (text, who)
                    )
        self.assertEqual(self.command("get_params", basic("admin", "x")).status, 401)
        self.assertEqual(self.command("get_dev_info", basic("admin", "x")).status, 401)

    def test_its_description_has_the_vendors_shape_and_size(self) -> None:
        answer = self.command("get_dev_info", NOBODY)
        info = json.loads(answer.body)
        self.assertTrue(2_000 < len(answer.body) < 5_400, len(answer.body))
        for name in ("title", "desc", "version", "time", "cycle_time", "max_evses"):
            self.assertIn(name, info["params"])
        self.assertEqual(
            set(info["params"]["vsn"]), {"vendorid", "productid", "serialno"}
        )
        self.assertEqual(
            [device["dev_id"] for device in info["devices"]], ["E1", "E2", "M1"]
        )
        for device in info["devices"][:2]:
            self.assertTrue(device["is_evse"])
            self.assertIn(device["state"], (1, 2, 3, 4, 5, 6))
            for name in (
                "dev_type",
                "name",
                "desc",
                "address",
                "id",
                "number",
                "model",
                "charging_enabled",
                "cur_charging_power",
                "total_energy",
                "com_err",
            ):
                self.assertIn(name, device)
        self.assertEqual((info["auth_cnt"], info["loadmgr_disabled"]), (2, False))

    def test_a_user_is_told_of_the_own_wallbox_only(self) -> None:
        info = self.do("get_dev_info", GUEST)
        self.assertEqual([device["dev_id"] for device in info["devices"]], ["E1"])
        self.assertEqual(
            [device["dev_id"] for device in self.do("get_devices", GUEST)], ["E1"]
        )
        self.assertEqual(
            self.do("get_users", GUEST), [{"name": "guest", "evses": ["E1"]}]
        )
        self.assertEqual(self.do("get_user", GUEST)["name"], "guest")
        self.assertEqual(self.command("get_user&name=bert", GUEST).status, 200)
        self.assertEqual(self.do("get_user&name=bert", GUEST)["name"], "guest")

    def test_the_admin_is_told_of_everybody_but_of_no_id(self) -> None:
        users = self.do("get_users")
        self.assertEqual([user["name"] for user in users], ["guest", "bert"])
        self.assertNotIn(GUEST_ID, json.dumps(users))
        self.assertEqual(self.do("get_user&name=bert")["evses"], ["E2"])
        self.assertTrue(self.do("get_user")["admin"])
        self.assertEqual(self.command("get_user&name=nobody").status, 404)

    def test_an_override_pauses_resumes_and_limits(self) -> None:
        box = self.site.simulation.wallboxes["E1"]
        self.assertEqual(self.do("override_device&dev_id=E1&flags=C"), "ok")
        self.assertFalse(box.enabled)
        self.do("override_device&dev_id=E1&mamps=8000")
        self.assertEqual((box.enabled, box.current_limit_a), (False, 8.0))
        self.do("override_device&dev_id=E1&flags=c&mamps=99000")
        self.assertEqual((box.enabled, box.current_limit_a), (True, 16.0))
        self.do("override_device&dev_id=E1&mamps=1000")
        self.assertEqual(box.current_limit_a, 6.0)
        self.do("override_device&dev_id=E1&flags=e")
        self.assertTrue(box.enabled)
        self.assertEqual(self.command("override_device&dev_id=E9").status, 404)
        self.assertEqual(self.command("override_device&dev_id=E1&mamps=x").status, 422)

    def test_parameters_and_devices_are_set_by_query_and_by_json(self) -> None:
        self.do("set_params&title=Depot&max_total_current=20000")
        self.assertEqual(self.site.settings.name, "Depot")
        self.assertEqual(self.site.settings.limit_w, 13_800)
        body = json.dumps({"devices": [{"dev_id": "E2", "name": "Yard"}]}).encode()
        answer = self.memory.ask("POST", "/cnf?cmd=set_device", ADMIN, body)
        self.assertEqual((answer.status, answer.body), (200, b'"ok"'))
        self.do("set_device&dev_id=E1&max_charging_cur=9000")
        self.assertEqual(self.site.settings.wallboxes["E2"].name, "Yard")
        self.assertEqual(self.site.settings.wallboxes["E1"].current_limit_a, 9.0)
        answer = self.memory.ask(
            "POST", "/cnf?cmd=set_device", ADMIN, b'{"devices":[1]}'
        )
        self.assertEqual(answer.status, 422)

    def test_a_wallbox_restarts_and_none_is_removed(self) -> None:
        self.do("reset_device&dev_id=E1")
        self.assertEqual(self.do("get_devices")[0]["state"], 6)
        for second in range(1, 15):
            self.site.tick(self.clock.seconds() + second)
        self.assertEqual(self.do("get_devices")[0]["state"], 3)
        self.assertEqual(self.do("reset_device&dev_id=M1"), "ok")
        self.assertEqual(self.command("del_device&dev_id=E1").status, 409)
        self.assertEqual(self.command("del_device&dev_id=E7").status, 404)

    def test_a_user_id_at_a_wallbox_says_whose_session_it_is(self) -> None:
        self.assertEqual(self.do(f"enter_rfid&rfid={BERT_ID}&dev_id=E1", NOBODY), "ok")
        session = self.site.simulation.sessions.running("E1")
        assert session is not None
        self.assertEqual(session.user, "bert")
        self.assertEqual(
            self.command("enter_rfid&rfid=5555555555&dev_id=E1", NOBODY).status, 403
        )
        self.site.simulation._leave("E1")
        self.assertEqual(
            self.command(f"enter_rfid&rfid={GUEST_ID}", NOBODY).status, 409
        )

    def test_user_ids_can_not_be_guessed_at_a_wallbox(self) -> None:
        statuses = [
            self.command(f"enter_rfid&rfid={n:010}&dev_id=E1", NOBODY).status
            for n in range(12)
        ]
        self.assertEqual((statuses[0], statuses[-1]), (403, 429))

    def test_a_user_sets_the_own_current_and_the_admin_whose_is_what(self) -> None:
        self.assertEqual(self.do("set_user&mamps=32000", GUEST), "ok")
        self.assertEqual(self.site.simulation.wallboxes["E1"].current_limit_a, 16.0)
        self.do("set_user&name=bert&dev_id=E1")
        self.assertEqual(self.site.settings.users["bert"], "E1")
        self.assertEqual(self.command("set_user&name=nobody&dev_id=E1").status, 404)

    def test_the_admin_password_is_changed_by_whoever_knows_the_old_one(self) -> None:
        change = "change_admin_pwd&old_pwd={}&new_pwd={}".format
        self.assertEqual(self.command(change("wrong", "longenough")).status, 403)
        self.assertEqual(self.command(change("adminsecret", "short")).status, 422)
        self.assertEqual(self.do(change("adminsecret", "longenough")), "ok")
        self.assertEqual(self.command("get_params").status, 401)
        self.do("get_params", basic("admin", "longenough"))

    def test_a_key_is_told_of_everybody_but_of_no_id(self) -> None:
        self.assertEqual(self.do("get_users", KEY), self.do("get_users"))
        self.assertEqual(self.do("get_user&name=bert", KEY)["evses"], ["E2"])
        self.assertNotIn(GUEST_ID, json.dumps(self.do("get_users", KEY)))

    def test_through_the_cloud_nothing_is_said_without_a_log_in(self) -> None:
        stranger: Fields = (("Cfos-Cloud", "https://cloud.example.org/"),)
        for text in ("get_dev_info", f"enter_rfid&rfid={GUEST_ID}&dev_id=E1"):
            self.assertEqual(self.command(text, stranger).status, 403)

    def test_an_unknown_command_is_unknown(self) -> None:
        for text in ("", "nothing", "GET_PARAMS"):
            self.assertEqual(self.command(text).status, 404)


class SmartMeterTests(SiteTestCase):
    path = "/api/json/local/values/smart-meter"

    def test_it_reads_what_the_site_shows(self) -> None:
        for who in (ADMIN, KEY):
            reading = self.get_json(self.path, who)["smart-meter"]
            state = self.get_json("/api/site/state")
            self.assertEqual(
                round(reading["values"]["active_power_+"] / 1000),
                state["meter"]["power_w"],
            )
        self.assertEqual(
            self.get_json("/api/json/M1/values/smart-meter"), self.get_json(self.path)
        )

    def test_whoever_may_not_read_it_gets_an_empty_401(self) -> None:
        for who in ((), basic("admin", "wrong"), GUEST, cloud("user", "guest")):
            answer = self.get(self.path, who)
            self.assertEqual((answer.status, answer.body), (401, b""), who)
            self.assertIsNone(answer.get(b"content-type"))

    def test_other_errors_are_objects_with_a_message(self) -> None:
        for who in (ADMIN, KEY):
            for method, path, status in (
                ("GET", "/api/json/M9/values/smart-meter", 404),
                ("GET", "/api/json/local/values/nothing", 404),
                ("POST", self.path, 405),
            ):
                answer = self.memory.ask(method, path, who)
                self.assertEqual(answer.status, status, path)
                error = json.loads(answer.body)["error"]
                self.assertEqual(set(error), {"message", "code"})
                self.assertIsInstance(error["message"], str)

    def test_all_its_values_are_integers_in_thousandths(self) -> None:
        reading = self.get_json(self.path)["smart-meter"]
        self.assertEqual(
            set(reading), {"configuration_id", "status", "timestamp", "values"}
        )
        self.assertEqual(set(reading["timestamp"]), {"seconds", "nanos"})
        values = reading["values"]
        for name in (
            *("active_power_+", "active_power_-", "active_energy_+"),
            *("active_power_+_L1", "current_L1", "voltage_L1"),
            *("power_factor", "supply_frequency"),
        ):
            self.assertIs(type(values[name]), int, name)
        self.assertEqual({type(value) for value in values.values()}, {int})
        self.assertLess(abs(values["supply_frequency"] - 50_000), 200)
        self.assertLess(abs(values["voltage_L1"] - 230_000), 20_000)
