"""``/cloud/metrics``: the server's numbers, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from twisted.web.iweb import IRequest

from cfos_cloud import __version__
from cfos_cloud.metrics import (
    HandshakeMetrics,
    Histogram,
    RequestMetrics,
    TunnelMetrics,
)
from cfos_cloud.web.api.operation import STRING, Operation
from cfos_cloud.web.api.routes import Answer, Text, route
from cfos_cloud.web.operator.authorization import Needs

_PREFIX = "cfos_cloud_"


class OpenTunnel(Interface):
    """A tunnel that is up."""

    @property
    def bytes_in(self) -> int: ...

    @property
    def bytes_out(self) -> int: ...


class OpenTunnels(Interface):
    """All tunnels that are up; the exchange has them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[OpenTunnel]: ...


class FailureCount(Interface):
    """A throttle, which counts what has failed."""

    @property
    def failures(self) -> int: ...


@dataclass(frozen=True)
class Sources:
    """
    Where the numbers are.

    :ivar gauges: what there is now, by name without prefix: help and how to tell.
    :ivar refusals: who was turned away or cut off, by the bound.
    :ivar logins: failed log-ins, by where they were.
    """

    requests: RequestMetrics
    tunnels: TunnelMetrics
    handshakes: HandshakeMetrics
    open_tunnels: OpenTunnels
    logins: Mapping[str, FailureCount]
    gauges: Mapping[str, tuple[str, Callable[[], float]]]
    refusals: Callable[[], Mapping[str, int]]


class ServerCollector(Collector):
    """Reads the numbers when somebody asks, and keeps none."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        sources = self._sources
        info = GaugeMetricFamily(_PREFIX + "build_info", "Always 1", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        for name, (text, value) in sources.gauges.items():
            yield GaugeMetricFamily(_PREFIX + name, text, value())
        yield from self._tunnels()
        yield from self._requests()
        yield _counter(
            "tls_handshakes",
            "TLS handshakes of whoever connects",
            "result",
            {
                "completed": sources.handshakes.completed,
                "failed": sources.handshakes.failed,
            },
        )
        yield GaugeMetricFamily(
            _PREFIX + "device_ends_waiting",
            "Device ends whose turn for a TLS handshake has not come",
            sources.handshakes.waiting,
        )
        yield _counter(
            "device_ends",
            "Device ends that connected, by whether they were let in at that time",
            "result",
            {
                "admitted": sources.handshakes.admitted,
                "cut": sources.handshakes.cut,
                "put_off": sources.handshakes.put_off,
            },
        )
        yield _counter(
            "login_failures",
            "Failed log-ins, by who was refused",
            "at",
            {at: count.failures for at, count in sources.logins.items()},
        )
        yield _counter(
            "shed",
            "Connections refused or cut off because of a bound",
            "bound",
            sources.refusals(),
        )

    def _tunnels(self) -> Iterable[Metric]:
        tunnels, bytes_in, bytes_out = self._sources.tunnels, 0, 0
        for tunnel in self._sources.open_tunnels:
            bytes_in += tunnel.bytes_in
            bytes_out += tunnel.bytes_out
        yield GaugeMetricFamily(
            _PREFIX + "tunnels", "Tunnels that are up", len(self._sources.open_tunnels)
        )
        yield _counter(
            "tunnel_changes",
            "Tunnels that came up, and that ended",
            "change",
            {"up": tunnels.opened, "ended": tunnels.closed},
        )
        yield _counter(
            "tunnel_bytes",
            "Bytes from and to device ends, as they pass the tunnels",
            "direction",
            {"in": tunnels.bytes_in + bytes_in, "out": tunnels.bytes_out + bytes_out},
        )

    def _requests(self) -> Iterable[Metric]:
        requests = self._sources.requests
        responses = CounterMetricFamily(
            _PREFIX + "responses",
            "Responses by who gave them and the class of their status",
            labels=["by", "status"],
        )
        for by, counts in (("device", requests.devices), ("server", requests.pages)):
            for status, count in _by_class(counts):
                responses.add_metric([by, status], count)
        yield responses
        yield _counter(
            "request_failures",
            "Requests for a device that got an error of the server instead",
            "reason",
            requests.failures,
        )
        yield CounterMetricFamily(
            _PREFIX + "requests_without_session",
            "Requests for a device by who was not logged in",
            requests.without_session,
        )
        yield _histogram(
            "response_wait_seconds",
            "From the head of a request for a device to that of its response",
            requests.waits,
        )
        yield from self._passed()

    def _passed(self) -> Iterable[Metric]:
        passed = self._sources.requests.passed
        yield _counter(
            "passed_connections",
            "TLS connections passed on to devices unopened, and those that are over",
            "change",
            {"opened": passed.opened, "ended": passed.ended},
        )
        yield _counter(
            "passed_refusals",
            "TLS connections for devices that came to nothing",
            "reason",
            passed.refused,
        )
        yield _counter(
            "passed_bytes",
            "Bytes from and to devices, of such connections that are over",
            "direction",
            {"in": passed.bytes_in, "out": passed.bytes_out},
        )


class MetricsResource:
    """One route, by its whole path."""

    def __init__(self, sources: Sources) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(ServerCollector(sources))
        ProcessCollector(registry=self._registry)

    @route(
        "/cloud/metrics",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("The server's numbers", {200: {"text/plain": STRING}}),
    )
    async def show(self, request: IRequest) -> Answer:
        body = generate_latest(self._registry)
        return Answer(200, Text(CONTENT_TYPE_LATEST.encode("ascii"), body))


def _counter(
    name: str, text: str, label: str, counts: Mapping[str, float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(_PREFIX + name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _by_class(counts: Sequence[int]) -> Iterator[tuple[str, int]]:
    """The usual classes always, so that a rate has something to begin with."""
    for digit, count in enumerate(counts):
        if count or 2 <= digit <= 5:
            yield f"{digit}xx", count


def _histogram(name: str, text: str, values: Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(_PREFIX + name, text)
    buckets, count = [], 0
    for bound, more in zip((*values.bounds, float("inf")), values.counts, strict=True):
        count += more
        buckets.append(("+Inf" if bound == float("inf") else str(bound), count))
    family.add_metric([], buckets, values.total)
    return family
