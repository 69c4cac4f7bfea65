"""The service that listens on the server's port."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IReactorSocket,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from cfos_cloud.listener.ports import (
    EndpointPort,
    ListenError,
    PortSpec,
    bind,
    listen_error,
)


class ListeningService(Service):
    """
    Listen on ``port`` as long as the service runs.

    :param too_late: told why, if an endpoint that takes its time to listen fails
        after :meth:`bind` has returned.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorSocket,
        port: PortSpec,
        factory: ServerFactory,
        too_late: Callable[[ListenError], None],
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._factory = factory
        self._too_late = too_late
        self._sockets: list[socket.socket] = []
        self._listening: list[IListeningPort] = []
        self._waiting: Deferred[IListeningPort] | None = None
        self._bound = False

    def bind(self) -> None:
        """
        Take the port, before the reactor runs and before root rights are given
        up. Clients may connect from here on, and are served once the service has
        started.

        :raises ListenError: it can't be had; the message is one line.
        """
        if self._bound:
            return
        if isinstance(self._port, EndpointPort):
            self._listen_on_endpoint(self._port.description)
        else:
            self._sockets = bind(self._port)
        self._bound = True

    @property
    def addresses(self) -> list[IAddress]:
        """Where it listens, while the service runs."""
        return [port.getHost() for port in self._listening]

    def privilegedStartService(self) -> None:
        Service.privilegedStartService(self)
        self.bind()

    def startService(self) -> None:
        Service.startService(self)
        self.bind()
        for each in self._sockets:
            # The reactor takes a duplicate.
            self._listening.append(
                self._reactor.adoptStreamPort(each.fileno(), each.family, self._factory)
            )
            each.close()
        self._sockets = []

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        self._bound = False
        if self._waiting is not None:
            self._waiting.cancel()
        for each in self._sockets:
            each.close()
        listening, self._listening, self._sockets = self._listening, [], []
        return gatherResults(
            [maybeDeferred(port.stopListening) for port in listening]
        ).addCallback(lambda _: None)

    def _listen_on_endpoint(self, description: str) -> None:
        try:
            endpoint = serverFromString(self._reactor, description)
            attempt = endpoint.listen(self._factory)
        except Exception as error:
            # An endpoint string reaches any plugin's parser, with its own errors.
            raise ListenError(_one_line(description, error)) from error
        failures: list[ListenError] = []

        def listening(port: IListeningPort) -> None:
            self._waiting = None
            self._listening.append(port)

        def failed(failure: Failure) -> None:
            self._waiting = None
            error = _endpoint_error(description, failure)
            if self._bound:
                self._log.critical("{reason}", reason=str(error))
                self._too_late(error)
            else:
                failures.append(error)

        self._waiting = attempt
        attempt.addCallbacks(listening, failed)
        if failures:
            raise failures[0]


def _endpoint_error(description: str, failure: Failure) -> ListenError:
    error = failure.value
    if isinstance(error, CannotListenError) and isinstance(error.socketError, OSError):
        # The path of a UNIX socket is bytes here.
        port = error.port if isinstance(error.port, int) else os.fsdecode(error.port)
        return listen_error(port, error.interface, error.socketError)
    return ListenError(_one_line(description, error))


def _one_line(description: str, error: BaseException | None) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if description.startswith("systemd:") and isinstance(error, LookupError):
        reason = "systemd has handed over no such socket"
    return f"can't listen on {description!r}: {reason}"
