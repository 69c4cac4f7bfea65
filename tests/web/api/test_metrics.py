"""``/cloud/metrics``, as Prometheus reads it."""

from __future__ import annotations

from typing import Any

from klein import Klein
from prometheus_client.parser import text_string_to_metric_families
from treq.testing import StubTreq

from cfos_cloud.metrics import HandshakeMetrics, RequestMetrics, TunnelMetrics
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.api.metrics import MetricsResource, Sources
from cfos_cloud.web.api.operator_api import operator_authorizers
from cfos_cloud.web.api.routes import APIResource, mount
from cfos_cloud.web.leaf import PagesLeaf
from tests.web.operator_support import OperatorAPICase, basic, mounted


class Tunnel:
    bytes_in = 10
    bytes_out = 20


class MetricsTests(OperatorAPICase):
    def setUp(self) -> None:
        super().setUp()
        self.now = 0.0
        self.requests = RequestMetrics(lambda: self.now)
        self.tunnels = TunnelMetrics()
        self.handshakes = HandshakeMetrics()
        self.browsers = Throttle(self.clock.seconds)
        sources = Sources(
            self.requests,
            self.tunnels,
            self.handshakes,
            [Tunnel(), Tunnel()],
            {"browser": self.browsers},
            {"systems": ("Systems", lambda: 7)},
            lambda: {"source": 3, "bytes": 0},
        )
        app = Klein()
        authorizers = operator_authorizers(self.password, self.sessions)
        mount(app, [MetricsResource(sources)], authorizers)
        root = mounted(PagesLeaf(APIResource(app)), b"cloud", b"metrics")
        self.stub: Any = StubTreq(root)

    def get(self, headers: dict[str, str]) -> Any:
        url = "https://cloud.example/cloud/metrics"
        return self.successResultOf(self.stub.get(url, headers=headers))

    def values(self) -> dict[str, float]:
        response = self.get(basic())
        self.assertEqual(response.code, 200)
        kind = response.headers.getRawHeaders("content-type")[0]
        self.assertTrue(kind.startswith("text/plain"), kind)
        text = self.successResultOf(response.content()).decode()
        return {
            name + "".join(f" {value}" for value in labels.values()): value
            for family in text_string_to_metric_families(text)
            for name, labels, value in (
                (sample.name, sample.labels, sample.value) for sample in family.samples
            )
        }

    def test_only_the_operator_may_read_it(self) -> None:
        for headers in ({}, basic("wrong")):
            self.assertEqual(self.get(headers).code, 401)

    def test_at_first_there_is_a_zero_to_count_from(self) -> None:
        values = self.values()
        for name in (
            "cfos_cloud_responses_total device 2xx",
            "cfos_cloud_responses_total server 5xx",
            "cfos_cloud_tls_handshakes_total failed",
            "cfos_cloud_login_failures_total browser",
            "cfos_cloud_tunnel_changes_total up",
            "cfos_cloud_requests_without_session_total",
            "cfos_cloud_response_wait_seconds_count",
            "cfos_cloud_passed_connections_total ended",
            "cfos_cloud_passed_bytes_total in",
        ):
            self.assertEqual(values[name], 0, name)

    def test_what_was_counted_is_told(self) -> None:
        self.requests.device_answered(204, 0.0)
        self.now = 0.3
        self.requests.device_answered(101, 0.0)
        self.requests.pages[4] += 2
        self.requests.failures["offline"] += 3
        self.requests.without_session += 4
        self.requests.passed.opened += 5
        self.requests.passed.refused["offline"] += 3
        self.requests.passed.bytes_out += 6
        self.handshakes.completed += 5
        self.handshakes.failed += 6
        self.handshakes.waiting += 2
        self.handshakes.admitted += 8
        self.handshakes.cut += 3
        self.handshakes.put_off += 4
        self.tunnels.opened += 9
        self.tunnels.closed += 7
        self.tunnels.bytes_in += 100
        self.browsers.failed(["a"])
        values = self.values()
        for name, value in (
            ("cfos_cloud_responses_total device 2xx", 1),
            ("cfos_cloud_responses_total device 1xx", 1),
            ("cfos_cloud_responses_total server 4xx", 2),
            ("cfos_cloud_request_failures_total offline", 3),
            ("cfos_cloud_requests_without_session_total", 4),
            ("cfos_cloud_passed_connections_total opened", 5),
            ("cfos_cloud_passed_refusals_total offline", 3),
            ("cfos_cloud_passed_bytes_total out", 6),
            ("cfos_cloud_tls_handshakes_total completed", 5),
            ("cfos_cloud_tls_handshakes_total failed", 6),
            ("cfos_cloud_device_ends_waiting", 2),
            ("cfos_cloud_device_ends_total admitted", 8),
            ("cfos_cloud_device_ends_total cut", 3),
            ("cfos_cloud_device_ends_total put_off", 4),
            ("cfos_cloud_tunnels", 2),
            ("cfos_cloud_tunnel_changes_total up", 9),
            ("cfos_cloud_tunnel_changes_total ended", 7),
            ("cfos_cloud_tunnel_bytes_total in", 120),
            ("cfos_cloud_tunnel_bytes_total out", 40),
            ("cfos_cloud_login_failures_total browser", 1),
            ("cfos_cloud_systems", 7),
            ("cfos_cloud_response_wait_seconds_bucket 0.25", 1),
            ("cfos_cloud_response_wait_seconds_bucket 0.5", 2),
            ("cfos_cloud_response_wait_seconds_bucket +Inf", 2),
            ("cfos_cloud_response_wait_seconds_count", 2),
            ("cfos_cloud_response_wait_seconds_sum", 0.3),
        ):
            self.assertEqual(values[name], value, name)

    def test_the_process_is_told_of_too(self) -> None:
        values = self.values()
        self.assertGreater(values["process_resident_memory_bytes"], 1_000_000)
        self.assertGreater(values["process_open_fds"], 2)
