"""``/cloud/health``: whether the server can do its work."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud import __version__
from cfos_cloud.registry import Database
from cfos_cloud.web.answers import answer
from cfos_cloud.web.api.routes import COMMON_FIELDS

#: Seconds between questions to the database, and for which an answer is good.
INTERVAL = 4.0
LIFETIME = 10.0
#: Seconds that a question has at least.
ANSWER_SECONDS = LIFETIME - INTERVAL


class Health(Resource):
    """
    Asks the database now and then, so that no request waits for it. 503 before
    :meth:`start`, and when its last good answer is over 10 s old or was followed
    by a bad one. Each change is one line in the log.
    """

    isLeaf = True
    _log = Logger()

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._ok = False
        #: When the latest question was asked.
        self._asked_at = clock.seconds()
        self._overdue: IDelayedCall | None = None
        self._loop = LoopingCall(self._check)
        self._loop.clock = clock

    @property
    def ok(self) -> bool:
        """Whether the database has answered lately."""
        return self._ok

    def start(self) -> None:
        """Ask from now on; the database is open, so begin with a good answer."""
        self._ok = True
        self._await_answer()
        self._loop.start(INTERVAL).addErrback(self._log_failure)

    def stop(self) -> None:
        """Ask no more."""
        if self._loop.running:
            self._loop.stop()
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()

    def render(self, request: IRequest) -> bytes:
        if request.method not in (b"GET", b"HEAD"):
            return answer(request, 405, (*COMMON_FIELDS, (b"Allow", b"GET, HEAD")))
        ok = self._ok
        body = {"status": "ok" if ok else "unavailable", "version": __version__}
        return answer(
            request,
            200 if ok else 503,
            (*COMMON_FIELDS, (b"Content-Type", b"application/json")),
            json.dumps(body).encode("ascii"),
        )

    def _check(self) -> Deferred[None]:
        self._asked_at = self._clock.seconds()
        return self._database.check().addCallbacks(self._answered, self._failed)

    def _answered(self, _: None) -> None:
        if not self._loop.running:
            return
        if not self._ok:
            self._log.info("available again: the database answers")
        self._ok = True
        self._await_answer()

    def _failed(self, failure: Failure) -> None:
        if self._loop.running:
            self._unavailable(failure.getErrorMessage())

    def _await_answer(self) -> None:
        if self._overdue is not None and self._overdue.active():
            self._overdue.reset(LIFETIME)
            return
        self._overdue = self._clock.callLater(LIFETIME, self._not_answered)

    def _not_answered(self) -> None:
        # A process that stood still has asked a moment ago, though its last answer is
        # old.
        left = self._asked_at + ANSWER_SECONDS - self._clock.seconds()
        if left > 0:
            self._overdue = self._clock.callLater(left, self._not_answered)
            return
        self._unavailable(f"the database has not answered for {LIFETIME:.0f} s")

    def _unavailable(self, reason: str) -> None:
        if self._ok:
            self._log.error("unavailable: {reason}", reason=reason)
        self._ok = False

    def _log_failure(self, failure: Failure) -> None:
        self._log.failure("the check of the database ended", failure)
