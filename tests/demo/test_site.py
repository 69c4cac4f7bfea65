"""The demonstration site, spoken to in memory."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from cfos_cloud.demo import meter
from cfos_cloud.demo.site import CHUNK, DemoSite

NOW = 1_795_317_557.25
THROUGH_CLOUD = {
    "Cfos-Cloud": "https://cloud.example.org:4443/ui/en/cloud-login.htm",
    "Cfos-User": "<anna>",
    "Cfos-Role": "user",
}


class DemoSiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = DemoSite(self.clock, lambda: NOW + self.clock.seconds())
        self.treq: Any = StubTreq(self.site.app.resource())

    def get(self, path: str, **headers: str) -> tuple[Any, bytes]:
        response = self.successResultOf(
            self.treq.get(f"http://site.test{path}", headers=headers)
        )
        body = self.treq.content(response)
        self.treq.flush()
        return response, self.successResultOf(body)

    def test_its_pages_have_no_link_to_the_cloud_when_reached_directly(self) -> None:
        for path in ("/", "/ui/en/index.htm"):
            response, body = self.get(path)
            self.assertEqual(response.code, 200)
            self.assertNotIn(b"Cloud Login", body)
            self.assertIn(b"Reached directly", body)

    def test_through_the_cloud_its_menu_has_a_cloud_login(self) -> None:
        for path in ("/", "/ui/en/index.htm"):
            _, body = self.get(path, **THROUGH_CLOUD)
            text = body.decode()
            self.assertIn(
                f'<a href="{THROUGH_CLOUD["Cfos-Cloud"]}">Cloud Login</a>', text
            )
            self.assertIn("&lt;anna&gt; (user)", text)
            self.assertNotIn("<anna>", text)

    def test_a_link_that_is_none_is_not_shown(self) -> None:
        for link in ("javascript:alert(1)", 'https://x/"><script>', "//x"):
            _, body = self.get("/", **{"Cfos-Cloud": link})
            self.assertNotIn(b"Cloud Login", body)

    def test_its_style_and_script_are_its_own(self) -> None:
        response, page = self.get("/")
        policy = response.headers.getRawHeaders("content-security-policy")
        self.assertIn("default-src 'self'", policy[0])
        for path, kind in (("/site.css", "text/css"), ("/site.js", "text/javascript")):
            self.assertIn(path.encode(), page)
            response, body = self.get(path)
            self.assertIn(kind, response.headers.getRawHeaders("content-type")[0])
            self.assertTrue(body)

    def test_the_meter_reads_in_thousandths(self) -> None:
        response, body = self.get("/api/json/local/values/smart-meter")
        self.assertEqual(
            response.headers.getRawHeaders("content-type"), ["application/json"]
        )
        reading = json.loads(body)["smart-meter"]
        self.assertEqual(
            reading["timestamp"], {"seconds": 1_795_317_557, "nanos": 250_000_000}
        )
        values = reading["values"]
        self.assertTrue(all(isinstance(value, int) for value in values.values()))
        self.assertTrue(220_000 < values["voltage_L1"] < 240_000)
        self.assertTrue(49_900 < values["supply_frequency"] < 50_100)

    def test_the_headers_come_back_as_they_arrived(self) -> None:
        _, body = self.get("/headers?a=b", **THROUGH_CLOUD)
        got = json.loads(body)
        self.assertEqual((got["method"], got["target"]), ("GET", "/headers?a=b"))
        self.assertLessEqual(
            set(THROUGH_CLOUD.items()),
            {(name, value) for name, value in got["headers"]},
        )

    def test_an_upload_is_answered_by_its_size_and_sum(self) -> None:
        for data in (b"", b"x", bytes(range(256)) * 1024):
            answer = self.treq.put("http://site.test/upload", data=data)
            self.clock.pump([0] * (2 + len(data) // CHUNK * 2))
            self.treq.flush()
            got = self.successResultOf(
                self.treq.json_content(self.successResultOf(answer))
            )
            self.assertEqual(got["size"], len(data))
            self.assertEqual(got["sha256"], hashlib.sha256(data).hexdigest())

    def test_the_log_is_a_file_to_be_saved(self) -> None:
        response, body = self.get("/download/charging-log.csv")
        self.assertIn(
            "attachment", response.headers.getRawHeaders("content-disposition")[0]
        )
        self.assertEqual(len(body.splitlines()), 1 + 24 * 12 + 1)

    def test_a_blob_has_the_size_that_was_asked_for(self) -> None:
        request: Any = DummyRequest([b"download", b"blob"])
        request.args = {b"mib": [b"1"]}
        done = self.site.blob(request)
        assert isinstance(done, Deferred)
        self.successResultOf(done)
        self.assertEqual(len(b"".join(request.written)), 1024 * 1024)

    def test_a_blob_of_a_silly_size_is_refused(self) -> None:
        for size in ("0", "-1", "x", "99999999"):
            response, _ = self.get(f"/download/blob?mib={size}")
            self.assertEqual(response.code, 400)

    def test_the_clock_ticks_until_the_browser_is_gone(self) -> None:
        request: Any = DummyRequest([b"clock"])
        done = self.site.clock(request)
        self.clock.pump([1, 1])
        self.assertEqual(len(request.written), 3)
        self.assertEqual(request.written[0], b"data: 2026-11-22 03:19:17+00:00\n\n")
        done.cancel()
        self.successResultOf(done)
        self.clock.pump([1, 1])
        self.assertEqual(len(request.written), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_unknown_page_is_not_found(self) -> None:
        self.assertEqual(self.get("/nowhere")[0].code, 404)


class MeterTests(SynchronousTestCase):
    def test_it_feeds_in_at_noon_and_never_at_midnight(self) -> None:
        noon = 20_000 * meter.DAY + 13.5 * 3600
        self.assertLess(meter.power(noon), 0)
        self.assertEqual(meter.values(noon)["active_power_+"], 0)
        midnight = 20_000 * meter.DAY
        self.assertGreater(meter.power(midnight), 0)
        self.assertEqual(meter.values(midnight)["active_power_-"], 0)

    def test_its_energy_only_grows(self) -> None:
        readings = [meter.values(NOW + step)["active_energy_+"] for step in range(100)]
        self.assertEqual(readings, sorted(readings))
