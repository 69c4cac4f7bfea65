"""``/cloud/health``: whether the server can do its work."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud import __version__
from cfos_cloud.registry import Database
from cfos_cloud.web.answers import answer
from cfos_cloud.web.api_routes import COMMON_FIELDS

#: Seconds between questions to the database, and for which an answer is good.
INTERVAL = 4.0
LIFETIME = 10.0


class Health(Resource):
    """
    Asks the database now and then, so that no request waits for it. 503 before
    :meth:`start`, and when its last good answer is over 10 s old or was followed
    by a bad one.
    """

    isLeaf = True
    _log = Logger()

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._good_until = 0.0
        self._ok = False
        self._loop = LoopingCall(self._check)
        self._loop.clock = clock

    def start(self) -> None:
        """Ask from now on; the database is open, so begin with a good answer."""
        self._answered(None)
        self._loop.start(INTERVAL).addErrback(self._log_failure)

    def stop(self) -> None:
        """Ask no more."""
        if self._loop.running:
            self._loop.stop()

    def render_GET(self, request: IRequest) -> bytes:
        ok = self._ok and self._clock.seconds() < self._good_until
        body = {"status": "ok" if ok else "unavailable", "version": __version__}
        return answer(
            request,
            200 if ok else 503,
            (*COMMON_FIELDS, (b"Content-Type", b"application/json")),
            json.dumps(body).encode("ascii"),
        )

    def _check(self) -> Deferred[None]:
        return self._database.check().addCallbacks(self._answered, self._failed)

    def _answered(self, _: None) -> None:
        self._ok = True
        self._good_until = self._clock.seconds() + LIFETIME

    def _failed(self, failure: Failure) -> None:
        if self._ok:
            self._log.error("{reason}", reason=failure.getErrorMessage())
        self._ok = False

    def _log_failure(self, failure: Failure) -> None:
        self._log.failure("the check of the database ended", failure)
