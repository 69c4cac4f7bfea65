"""
The demonstration site: a device's web interface of our own, to be reached through
the cloud. It trusts its peer for who the user is, so it listens on loopback only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IReactorTime
from twisted.internet.task import Cooperator, LoopingCall
from twisted.web.server import Request
from zope.interface import implementer

from cfos_cloud.demo import meter, pages

CHUNK = 64 * 1024
MIB = 1024 * 1024
#: Largest blob that can be asked for, in MiB.
MAX_BLOB_MIB = 4096

_LIVE = {
    "active_power_+": "W",
    "active_power_-": "W",
    "active_energy_+": "Wh",
    "voltage_L1": "V",
    "current_L1": "A",
    "supply_frequency": "Hz",
}
_LOG_IN_URL = re.compile(r"https?://[^\s\"'<>\\]+\Z", re.IGNORECASE)
_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'"


class DemoSite:
    """The site's addresses. ``now`` gives seconds since the epoch."""

    app = Klein()

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self._cooperator = Cooperator(scheduler=lambda work: clock.callLater(0, work))

    @app.route("/", methods=["GET", "HEAD"])
    def live(self, request: Request) -> str:
        """The live numbers; the page keeps them fresh."""
        readings = meter.values(self._now())
        shown = [
            (name, f"{readings[name] / 1000:.1f}", unit) for name, unit in _LIVE.items()
        ]
        return self._page(request, "live", title="Live values", values=shown)

    @app.route("/ui/en/index.htm", methods=["GET", "HEAD"])
    def device(self, request: Request) -> str:
        """Who is there, and the files."""
        time = datetime.fromtimestamp(self._now(), UTC).isoformat(" ", "seconds")
        host = request.getHeader("host") or ""
        return self._page(request, "device", title="Device", time=time, host=host)

    @app.route("/api/json/local/values/smart-meter", methods=["GET", "HEAD"])
    def smart_meter(self, request: Request) -> bytes:
        """The meter's reading of this moment."""
        return _json(request, meter.document(self._now()))

    @app.route("/headers")
    def headers(self, request: Request) -> bytes:
        """The request as it arrived here."""
        names = request.requestHeaders.getAllRawHeaders()
        return _json(
            request,
            {
                "method": request.method.decode("latin-1"),
                "target": request.uri.decode("latin-1"),
                "headers": [
                    [name.decode("latin-1"), value.decode("latin-1")]
                    for name, values in names
                    for value in values
                ],
            },
        )

    @app.route("/download/charging-log.csv", methods=["GET", "HEAD"])
    def charging_log(self, request: Request) -> bytes:
        """A small file to be saved."""
        request.setHeader("Content-Type", "text/csv; charset=utf-8")
        request.setHeader(
            "Content-Disposition", 'attachment; filename="charging-log.csv"'
        )
        return meter.log_of_a_day(self._now()).encode()

    @app.route("/download/blob", methods=["GET", "HEAD"])
    def blob(self, request: Request) -> Deferred[None] | bytes:
        """``?mib=N`` MiB, made as fast as they are read."""
        try:
            mib = int((request.args or {}).get(b"mib", [b"64"])[0])
        except ValueError:
            mib = 0
        if not 1 <= mib <= MAX_BLOB_MIB:
            request.setResponseCode(400)
            return b""
        request.setHeader("Content-Type", "application/octet-stream")
        request.setHeader("Content-Disposition", 'attachment; filename="blob.bin"')
        request.setHeader("Content-Length", str(mib * MIB))
        if request.method == b"HEAD":
            return b""
        blob = _Blob(request, mib * MIB)
        request.registerProducer(blob, False)
        return blob.written

    @app.route("/upload", methods=["POST", "PUT"])
    def upload(self, request: Request) -> Deferred[bytes]:
        """Size and SHA-256 of the body."""
        digest, size = hashlib.sha256(), 0
        body = request.content

        def read() -> Iterator[None]:
            nonlocal size
            while body is not None and (data := body.read(CHUNK)):
                digest.update(data)
                size += len(data)
                yield  # others get their turn

        def answer(_: object) -> bytes:
            return _json(request, {"size": size, "sha256": digest.hexdigest()})

        return self._cooperator.coiterate(read()).addCallback(answer)

    @app.route("/clock", methods=["GET"])
    def clock(self, request: Request) -> Deferred[None]:
        """The site's time each second, as server-sent events."""
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-store")

        def tick() -> None:
            time = datetime.fromtimestamp(self._now(), UTC).isoformat(" ", "seconds")
            request.write(f"data: {time}\n\n".encode())

        loop = LoopingCall(tick)
        loop.clock = self._clock

        def gone(_: Deferred[None]) -> None:
            if loop.running:
                loop.stop()

        ended: Deferred[None] = Deferred(gone)
        loop.start(1).addBoth(lambda _: None).chainDeferred(ended)
        return ended  # cancelled when the browser is gone

    @app.route("/site.css", methods=["GET", "HEAD"])
    def style(self, request: Request) -> bytes:
        """The pages' style."""
        request.setHeader("Content-Type", "text/css; charset=utf-8")
        return pages.STYLE.encode()

    @app.route("/site.js", methods=["GET", "HEAD"])
    def script(self, request: Request) -> bytes:
        """The pages' script."""
        request.setHeader("Content-Type", "text/javascript; charset=utf-8")
        return pages.SCRIPT.encode()

    def _page(self, request: Request, template: str, **values: object) -> str:
        request.setHeader("Content-Type", "text/html; charset=utf-8")
        request.setHeader("Content-Security-Policy", _POLICY)
        request.setHeader("Cache-Control", "no-store")
        log_in = request.getHeader("cfos-cloud") or ""
        return pages.render(
            template,
            cloud=log_in if _LOG_IN_URL.match(log_in) else "",
            user=request.getHeader("cfos-user"),
            role=request.getHeader("cfos-role"),
            **values,
        )


def _json(request: Request, document: dict[str, object]) -> bytes:
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Cache-Control", "no-store")
    return json.dumps(document).encode()


@implementer(IPullProducer)
class _Blob:
    """Writes ``size`` bytes to ``request``; then ``written`` fires."""

    _chunk = bytes(range(256)) * (CHUNK // 256)

    def __init__(self, request: Request, size: int) -> None:
        self._request = request
        self._left = size
        self.written: Deferred[None] = Deferred()

    def resumeProducing(self) -> None:
        length = min(self._left, CHUNK)
        self._left -= length
        self._request.write(self._chunk[:length])
        if not self._left:
            self._request.unregisterProducer()
            self.written.callback(None)

    def stopProducing(self) -> None:
        self._left = 0
