"""The cloud service: its settings, and the truth about what it is doing."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.cloud_service import CloudService
from cfos_cloud.demo.site.settings import CloudSettings
from cfos_cloud.device.pins import PinFileError
from cfos_cloud.device.status import (
    Cause,
    DeviceState,
    DeviceStatus,
    StatusListener,
)
from tests.demo.site.support import (
    ADMIN,
    GUEST,
    NOW,
    SCRIPT,
    FakeEnd,
    SiteTestCase,
    request,
)
from tests.memory import parse_messages

PATH = "/api/site/cloud"
GOOD = {
    "enabled": True,
    "server": "cloud.example.org:4443",
    "cloud_id": "W00-008J",
    "password": "a chosen password",
}


class CloudAPITests(SiteTestCase):
    def test_switched_on_it_runs_a_device_end_and_says_what_it_does(self) -> None:
        answer = self.send_json(PATH, GOOD)
        self.assertEqual(
            (answer["enabled"], answer["server"], answer["cloud_id"]),
            (True, "https://cloud.example.org:4443", "W00-008J"),
        )
        self.assertEqual(
            (answer["state"], answer["serial"]), ("connecting", "W00-008J")
        )
        self.assertTrue(answer["password_set"])
        self.assertNotIn("chosen", json.dumps(answer))
        (end,) = self.memory.ends
        self.assertEqual(end.settings.password, "a chosen password")
        end.told(
            DeviceStatus(
                DeviceState.REFUSED,
                NOW + 3,
                "refused by https://cloud.example.org:4443 as W00-008J",
                retry_at=NOW + 303,
                cause=Cause.WRONG_PASSWORD,
            )
        )
        answer = self.get_json(PATH)
        self.assertEqual(
            {name: answer[name] for name in ("state", "cause", "since", "retry_at")},
            {
                "state": "refused",
                "cause": "wrong-password",
                "since": "2026-11-22T03:19:20Z",
                "retry_at": "2026-11-22T03:24:20Z",
            },
        )
        end.told(
            DeviceStatus(DeviceState.CONNECTED, NOW, login_url="https://cloud.example/")
        )
        answer = self.get_json(PATH)
        self.assertEqual(
            (answer["state"], answer["login_url"], answer["cause"]),
            ("connected", "https://cloud.example/", None),
        )

    def test_switched_off_it_is_off(self) -> None:
        self.send_json(PATH, GOOD)
        answer = self.send_json(PATH, {"enabled": False})
        self.assertEqual((answer["enabled"], answer["state"]), (False, "off"))
        self.assertEqual(answer["cloud_id"], "W00-008J")
        self.assertFalse(self.memory.ends[0].is_running)

    def test_a_change_connects_anew(self) -> None:
        self.send_json(PATH, GOOD)
        self.send_json(PATH, {"cloud_id": "other"})
        first, second = self.memory.ends
        self.assertEqual((first.is_running, second.is_running), (False, True))
        self.assertEqual(
            (second.settings.cloud_id, second.settings.password),
            ("other", "a chosen password"),
        )

    def test_what_makes_no_sense_is_refused_and_nothing_has_changed(self) -> None:
        for change, errors in (
            ({"server": ""}, {"server": "vendor-cloud"}),
            ({"cloud_id": ""}, {"cloud_id": "required"}),
            ({"password": ""}, {"password": "required"}),
            ({"server": "ftp://x"}, {"server": "invalid"}),
            ({"server": "https://x/path"}, {"server": "invalid"}),
            ({"server": 7}, {"server": "invalid"}),
            ({"cloud_id": "a--b"}, {"cloud_id": "invalid"}),
            ({"password": "short"}, {"password": "too-short"}),
            ({"password": "x" * 2000}, {"password": "too-long"}),
            ({"password": "control\x00control"}, {"password": "invalid"}),
            ({"enabled": "perhaps"}, {"enabled": "invalid"}),
            (
                {"server": "ftp://x", "cloud_id": "-", "password": "x"},
                {"server": "invalid", "cloud_id": "invalid", "password": "too-short"},
            ),
        ):
            answer = self.send_json(PATH, {**GOOD, **change}, status=422)
            self.assertEqual(answer, {"errors": errors}, change)
        self.assertEqual(self.site.settings.cloud, CloudSettings())
        self.assertEqual(self.memory.ends, [])

    def test_a_pasted_password_may_bring_a_newline(self) -> None:
        self.send_json(PATH, {**GOOD, "password": " a chosen password\r\n"})
        self.assertEqual(self.site.settings.cloud.password, "a chosen password")

    def test_it_may_be_prepared_before_it_is_switched_on(self) -> None:
        answer = self.send_json(PATH, {"server": "http://192.0.2.1:4443"})
        self.assertEqual(answer["server"], "http://192.0.2.1:4443")
        self.assertEqual(self.memory.ends, [])

    def test_each_change_is_an_event_while_the_page_is_open(self) -> None:
        channel, transport = self.memory.connect()
        channel.dataReceived(request("GET", f"{PATH}/events", ADMIN))
        self.memory.settle()
        self.send_json(PATH, GOOD)
        self.memory.ends[0].told(DeviceStatus(DeviceState.CONNECTED, NOW))
        self.memory.settle()
        self.clock.advance(15)
        self.memory.settle()
        head, _, rest = transport.take().partition(b"\r\n\r\n")
        self.assertIn(b"text/event-stream", head)
        (message,) = parse_messages(head + b"\r\n\r\n" + rest + b"0\r\n\r\n")
        events = self.events(message.body)
        states = [event["state"] for event in events]
        self.assertEqual(states, ["off", "connecting", "connected"])
        self.assertIn(b"\n: \n", message.body)
        watching = len(self.site.cloud._listeners)
        channel.connectionLost(_gone())
        self.memory.settle()
        self.assertEqual(len(self.site.cloud._listeners), watching - 1)

    def events(self, body: bytes) -> list[Any]:
        lines = body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def test_a_slow_page_gets_the_newest_event_only(self) -> None:
        channel, transport = self.memory.connect()
        channel.dataReceived(request("GET", f"{PATH}/events", ADMIN))
        self.memory.settle()
        transport.take()
        channel.pauseProducing()
        self.send_json(PATH, GOOD)
        for state in (DeviceState.WAITING, DeviceState.CONNECTED):
            self.memory.ends[0].told(DeviceStatus(state, NOW))
        self.clock.advance(60)
        self.memory.settle()
        self.assertEqual(transport.take(), b"")
        channel.resumeProducing()
        self.memory.settle()
        told = transport.take()
        self.assertEqual(told.count(b"data: "), 1)
        self.assertIn(b'"connected"', told)

    def test_events_are_the_admins(self) -> None:
        self.assertEqual(self.get(f"{PATH}/events", GUEST).status, 403)
        answer = self.memory.ask("POST", f"{PATH}/events", (*ADMIN, *SCRIPT), b"{}")
        self.assertEqual(answer.status, 405)


def _gone() -> Any:
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    return Failure(ConnectionDone())


class CloudServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ends: list[FakeEnd] = []
        self.is_prompt = True
        self.service = CloudService(self.make, lambda: NOW)
        self.told: list[str] = []
        self.service.watch(lambda: self.told.append(self.service.status.state.value))

    def make(self, settings: CloudSettings, told: StatusListener) -> FakeEnd:
        if settings.cloud_id == "broken":
            raise PinFileError("the pin file is damaged")
        end = FakeEnd(settings, told)
        end.is_prompt = self.is_prompt
        self.ends.append(end)
        return end

    def settings(self, cloud_id: str = "a") -> CloudSettings:
        return CloudSettings(True, "https://x", cloud_id, "secret")

    def running(self) -> list[str]:
        return [end.settings.cloud_id for end in self.ends if end.is_running]

    def test_the_next_one_begins_when_nothing_is_left_of_the_last(self) -> None:
        self.is_prompt = False
        self.service.apply(self.settings("a"))
        self.ends[0].told(DeviceStatus(DeviceState.CONNECTED, NOW))
        self.service.apply(self.settings("b"))
        self.assertEqual((len(self.ends), self.running()), (1, []))
        self.assertEqual(self.service.status.state, DeviceState.CONNECTED)
        assert self.ends[0].stopped is not None
        self.ends[0].stopped.callback(None)
        self.assertEqual(self.running(), ["b"])
        self.assertEqual(self.told, ["connecting", "connected", "off", "connecting"])

    def test_only_the_last_of_quick_changes_counts(self) -> None:
        self.is_prompt = False
        self.service.apply(self.settings("a"))
        for cloud_id in ("b", "c", "d"):
            self.service.apply(self.settings(cloud_id))
        assert self.ends[0].stopped is not None
        self.ends[0].stopped.callback(None)
        self.assertEqual([end.settings.cloud_id for end in self.ends], ["a", "d"])

    def test_the_same_settings_leave_a_connection_alone(self) -> None:
        self.service.apply(self.settings())
        self.ends[0].told(DeviceStatus(DeviceState.CONNECTED, NOW))
        self.service.apply(self.settings())
        self.assertEqual(len(self.ends), 1)

    def test_the_same_settings_make_one_that_waits_try_again(self) -> None:
        self.service.apply(self.settings())
        self.ends[0].told(DeviceStatus(DeviceState.REFUSED, NOW))
        self.service.apply(self.settings())
        self.assertEqual((len(self.ends), self.running()), (2, ["a"]))

    def test_what_an_old_end_still_says_is_not_heard(self) -> None:
        self.service.apply(self.settings("a"))
        self.service.apply(self.settings("b"))
        self.ends[0].told(DeviceStatus(DeviceState.CONNECTED, NOW))
        self.assertEqual(self.service.status.state, DeviceState.CONNECTING)

    def test_an_end_that_can_not_be_made_is_refused_with_the_reason(self) -> None:
        self.service.apply(self.settings("broken"))
        status = self.service.status
        self.assertEqual(status.state, DeviceState.REFUSED)
        self.assertIn("damaged", status.reason)
        self.service.apply(self.settings("a"))
        self.assertEqual(self.running(), ["a"])

    def test_without_a_server_nothing_runs(self) -> None:
        self.service.apply(CloudSettings(True, "", "a", "secret"))
        self.assertEqual((self.ends, self.told), ([], []))

    def test_stopping_waits_until_nothing_is_left(self) -> None:
        self.is_prompt = False
        self.service.apply(self.settings())
        stopped = self.service.stop()
        self.assertNoResult(stopped)
        end: Deferred[None] | None = self.ends[0].stopped
        assert end is not None
        end.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.service.status.state, DeviceState.OFF)
        self.successResultOf(self.service.stop())
