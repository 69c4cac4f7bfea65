"""The command line of ``twistd cfos-cloud``."""

from __future__ import annotations

from twisted.python import usage

from cfos_cloud.daemon_options import DaemonOptions
from cfos_cloud.gateway.client import Network, parse_network
from cfos_cloud.listener.ports import PortSpec, parse_port
from cfos_cloud.listener.self_signed import server_names

DEFAULT_PORT = "4443"


class Options(DaemonOptions):
    """Checked as far as that needs no file and no socket."""

    command = "twistd cfos-cloud"
    synopsis = "[options]"
    longdesc = "The cloud server: devices hold their tunnels here, browsers log in."

    optFlags = [  # noqa: RUF012 - the way of usage.Options
        ["allow-http", None, "serve plain HTTP on the same port, too"],
    ]
    optParameters = [  # noqa: RUF012
        ["port", "p", DEFAULT_PORT, "port number, or a Twisted endpoint string"],
        ["interface", "i", None, "address to listen on [default: all]"],
        ["data-dir", "d", None, "where everything is kept"],
        ["admin-password-file", None, None, "the operator's password"],
        ["domain", None, None, "name of this server, for its certificate"],
        [
            "database",
            None,
            None,
            "database URL [default: SQLite in the data directory]",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.trusted_proxies: list[Network] = []
        self.port_spec: PortSpec

    def opt_trusted_proxy(self, value: str) -> None:
        """network (CIDR) of a proxy whose X-Forwarded-* is believed; repeatable"""
        try:
            self.trusted_proxies.append(parse_network(value))
        except ValueError as error:
            raise usage.UsageError(
                f"--trusted-proxy {value!r} is no network like 10.0.0.0/8"
            ) from error

    def postOptions(self) -> None:
        try:
            self.port_spec = parse_port(self["port"], self["interface"])
            server_names("", self["domain"])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error
