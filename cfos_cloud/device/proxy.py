"""Which HTTP proxy leads to the server: ``--proxy``, or the usual variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from urllib.parse import unquote

from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin

#: What ``--proxy`` says to leave the variables alone.
NONE = "none"


class InvalidProxy(ValueError):
    """No proxy that can be used; one line says why, without a password."""


@dataclass(frozen=True)
class Proxy:
    """
    An HTTP proxy that knows CONNECT (RFC 9110 §9.3.6).

    :ivar user: ``None``: it is not told one.
    """

    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def with_password(self, password: str) -> Proxy:
        """
        :raises InvalidProxy: it has no user whose password that could be.
        """
        if self.user is None:
            raise InvalidProxy(
                "a proxy's password needs a user: --proxy http://USER@HOST:PORT"
            )
        return replace(self, password=password)


def parse_proxy(text: str) -> Proxy:
    """
    ``http://[USER[:PASSWORD]@]HOST[:PORT]``; ``http://`` may be left out, and the
    port is 80 then. User and password are percent-encoded.

    :raises InvalidProxy: anything else.
    """
    whole = text if "://" in text else f"http://{text}"
    credentials, at, place = whole.partition("://")[2].rpartition("@")
    scheme = whole.partition("://")[0].lower()
    if scheme != "http":
        raise InvalidProxy(
            f"{_shown(scheme)!r} proxies are not supported; an http:// one is"
        )
    try:
        origin = parse_origin(f"http://{place}")
    except InvalidOrigin as error:
        # Without the text: its password may be anywhere in it.
        raise InvalidProxy("it is not like http://USER@HOST:PORT") from error
    if not at:
        return Proxy(origin.host, origin.port)
    user, _, password = credentials.partition(":")
    if ":" in unquote(user):
        raise InvalidProxy("a proxy's user has no colon in its name (RFC 7617 §2)")
    return Proxy(origin.host, origin.port, unquote(user), unquote(password))


def proxy_of_environment(
    environment: Mapping[str, str], server: Origin
) -> Proxy | None:
    """
    As curl has it: ``https_proxy`` for an ``https://`` server, ``http_proxy`` for an
    ``http://`` one, ``all_proxy`` for both, in small letters or capitals, except for
    what ``no_proxy`` names, and except for this very machine.

    ``HTTP_PROXY`` in capitals is taken, too: it is a danger for CGI programs only,
    which get headers of requests as such variables (https://httpoxy.org).

    :raises InvalidProxy: the one that would be used is none; says which variable.
    """
    for name in (f"{server.scheme}_proxy", "all_proxy"):
        for spelling in (name, name.upper()):
            value = environment.get(spelling, "").strip()
            if not value:
                continue
            if _is_this_machine(server) or is_exempt(_no_proxy(environment), server):
                return None
            try:
                return parse_proxy(value)
            except InvalidProxy as error:
                raise InvalidProxy(f"{spelling}: {error}") from error
    return None


def is_exempt(no_proxy: str, server: Origin) -> bool:
    """
    Whether ``no_proxy`` names the server: a list, by commas or blanks, of ``*``, names
    (with all below them, with or without ``.`` or ``*.`` in front), addresses and
    networks, each with or without a port.
    """
    entries = no_proxy.replace(",", " ").lower().split()
    return any(_names(entry, server) for entry in entries)


def _names(entry: str, server: Origin) -> bool:
    if entry == "*":
        return True
    host, port = _split_port(entry)
    if port is not None and port != str(server.port):
        return False
    if server.is_address:
        try:
            return ip_address(server.host) in ip_network(host, strict=False)
        except ValueError:
            return False
    name = host.removeprefix("*").strip(".")
    return bool(name) and (server.host == name or server.host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, port.removeprefix(":") or None
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    # None, or those of an IPv6 address.
    return entry, None


def _is_this_machine(server: Origin) -> bool:
    if server.is_address:
        return ip_address(server.host).is_loopback
    return server.host == "localhost" or server.host.endswith(".localhost")


def _no_proxy(environment: Mapping[str, str]) -> str:
    return environment.get("no_proxy") or environment.get("NO_PROXY", "")


def _shown(text: str) -> str:
    return "".join(c for c in text[:20] if c.isalnum())
