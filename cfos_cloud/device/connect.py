"""
The way through an HTTP proxy: ``CONNECT`` (RFC 9110 §9.3.6), without I/O.

The proxy resolves the server's name. TLS to the server is inside what it passes on.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cfos_cloud.device.origin import Origin
from cfos_cloud.device.proxy import Proxy

#: Most bytes of the proxy's answer, up to its empty line.
MAX_HEAD_BYTES = 64 * 1024
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |\r?\n)")


class ProxyFailed(Exception):
    """The proxy does not lead there; the message says in a line why."""


class ProxyRefused(ProxyFailed):
    """… because it does not take user and password: trying again can't help."""


@dataclass(frozen=True)
class Connected:
    """What follows is the server's, beginning with ``rest``."""

    rest: bytes


class ConnectRequest:
    """
    One attempt: send :attr:`data`, give what comes to :meth:`receive`.

    :param agent: the User-Agent header.
    """

    def __init__(self, proxy: Proxy, server: Origin, agent: str) -> None:
        self._proxy = proxy
        self._place = server.host_and_port
        self._agent = agent
        self._seen = b""

    @property
    def data(self) -> bytes:
        """The request; it has user and password."""
        lines = [
            f"CONNECT {self._place} HTTP/1.1",
            f"Host: {self._place}",
            f"User-Agent: {self._agent}",
        ]
        if self._proxy.user is not None:
            pair = f"{self._proxy.user}:{self._proxy.password}".encode()
            lines.append(
                f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}"
            )
        return "\r\n".join((*lines, "", "")).encode("ascii")

    def receive(self, data: bytes) -> Connected | None:
        """
        :return: ``None``: more bytes are needed.
        :raises ProxyRefused: user and password are missing or wrong.
        :raises ProxyFailed: another no, or no HTTP.
        """
        # What was looked at before need not be again, but for half an end.
        start = max(0, len(self._seen) - 3)
        self._seen += data
        while (end := _END_OF_HEAD.search(self._seen, start)) is not None:
            if end.end() > MAX_HEAD_BYTES:
                break
            status = _STATUS_LINE.match(self._seen)
            if status is None:
                raise ProxyFailed(f"what the proxy {self._proxy} answers is not HTTP")
            self._seen = self._seen[end.end() :]
            start = 0
            code = int(status[1])
            if code >= 200:
                self._judge(code)
                # A length in this answer has no meaning.
                return Connected(self._seen)
        if len(self._seen) > MAX_HEAD_BYTES:
            raise ProxyFailed(f"the answer of the proxy {self._proxy} is too long")
        return None

    def _judge(self, code: int) -> None:
        if code < 300:
            return
        proxy, place = f"the proxy {self._proxy}", self._place
        # 401 is tinyproxy's for a wrong password.
        if code in (401, 407):
            if self._proxy.user is None:
                raise ProxyRefused(
                    f"{proxy} wants a user and a password: --proxy "
                    f"http://USER@{self._proxy} and --proxy-password-file"
                )
            raise ProxyRefused(
                f"{proxy} does not take this password of {self._proxy.user!r}"
            )
        if code == 403:
            raise ProxyFailed(f"{proxy} does not allow connections to {place}")
        if code in (502, 503, 504):
            raise ProxyFailed(f"{proxy} can't reach {place}: it answers {code}")
        if code in (400, 405, 501):
            raise ProxyFailed(f"{proxy} does not know CONNECT: it answers {code}")
        raise ProxyFailed(f"{proxy} answers {code} to CONNECT {place}")
