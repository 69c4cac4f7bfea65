"""The simulated charging site in a process of its own, as somebody starts it."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end.daemons import ended_on_error, tool_command
from tests.end_to_end.processes import Process, wait_until

ADMIN_PASSWORD = "the site's own"
#: The user whom a new site has.
USER = "guest"


class ChargingSite:
    """
    ``cfos-cloud demo-site`` on any free port.

    :param admin_password: empty for none.
    """

    def __init__(self, directory: Path, admin_password: str = ADMIN_PASSWORD) -> None:
        self.admin_password = admin_password
        command = tool_command(
            *("demo-site", "--port=0", f"--data-dir={directory / 'site'}"),
            f"--admin-password={admin_password}",
        )
        self.process = Process("site", command, directory)
        with ended_on_error(self.process):
            self.process.wait_for_log("Stop with Ctrl-C")
        said = self.process.log
        self.url = self._find(r"Open +(http://\S+?)/?\n", said)
        #: The ID of :data:`USER`.
        self.user_id = self._find(r"As user +user, password (\S+)", said)

    @staticmethod
    def _find(pattern: str, text: str) -> str:
        match = re.search(pattern, text)
        if match is None:
            raise AssertionError(f"{pattern} is not in:\n{text}")
        return match[1]

    @property
    def credentials(self) -> dict[str, str]:
        """Of the admin, as Playwright wants them."""
        return {"username": "admin", "password": self.admin_password}

    def credentials_of(self, user_id: str) -> dict[str, str]:
        """Of a user, likewise."""
        return {"username": "user", "password": user_id}

    def ask(
        self,
        path: str,
        document: object = None,
        *,
        user_id: str | None = None,
        expect: int = 200,
    ) -> Any:
        """What the site answers the admin, or the user with this ID."""
        name, secret = "admin", self.admin_password
        if user_id is not None:
            name, secret = "user", user_id
        text = base64.b64encode(f"{name}:{secret}".encode()).decode()
        fields = {"Authorization": f"Basic {text}", "X-Requested-With": "site"}
        body = None
        if document is not None:
            body = json.dumps(document)
            fields["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request("POST" if body else "GET", path, body, fields)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != expect:
            raise AssertionError(f"{path}: {answer.status} {data!r}")
        kind = answer.getheader("Content-Type") or ""
        return json.loads(data) if kind.startswith("application/json") else data

    def wallbox(self, id_: str) -> Any:
        """The wallbox as the site tells of it now."""
        boxes = self.ask("/api/site/state")["wallboxes"]
        return next(box for box in boxes if box["id"] == id_)

    def connect(self, server: str, cloud_id: str, password: str) -> None:
        """Switch its cloud service on, and wait until that is connected."""
        self.ask(
            "/api/site/cloud",
            {
                "enabled": True,
                "server": server,
                "cloud_id": cloud_id,
                "password": password,
            },
        )
        wait_until(
            lambda: self.ask("/api/site/cloud")["state"] == "connected",
            "the site's cloud service is connected",
        )

    def freeze(self) -> None:
        """Have it say nothing any more, with all its connections open."""
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)

    def close(self) -> None:
        """End it if it runs, without a word."""
        self.process.kill()
