"""The command line of ``twistd cfos-cloud``."""

from __future__ import annotations

from collections.abc import Callable

from twisted.python import usage

from cfos_cloud.daemon_options import DaemonOptions
from cfos_cloud.gateway.client import Network, parse_network
from cfos_cloud.listener.ports import (
    InvalidPort,
    NumberedPort,
    PortSpec,
    parse_port,
)
from cfos_cloud.listener.self_signed import server_names
from cfos_cloud.site_info import InvalidSiteInfo, SiteInfo, check_link, check_name

DEFAULT_PORT = "4443"
#: Options that are numbers, and the least that each may be.
_NUMBERS = {
    "max-connections": 16,
    "max-connections-per-source": 8,
    "max-buffered-mib": 16,
}
_MOST_DIGITS = 9


class Options(DaemonOptions):
    """Checked as far as that needs no file and no socket."""

    command = "twistd cfos-cloud"
    synopsis = "[options]"
    longdesc = "The cloud server: devices hold their tunnels here, browsers log in."

    optFlags = [  # noqa: RUF012 - the way of usage.Options
        ["allow-http", None, "serve plain HTTP on the same port, too"],
        [
            "proxy-protocol",
            None,
            "connections from --trusted-proxy begin with a PROXY header (v1 or v2); "
            "not on --admin-port",
        ],
    ]
    optParameters = [  # noqa: RUF012
        ["port", "p", DEFAULT_PORT, "port number, or a Twisted endpoint string"],
        ["interface", "i", None, "address to listen on [default: all]"],
        ["admin-port", None, None, "port of the operator's page and API alone"],
        ["data-dir", "d", None, "where everything is kept"],
        ["admin-password-file", None, None, "the operator's password"],
        ["domain", None, None, "name of this server: devices have hosts below it"],
        [
            "database",
            None,
            None,
            "database URL [default: SQLite in the data directory]",
        ],
        ["max-connections", None, None, "of browsers, in all [default: 8192 at most]"],
        ["max-connections-per-source", None, None, "of an address [default: 512]"],
        ["max-buffered-mib", None, None, "waiting for slow readers [default: 256]"],
        ["operator-name", None, None, "who operates the server, for its pages"],
        ["imprint-url", None, None, "link to the operator's imprint"],
        ["privacy-url", None, None, "link to the operator's privacy notice"],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.trusted_proxies: list[Network] = []
        self.port_spec: PortSpec
        self.admin_port_spec: PortSpec | None = None
        self.site_info = SiteInfo()

    def opt_trusted_proxy(self, value: str) -> None:
        """network (CIDR) of a proxy whose X-Forwarded-* is believed; repeatable"""
        try:
            self.trusted_proxies.append(parse_network(value))
        except ValueError as error:
            raise usage.UsageError(
                f"--trusted-proxy {value!r} is no network like 10.0.0.0/8"
            ) from error

    def postOptions(self) -> None:
        self.take_credentials({"admin-password-file": "admin-password"})
        try:
            self.port_spec = parse_port(self["port"], self["interface"])
            if self["admin-port"] is not None:
                self.admin_port_spec = self._admin_port(self["admin-port"])
            server_names("", self["domain"])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error
        for name, least in _NUMBERS.items():
            if self[name] is not None:
                self[name] = _number(name, self[name], least)
        if self["proxy-protocol"] and not self.trusted_proxies:
            raise usage.UsageError(
                "--proxy-protocol needs --trusted-proxy: the network of the proxy"
            )
        self.site_info = SiteInfo(
            self._checked("operator-name", check_name),
            self._checked("imprint-url", check_link),
            self._checked("privacy-url", check_link),
        )

    def _admin_port(self, port: str) -> PortSpec:
        interface = self["interface"] if port.isdigit() else None
        try:
            spec = parse_port(port, interface)
        except InvalidPort as error:
            raise usage.UsageError(f"--admin-port: {error}") from error
        if spec == self.port_spec and spec != NumberedPort(0, interface):
            raise usage.UsageError("--admin-port and --port are the same")
        return spec

    def _checked(self, option: str, check: Callable[[str], str]) -> str | None:
        value = self[option]
        try:
            return None if value is None else check(value)
        except InvalidSiteInfo as error:
            raise usage.UsageError(f"--{option}: {error}") from error


def _number(option: str, value: str, least: int) -> int:
    is_one = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    if not is_one or int(value) < least:
        raise usage.UsageError(f"--{option} {value!r} is no number from {least} on")
    return int(value)
