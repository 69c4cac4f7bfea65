"""A browser that goes from host to host of one server."""

from __future__ import annotations

import re
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.end_to_end.client import LOGIN, LOGOUT, Answer, Client
from tests.end_to_end.daemons import ADMIN_SECRET

DOMAIN = "cloud.example.org"


class Place(Protocol):
    """A server on this machine; ``Server`` is one."""

    port: int

    def client(self, **options: Any) -> Client: ...


class Traveller:
    """
    :param domain: the server's.
    :param tls: whether it uses TLS.
    """

    def __init__(self, server: Place, domain: str = DOMAIN, tls: bool = True) -> None:
        self._server = server
        self._tls = tls
        self._clients: dict[str, Client] = {}
        self.home = self.at(f"{domain}:{server.port}")

    def at(self, authority: str) -> Client:
        """This browser on one host."""
        if authority not in self._clients:
            client = self._server.client(authority=authority, tls=self._tls)
            self._clients[authority] = client
        return self._clients[authority]

    def device(self, label: str) -> Client:
        """This browser on the host of a device."""
        return self.at(f"{label.lower()}.{self.home.authority}")

    def follow(self, url: str, *fields: tuple[str, str]) -> Answer:
        """GET, wherever it is."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return self.at(parts.netloc).get(target, *fields)

    def log_in(
        self, cloud_id: str, secret: str = ADMIN_SECRET, *, as_admin: bool = True
    ) -> Client:
        """All the way to the host of the device."""
        answer = self.home.log_in(cloud_id, secret, as_admin=as_admin)
        assert answer.status == 303, answer
        answer = self.follow(answer.field("Location") or "")
        assert answer.status == 200, answer
        return self.device(cloud_id)

    def log_out(self, client: Client) -> Answer:
        """By the form of our page there."""
        page = client.get(LOGIN)
        csrf = re.search(rb'name="csrf" value="([^"]+)"', page.body)
        assert csrf is not None, page
        return client.request(
            "POST",
            LOGOUT,
            b"csrf=" + csrf[1],
            [("Content-Type", "application/x-www-form-urlencoded")],
        )


def refresh(answer: Answer) -> str:
    """Where a page leads by itself."""
    match = re.fullmatch("0; url=(.*)", answer.field("Refresh") or "")
    assert match is not None, answer
    return match[1]
