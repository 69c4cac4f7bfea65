"""A browser's log-in, whichever host it takes place on; all of them are loopback."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from benchmarks.processes import RunFailed

COOKIE = "__Host-cfos"
LOGIN = "/ui/en/cloud-login.htm"
LOOPBACK = "127.0.0.1"
#: Seconds for one answer of a server.
ANSWER_SECONDS = 20.0


def unchecked_context() -> ssl.SSLContext:
    """Certificates are self-signed here, and this is loopback."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class NamedConnection(http.client.HTTPSConnection):
    """To loopback, whatever the host is called: it need not be in any DNS."""

    def __init__(self, host: str, port: int) -> None:
        self._tls = unchecked_context()
        super().__init__(host, port, timeout=ANSWER_SECONDS, context=self._tls)

    def connect(self) -> None:
        plain = socket.create_connection((LOOPBACK, self.port), ANSWER_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


@dataclass(frozen=True)
class Answer:
    """``cookies`` are those that it sets."""

    status: int
    cookies: dict[str, str]
    location: str
    body: str


class Visitor:
    """
    :param host: where the log-in page is.
    """

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        self._port = port
        self._host = host
        self._cookies: dict[str, str] = {}

    def log_in(self, cloud_id: str, secret: str) -> str:
        """
        As admin, by the form, and on to the host of the device if there is one.

        :returns: the ``Cookie`` header of the session.
        :raises RunFailed: the log-in was refused.
        """
        page = self._ask("GET", LOGIN)
        csrf = re.search(r'<input[^>]*\bname="csrf"[^>]*>', page.body)
        value = re.search(r'\bvalue="([^"]*)"', csrf[0]) if csrf else None
        if page.status != 200 or value is None:
            raise RunFailed(f"no log-in form, status {page.status}")
        form = {
            "cloud_id": cloud_id,
            "cloud_user_id": secret,
            "admin": "on",
            "csrf": value[1],
        }
        answer = self._ask("POST", LOGIN, urlencode(form))
        target = urlsplit(answer.location)
        if answer.status == 303 and target.hostname not in (None, self._host):
            self._host = target.hostname or ""
            answer = self._ask("GET", target.path)
        if answer.status not in (200, 303) or COOKIE not in answer.cookies:
            raise RunFailed(f"log-in refused, status {answer.status}")
        return f"{COOKIE}={answer.cookies[COOKIE]}"

    def _ask(self, method: str, path: str, body: str = "") -> Answer:
        headers = {}
        if self._cookies:
            pairs = self._cookies.items()
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in pairs)
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(NamedConnection(self._host, self._port)) as connection:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        lines = response.headers.get_all("Set-Cookie") or []
        parts = (line.partition(";")[0].partition("=") for line in lines)
        new = {name: value for name, _, value in parts}
        self._cookies |= new
        return Answer(response.status, new, response.headers.get("Location", ""), text)
