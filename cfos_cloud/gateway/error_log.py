"""What the log says of requests that come to nothing."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from cfos_cloud.source_rates import Rate, SourceRates

#: Lines of who is no system's visitor; of one source, and of all together.
OF_ONE = Rate(burst=20, per_second=0.2)
OF_ALL = Rate(burst=200, per_second=5.0)


class ErrorLog:
    """
    A line for each, with the id that somebody is shown. Strangers can bring about as
    many as they like: of theirs some are left out, and counted. ``seconds`` is a clock.
    """

    _log = Logger()

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._strangers = SourceRates(seconds, OF_ONE, OF_ALL)
        self._left_out = 0

    def note(
        self, slug: str, error_id: str, client: str, system: str | None, why: str
    ) -> None:
        """
        :param slug: what kind of error it is.
        :param client: an address.
        :param system: the Cloud ID of that which the client is logged in to, or has a
            key of; ``None``: a stranger.
        :param why: never with a query string in it.
        """
        if system is None and not self._strangers.admit(client):
            self._left_out += 1
            return
        if self._left_out:
            self._log.info(
                "{count} errors of strangers are not in this log", count=self._left_out
            )
            self._left_out = 0
        self._log.info(
            "{kind} {id} for {client}, {system}: {why}",
            kind=slug,
            id=error_id,
            client=client,
            system=system or "no system",
            why=why,
        )
