"""
How long the operator's page takes to its first view with many systems.

    python -m benchmarks.admin_page [--systems 10000] [--views 30]

A server of its own, which is given its systems by the import of tables; one client,
a new connection for each view, over TLS on loopback. A view is complete when its last
byte is here.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import re
import ssl
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.processes import Processes, free_ports, listens
from cfos_cloud.twistd_command import twistd_command

PASSWORD = "the operator's own"  # noqa: S105 - of a server that ends with this
PAGE = "/ui/en/cloud-admin.htm"
#: Lines of a table.
BATCH = 500
SECONDS = 60.0
VIEWS = {
    "first view": "",
    "by traffic": "?sort=traffic",
    "search": "?q=site+99",
    "offline only": "?state=offline",
}


class Visitor:
    """Asks the server at ``port``, and keeps its cookies."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: str = "", **fields: str
    ) -> tuple[int, str]:
        """Status and body."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=SECONDS, context=context
        )
        headers: dict[str, str] = {
            name.replace("_", "-"): value for name, value in fields.items()
        }
        if self._cookies:
            pairs = (f"{name}={value}" for name, value in self._cookies.items())
            headers["Cookie"] = "; ".join(pairs)
        try:
            connection.request(method, path, body.encode(), headers)
            response = connection.getresponse()
            for field in response.headers.get_all("set-cookie", []):
                name, _, value = field.partition(";")[0].partition("=")
                self._cookies[name] = value
            return response.status, response.read().decode()
        finally:
            connection.close()

    def send(self, form: Mapping[str, str]) -> int:
        """The status of a form that is sent to the page."""
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", PAGE, urlencode(form), content_type=kind)[0]

    def log_in(self) -> None:
        """Become the operator."""
        found = re.search(r'name="csrf" content="([^"]+)"', self.ask("GET", PAGE)[1])
        if found is None:
            raise SystemExit("the log-in page has no form")
        form = {"csrf": found[1], "action": "login", "password": PASSWORD}
        if self.send(form) != 303:
            raise SystemExit("the log-in failed")


def fill(port: int, count: int) -> None:
    """Add so many systems."""
    credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        rows = "".join(f"A-{number},Site {number}\n" for number in numbers)
        status, said = Visitor(port).ask(
            "POST",
            "/cloud/api/v1/systems/import",
            f"cloud_id,name\n{rows}",
            authorization=f"Basic {credentials}",
            content_type="text/csv",
        )
        if status != 201:
            raise SystemExit(f"the import failed: {said[:200]}")


def measure(visitor: Visitor, query: str, views: int) -> list[float]:
    """Milliseconds of each view, the first one left out."""
    found = []
    for _ in range(views + 1):
        begun = time.perf_counter()
        status, body = visitor.ask("GET", PAGE + query)
        found.append((time.perf_counter() - begun) * 1000)
        if status != 200 or "data-system=" not in body:
            raise SystemExit(f"{query}: status {status}, and no systems")
    return sorted(found[1:])


def main() -> None:
    """Measure, and print a line for each view."""
    parser = argparse.ArgumentParser(description="the operator's page, measured")
    parser.add_argument("--systems", type=int, default=10_000)
    parser.add_argument("--views", type=int, default=30)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="cfos-cloud-admin-page-") as name,
        Processes(Path(name)) as processes,
    ):
        directory = Path(name)
        password = directory / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        (port,) = free_ports(1)
        command = twistd_command(
            *("-n", "--pidfile=", "cfos-cloud", f"--port={port}"),
            *("--interface=127.0.0.1", f"--data-dir={directory / 'data'}"),
            f"--admin-password-file={password}",
        )
        processes.start("server", *command)
        processes.wait_for("server", lambda: listens(port))
        fill(port, options.systems)
        visitor = Visitor(port)
        visitor.log_in()
        print(f"{options.systems} systems, {options.views} views each, milliseconds")
        for what, query in VIEWS.items():
            found = measure(visitor, query, options.views)
            middle, most = statistics.median(found), found[-1]
            print(f"{what:14} p50 {middle:6.1f}   max {most:6.1f}")


if __name__ == "__main__":
    main()
