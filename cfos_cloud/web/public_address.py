"""Where the server is found, as seen by who asks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.web.answers import field, is_secure

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?P<port>:\d{1,5})?\Z")


@dataclass(frozen=True)
class PublicAddress:
    """
    Where device ends find the server.

    :param domain: the server's name, if it has one of its own.
    :param port: of the browsers and device ends, where operators have another;
        ``None``: that of the operator's own request.
    """

    domain: str | None = None
    port: int | None = None

    def url(self, request: IRequest) -> str:
        """As seen by who sent ``request``."""
        return f"{'https' if is_secure(request) else 'http'}://{self.host(request)}"

    def host(self, request: IRequest) -> str:
        """Likewise, without the scheme; with a port, unless it is the usual one."""
        host = (field(request, b"host") or b"").decode("latin-1")
        match = _HOST.match(host)
        name = self.domain or (match["name"] if match else "localhost")
        port = (match["port"] or "") if match else ""
        if self.port is not None:
            port = f":{self.port}"
        return f"{name}{port}"
