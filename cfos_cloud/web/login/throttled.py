"""Log-ins that were not even tried, and the log's word on them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from twisted.logger import Logger

from cfos_cloud.throttle import source_key

#: Seconds in which a source is named once.
INTERVAL = 60.0
#: Sources that are remembered.
MAX_SOURCES = 1_000


class Throttled(Exception):
    """
    Not tried. ``seconds``: whole ones to wait, at least 1; ``cloud_id``: of a
    registered system, else ``None``.
    """

    def __init__(self, seconds: float, cloud_id: str | None) -> None:
        super().__init__()
        self.seconds = ceil(seconds)
        self.cloud_id = cloud_id


class ThrottledLogins:
    """
    Says who has to wait: at once, then once a minute for each source, with the number
    of those between. A 429 costs who guesses nothing, and must not fill the disk.
    """

    log = Logger()

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        #: When a source was named, and how often it has come since.
        self._sources: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, client: str, cloud_id: str | None, wait: float) -> None:
        """
        :param client: the address that asked.
        :param cloud_id: of a registered system, else ``None``: what else people type
            there may be a password.
        :param wait: seconds.
        """
        source, now = source_key(client), self._seconds()
        named_at, more = self._sources.get(source, (-INTERVAL, 0))
        if now - named_at < INTERVAL:
            self._sources[source] = (named_at, more + 1)
            return
        self._sources[source] = (now, 0)
        self._sources.move_to_end(source)
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)
        self.log.info(
            "log-in from {client}{to_system} was not tried: "
            "too many failed, wait {wait} s; {more} more since the last such line",
            client=client,
            to_system=f" to {cloud_id}" if cloud_id else "",
            wait=wait,
            more=more,
        )
