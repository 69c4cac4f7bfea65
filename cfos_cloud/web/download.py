"""A body that is made piece by piece, at the pace of whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

#: Pieces that are written before others have their turn.
PIECES = 4


class Response(Interface):
    """What is written to; a request of twisted.web is one."""

    def write(self, data: bytes) -> object: ...

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def loseConnection(self) -> None: ...


@implementer(IPushProducer)
class Download:
    """
    Writes ``pieces`` to ``response``. Where one can't be made, the connection is cut:
    a part must not be taken for the whole.
    """

    _log = Logger()

    def __init__(
        self, response: Response, pieces: Iterator[bytes], clock: IReactorTime
    ) -> None:
        self._response = response
        self._pieces = pieces
        self._clock = clock
        self._paused = False
        self._turn: IDelayedCall | None = None
        # Who cancels it has lost the response: there is nothing to sign off from.
        self._done: Deferred[None] = Deferred(lambda _: self._stop())

    def start(self) -> Deferred[None]:
        """Fires when all is written; cancel it when the client has gone."""
        self._response.registerProducer(self, True)
        self._continue()
        return self._done

    def abort(self) -> None:
        """Cut it off, as where a piece can't be made."""
        if not self._done.called:
            self._end()
            self._response.loseConnection()

    # IPushProducer

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._continue()

    def stopProducing(self) -> None:
        """The request's own end says the rest."""
        self._paused = True

    def _continue(self) -> None:
        if self._turn is None and not self._paused and not self._done.called:
            self._turn = self._clock.callLater(0, self._write)

    def _write(self) -> None:
        self._turn = None
        for _ in range(PIECES):
            if self._paused or self._done.called:
                return
            try:
                piece = next(self._pieces, None)
            except Exception:
                self._log.failure("a download is cut off")
                self._end()
                self._response.loseConnection()
                return
            if piece is None:
                self._end()
                self._done.callback(None)
                return
            self._response.write(piece)
        self._continue()

    def _end(self) -> None:
        self._stop()
        self._response.unregisterProducer()

    def _stop(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and turn.active():
            turn.cancel()
