"""What people see while something is away, and how it comes back by itself."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN, Answer
from tests.end_to_end.processes import wait_until

HTML = ("Accept", "text/html")
JSON = ("Accept", "application/json")
_ID = re.compile(rb"<code>([a-z2-7]{8})</code>")


def error_id(page: Answer) -> str:
    """The code that people are to say on the telephone."""
    match = _ID.search(page.body)
    assert match is not None, page
    return match[1].decode()


class TargetDownTests(EndToEndTestCase):
    def test_people_get_a_page_and_programs_get_json(self) -> None:
        site = self.make_site()
        client = site.device.client()
        self.assertEqual(client.get("/").status, 200)
        site.target.close()

        page = client.get("/", HTML)
        self.assertEqual(page.status, 502)
        self.assertEqual(page.field("Content-Type"), "text/html; charset=utf-8")
        self.assertEqual(page.field("Cache-Control"), "no-store")
        self.assertIn(b"The device does not answer", page.body)
        self.assertIn(f"Site {site.device.cloud_id}".encode(), page.body)
        self.assertIn(error_id(page), self.server.process.log)

        answer = client.get("/", JSON)
        self.assertEqual(answer.status, 502)
        self.assertEqual(answer.field("Content-Type"), "application/problem+json")
        problem = json.loads(answer.body)
        self.assertEqual(problem["type"], "urn:problem:cfos-cloud:refused")
        self.assertEqual(problem["status"], 502)
        self.assertIn(problem["id"], self.server.process.log)
        self.assertNotEqual(problem["id"], error_id(page))

    def test_the_log_says_it_once_and_when_it_is_back(self) -> None:
        site = self.make_site()
        client = site.device.client()
        port = site.target.port
        site.target.close()
        for _ in range(3):
            self.assertEqual(client.get("/").status, 502)
        self.make_target(port)
        self.assertEqual(client.get("/").status, 200)
        site.device.process.wait_for_log(f"the target {site.target.url} is back")
        down = f"the target {site.target.url} is down"
        self.assertEqual(site.device.process.log.count(down), 1)

    def test_an_upload_to_it_is_answered_too(self) -> None:
        site = self.make_site()
        client = site.device.client()
        site.target.close()
        answer = client.request("POST", "/", b"x" * 1_000_000)
        self.assertEqual(answer.status, 502)


class DeviceEndDownTests(EndToEndTestCase):
    def test_its_people_see_since_when_and_nobody_else(self) -> None:
        site = self.make_site()
        client = site.device.client()
        killed = datetime.now(UTC)
        site.device.process.kill()
        wait_until(lambda: client.get("/").status == 503, "the loss is noticed", 5)

        page = client.get("/", HTML)
        self.assertIn(b"The device is offline", page.body)
        self.assertRegex(page.body, rb'Since <time datetime="')
        self.assertIn(error_id(page), self.server.process.log)
        self.assertIsNotNone(page.field("Retry-After"))

        problem = json.loads(client.get("/", JSON).body)
        self.assertEqual(problem["type"], "urn:problem:cfos-cloud:offline")
        since = datetime.fromisoformat(problem["since"])
        self.assertLess(abs(since - killed), timedelta(seconds=10))

        stranger = self.server.client()
        self.assertEqual(stranger.get("/", HTML).field("Location"), LOGIN)

    def test_a_transfer_that_it_breaks_is_no_success(self) -> None:
        site = self.make_site()
        # More than all the buffers on the way take.
        wire = self.begin(f"/chunked?n={1 << 28}", client=site.device.client())
        wire.read(1_000_000)
        site.device.process.kill()
        self.assertFalse(wire.read_all().endswith(b"\r\n0\r\n\r\n"))

    def test_after_its_restart_an_old_session_leads_to_the_log_in(self) -> None:
        site = self.make_site()
        page, script = site.device.client(), site.device.user_client()
        site.device.process.kill()
        wait_until(lambda: page.get("/").status == 503, "the loss is noticed")
        site.device.restart()
        before = len(site.target.requests)
        answer = page.get("/", HTML)
        self.assertEqual((answer.status, answer.field("Location")), (303, LOGIN))
        answer = script.get("/api/json/devices", JSON)
        self.assertEqual((answer.status, answer.body), (401, b""))
        self.assertEqual(len(site.target.requests), before)
        # The log-in is as it was.
        self.assertEqual(site.device.client().get("/").status, 200)

    def test_a_post_of_an_old_session_does_not_reach_the_device(self) -> None:
        site = self.make_site()
        client = site.device.client()
        site.device.process.kill()
        site.device.restart()
        answer = client.request("POST", "/", b"x" * 100_000)
        self.assertEqual(answer.status, 401)
        self.assertEqual(site.target.requests, [])


class ServerDownTests(EndToEndTestCase):
    def test_device_ends_come_back_by_themselves_after_a_crash(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        client = site.device.client()
        server.process.kill()
        server.restart()
        site.device.wait_online(times=2)
        # Sessions end with the server process.
        self.assertEqual(client.get("/").status, 303)
        self.assertEqual(site.device.client().get("/").status, 200)
        # It is the server that the device end knows: nothing is pinned anew.
        self.assertEqual(site.device.process.log.count("pinned"), 1)

    def test_what_was_answered_is_kept(self) -> None:
        server = self.make_server()
        names = [f"Kept-{number}" for number in range(5)]
        for name in names:
            server.add_system(name)
        server.ask("DELETE", "/systems/Kept-0")
        server.process.kill()
        server.restart()
        kept = [each["cloud_id"] for each in server.ask("GET", "/systems")["items"]]
        self.assertEqual(sorted(kept), sorted(names[1:]))


class TwoDeviceEndsTests(EndToEndTestCase):
    def test_the_newcomer_wins_and_the_old_one_waits(self) -> None:
        site = self.make_site()
        device, old = site.device, site.target
        wire = self.open_stream(device.client())
        new = self.make_target()
        second = self.make_device(
            self.server,
            device.cloud_id,
            device.password_file.read_text(),
            new.url,
            name=f"{device.cloud_id}-second",
        )
        # What ran on the old tunnel ends with it.
        wire.read_all()
        device.process.wait_for_log("replaced: another device end")
        self.assertEqual(second.client().get("/").status, 200)
        self.assertEqual((len(old.requests), len(new.requests)), (1, 1))
        # It does not come back soon to do the same: a minute at least.
        waits = re.findall(r"next try in (\d+) s", device.process.log)
        self.assertEqual(len(waits), 1)
        self.assertGreaterEqual(int(waits[0]), 60)
        self.assertNotIn("next try", second.process.log)
        self.assertIsNone(device.process.status)
