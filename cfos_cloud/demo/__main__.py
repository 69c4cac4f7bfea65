"""
The process of the demonstration site: listens on a free port of loopback, prints the
port as one line, and serves until it is told to end or its standard input closes.
"""

from __future__ import annotations

import sys
import time
from typing import cast

from twisted.internet import reactor, stdio
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure
from twisted.web.server import Site

from cfos_cloud.demo.site import DemoSite
from cfos_cloud.logs import LogLevel, make_observer


class _EndWithParent(Protocol):
    """The starter holds the other end: it is gone when this one closes."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Serve."""
    globalLogBeginner.beginLoggingTo(
        [make_observer(sys.stderr, LogLevel())], redirectStandardIO=False
    )
    resource = DemoSite(reactor, time.time).app.resource()
    factory = cast(ServerFactory, Site(resource))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(cast(IPv4Address, port.getHost()).port, flush=True)
    stdio.StandardIO(_EndWithParent())
    reactor.run()


if __name__ == "__main__":
    main()
