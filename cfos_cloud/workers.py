"""Blocking work in threads, away from the reactor's."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Overloaded(Exception):
    """So much work waits already that more is refused; try again in a second."""


class Worker(typing.Protocol):
    """Where blocking functions run."""

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """
        Fires in the reactor's thread with the result of ``function``, or its
        exception. To cancel it leaves the work running.

        :raises Overloaded: as a failure, when the worker's queue is full.
        """

    def stop(self) -> None:
        """Wait for what runs and what waits, then end the threads."""


class ThreadWorker:
    """
    At most ``threads`` threads, begun at the first work; beyond ``waiting``
    functions in the queue further ones are refused (``None``: never). Whoever
    makes one calls :meth:`stop`, or the process does not end.
    """

    def __init__(
        self,
        reactor: IReactorFromThreads,
        name: str,
        threads: int,
        waiting: int | None = None,
    ) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name=name)
        self._room = None if waiting is None else threads + waiting
        self._unfinished = 0
        self._started = False

    def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        if self._room is not None and self._unfinished >= self._room:
            return fail(Overloaded())
        self._unfinished += 1
        if not self._started:
            # Not earlier: threads do not survive the fork of a daemon.
            self._started = True
            self._pool.start()
        answer: Deferred[T] = Deferred()

        def done_in_thread(success: bool, outcome: typing.Any) -> None:
            self._reactor.callFromThread(done, success, outcome)

        def done(success: bool, outcome: typing.Any) -> None:
            self._unfinished -= 1
            if success:
                answer.callback(outcome)
            else:
                answer.errback(outcome)

        self._pool.callInThreadWithCallback(done_in_thread, function, *args, **kwargs)
        return answer

    def stop(self) -> None:
        if self._started:
            self._started = False
            self._pool.stop()


def shielded(work: Deferred[T]) -> Deferred[T]:
    """
    A Deferred with the outcome of ``work`` that can be cancelled without
    cancelling ``work``: a client that goes away must not stop a change half way
    between the database and its mirror.
    """
    answer: Deferred[T] = Deferred()
    work.addCallbacks(answer.callback, answer.errback)
    return answer
