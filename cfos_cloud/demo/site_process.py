"""Runs a simulated site in this process, with the reactor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from twisted.internet.error import CannotListenError
from twisted.logger import globalLogBeginner

from cfos_cloud.daemon_options import leave
from cfos_cloud.demo.errors import EXPECTED, line_of
from cfos_cloud.demo.site.service import SiteOptions, SiteService
from cfos_cloud.logs import LogLevel, make_observer
from cfos_cloud.steady_time import keep_steady


def run_site(
    options: SiteOptions,
    ready: Callable[[str], object],
    *,
    command: str,
    loglevel: int,
    log: TextIO = sys.stderr,
    ends_with_stdin: bool = False,
) -> int:
    """
    Serve until a signal; ``ready`` is told the address. The exit status.

    An error at the start is one line on standard error, and status 1.

    :param ends_with_stdin: stop when standard input closes, too.
    """
    # not at the top: tools that import this module choose no reactor by that
    from twisted.internet import reactor, stdio

    from cfos_cloud.demo.end_with_parent import EndWithParent

    globalLogBeginner.beginLoggingTo(
        [make_observer(log, LogLevel(loglevel))], redirectStandardIO=False
    )
    keep_steady(reactor)
    try:
        service = SiteService(reactor, options)
        service.startService()
    except EXPECTED as error:
        leave(command, error)
    except CannotListenError as error:
        where = f"{options.interface}:{options.port}"
        why = getattr(error.socketError, "strerror", None) or error.socketError
        leave(command, f"can't listen on {where}: {why}")
    except OSError as error:
        leave(command, line_of(error))
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    if ends_with_stdin:
        stdio.StandardIO(EndWithParent(reactor))
    reactor.callWhenRunning(ready, service.address)
    reactor.run()
    return 0
