"""How a server is reached, and how it is known to be the right one."""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import platformdirs
from treq.client import HTTPClient
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS

from cfos_cloud.device.pins import PinFile
from cfos_cloud.operator_tool.errors import BadUsage, ToolError, UnknownServerKey
from cfos_cloud.operator_tool.server_address import ServerAddress
from cfos_cloud.operator_tool.trust import (
    CAFileTrust,
    FirstUseTrust,
    KnownKeys,
    NoTrust,
)

T = TypeVar("T")
Confirm = Callable[[str], bool]


class Connection:
    """
    :param confirm: asks a person; ``None``: there is none.
    :raises BadUsage: the address and the options about it make no sense.
    """

    def __init__(
        self,
        reactor: Any,
        server: ServerAddress,
        arguments: argparse.Namespace,
        confirm: Confirm | None,
    ) -> None:
        self.server = server
        self._confirm = confirm
        self._cafile = arguments.cafile
        self._policy = _policy(server, arguments, confirm is not None)
        self._pool = HTTPConnectionPool(reactor)
        self.http = HTTPClient(Agent(reactor, self._policy, pool=self._pool))

    def remember_key(self, pin: str) -> None:
        """The server has the key of this pin from now on."""
        if isinstance(self._policy, FirstUseTrust):
            self._policy.accept(pin)

    def curl_options(self) -> list[str]:
        """With which curl trusts the server as it was trusted here."""
        if self.server.scheme == "http":
            return []
        if isinstance(self._policy, NoTrust):
            return ["--insecure"]
        if isinstance(self._policy, CAFileTrust):
            return ["--cacert", str(self._cafile)]
        pin = self._policy.pin if isinstance(self._policy, FirstUseTrust) else None
        if pin is None:
            return []
        # curl looks at the key even where it takes any certificate.
        digest = base64.b64encode(bytes.fromhex(pin)).decode("ascii")
        return ["--insecure", "--pinnedpubkey", f"sha256//{digest}"]

    async def through(self, work: Callable[[], Awaitable[T]]) -> T:
        """
        Do ``work``, which asks the server something. Whether an unknown key is right
        is asked first, before the server has got anything.

        :raises ToolError: it can't be done, or the person says no.
        """
        try:
            return await work()
        except UnknownServerKey as error:
            # Nothing of the work is done: its first request has not gone out.
            if self._confirm is None or not self._confirm(str(error)):
                raise ToolError(f"{self.server} is not trusted") from error
            self.remember_key(error.pin)
            return await work()
        finally:
            await self._pool.closeCachedConnections()


def ask_at_terminal(question: str) -> bool:
    """Print it, and whether the answer is yes."""
    print(f"{question}.\nIs it the right one? (yes/no) ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _policy(
    server: ServerAddress, arguments: argparse.Namespace, can_ask: bool
) -> IPolicyForHTTPS:
    if server.scheme == "http" and not (server.is_loopback or arguments.insecure):
        raise BadUsage(
            f"{server} would get the password in the clear; use https, or --insecure"
        )
    if arguments.insecure:
        return NoTrust()
    if arguments.cafile is not None:
        return CAFileTrust(arguments.cafile)
    pins = PinFile(platformdirs.user_state_path("cfos-cloud"))
    # On this very machine nobody is in between.
    asks = can_ask and not server.is_loopback
    keys = KnownKeys(pins, arguments.accept_new_key, _say, asks)
    return FirstUseTrust(server, keys)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
