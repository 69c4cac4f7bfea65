"""Requests are counted by what became of them."""

from __future__ import annotations

from cfos_cloud.metrics import RequestMetrics
from tests.gateway.support import DeviceCase


class FrontMetricsTests(DeviceCase):
    def setUp(self) -> None:
        super().setUp()
        self.metrics = RequestMetrics(self.clock.seconds)
        self.gateway.metrics = self.metrics

    def test_a_device_s_response_counts_with_its_wait(self) -> None:
        self.serve()
        stream = self.ask(b"/slow")
        self.clock.advance(0.2)
        stream.answer(b"ok")
        self.pump()
        self.assertEqual(self.metrics.devices[2], 2)
        self.assertAlmostEqual(self.metrics.waits.total, 0.2)
        self.assertEqual(sum(self.metrics.waits.counts), 2)
        self.assertEqual(sum(self.metrics.pages), 0)

    def test_a_page_of_ours_is_no_device_s(self) -> None:
        self.user.fetch(b"/cloud/health")
        self.assertEqual(self.metrics.pages[2], 1)
        self.assertEqual(sum(self.metrics.devices), 0)

    def test_an_error_of_ours_counts_by_its_kind(self) -> None:
        self.tunnel.cut()
        self.user.fetch(b"/page")
        self.user.fetch(b"/page?x=1", b"Sec-Fetch-Site: cross-site")
        self.assertEqual(dict(self.metrics.failures), {"offline": 1, "cross-site": 1})
        self.assertEqual(sum(self.metrics.devices), 0)

    def test_who_is_not_logged_in_counts(self) -> None:
        stranger = self.browser()
        stranger.fetch(b"/page", b"Accept: text/html")
        stranger.fetch(b"/api/json/x")
        self.assertEqual(self.metrics.without_session, 2)
