"""
The smart meter's own display: a second device on the simulated site's network.

What it shows has the OBIS codes that are printed on meters (IEC 62056-6-1).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.web.resource import Resource
from twisted.web.server import Request

from cfos_cloud.demo.site.hosts import is_loopback
from cfos_cloud.demo.site.model.meter import Reading, smart_meter

#: Seconds after which the page is shown anew.
_REFRESH = 3
_PAGE = """\
<!doctype html>
<html lang="en" translate="no">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{refresh}">
<title>SM-3</title>
<style>
body {{ margin: 0; padding: 1.5rem; background: #10150f; color: #b7f7a0;
  font: 1.25rem/1.6 ui-monospace, "Liberation Mono", monospace; }}
h1 {{ font-size: 1.25rem; margin: 0 0 1rem; }}
td {{ padding-right: 1.5rem; }}
td:nth-child(2) {{ text-align: right; white-space: nowrap; }}
</style>
</head>
<body>
<h1>SM-3</h1>
<table>
{rows}
</table>
</body>
</html>
"""


class MeterDisplay(Resource):
    """``/`` for people, ``/values`` as JSON. It reads, and nothing can be set."""

    isLeaf = True

    def __init__(self, reading: Callable[[], Reading]) -> None:
        super().__init__()
        self._reading = reading

    def render_GET(self, request: Request) -> bytes:
        if not is_loopback(request.getHeader(b"host") or b""):
            # Some page's own name that leads here.
            request.setResponseCode(403)
            return b""
        request.setHeader(b"Cache-Control", b"no-store")
        if request.path == b"/values":
            request.setHeader(b"Content-Type", b"application/json")
            return json.dumps(smart_meter(self._reading())).encode("ascii")
        if request.path != b"/":
            request.setResponseCode(404)
            return b""
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return _page(self._reading()).encode("utf-8")


def _page(reading: Reading) -> str:
    phases = zip(("36.7.0", "56.7.0", "76.7.0"), reading.power, strict=True)
    lines = [
        ("1.8.0", f"{reading.import_energy / 1e6:.3f} kWh"),
        ("2.8.0", f"{reading.export_energy / 1e6:.3f} kWh"),
        ("16.7.0", f"{reading.total / 1e3:.0f} W"),
        *((code, f"{power / 1e3:.0f} W") for code, power in phases),
        ("14.7.0", f"{reading.frequency / 1e3:.2f} Hz"),
    ]
    rows = (f"<tr><td>{code}</td><td>{value}</td></tr>" for code, value in lines)
    return _PAGE.format(refresh=_REFRESH, rows="\n".join(rows))
