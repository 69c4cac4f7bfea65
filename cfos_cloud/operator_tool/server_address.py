"""The address of a server, as ``--server`` takes it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from cfos_cloud.operator_tool.errors import BadUsage

DEFAULT = "https://localhost:4443"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class ServerAddress:
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ServerAddress:
        """
        ``https://HOST[:PORT]``, or ``http://``.

        :raises BadUsage: it is none.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except (ValueError, UnicodeError) as error:
            raise BadUsage(f"{text!r} is no address of a server") from error
        more = parts.path.rstrip("/") or parts.query or parts.fragment
        if parts.scheme not in _PORTS or not host or more or "@" in parts.netloc:
            raise BadUsage(
                f"{text!r} is no address of a server; {DEFAULT} is one, for example"
            )
        return cls(parts.scheme, host, port or _PORTS[parts.scheme])

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def is_loopback(self) -> bool:
        """Whether nothing that is sent there leaves this machine."""
        if not self.is_address:
            return self.host == "localhost"
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"
