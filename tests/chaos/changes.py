"""An operator who changes things without a pause, and remembers what was answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from tests.end_to_end.daemons import Server
from tests.end_to_end.processes import wait_until

#: Seconds between two changes, and after one that failed.
PAUSE = 0.02
AFTER_FAILURE = 0.2
#: Every so many changes an access key is made, as long as there may be more.
KEY_EVERY = 10
MOST_KEYS = 40
PAGE = 100

_LOST = (OSError, EOFError, http.client.HTTPException)


class Changes:
    """
    Adds systems and makes access keys of the operator, one after another.

    :ivar kept: names of those that were answered with success.
    :ivar refused: of those that were answered with 503, and :attr:`unanswered` of
        those whose connection was cut.
    """

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._keys = 0
        self.kept: list[str] = []
        self.refused: list[str] = []
        self.unanswered: list[str] = []
        self.wrong: list[str] = []

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """They go on meanwhile, and some have been made at the beginning."""
        is_over = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(is_over,), daemon=True)
        thread.start()
        try:
            self.wait_for_more(2 * KEY_EVERY)
            yield
        finally:
            is_over.set()
            thread.join()

    def wait_for_more(self, count: int = KEY_EVERY) -> None:
        """Until so many more have been kept."""
        wanted = len(self.kept) + count
        wait_until(
            lambda: len(self.kept) >= wanted or self.wrong,
            f"changes are made again, after {len(self.refused)} refused",
            60.0,
        )

    def there(self) -> set[str]:
        """Of all that were tried, those that the server has."""
        tried = {*self.kept, *self.refused, *self.unanswered}
        found: set[str] = set()
        for path, member in (("/systems", "cloud_id"), ("/keys", "name")):
            cursor: str | None = ""
            while cursor is not None:
                query = urlencode({"limit": PAGE, "cursor": cursor})
                page = self._server.ask("GET", f"{path}?{query}")
                found |= {each[member] for each in page["items"]}
                cursor = page["next"]
        return found & tried

    def _go_on(self, is_over: threading.Event) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            name = f"{self._name}-{number}"
            try:
                answer = self._server.answer("POST", *self._change(name, number))
            except _LOST:
                self.unanswered.append(name)
                time.sleep(AFTER_FAILURE)
                continue
            if answer.status == 201:
                self.kept.append(name)
                time.sleep(PAUSE)
            elif answer.status == 503:
                self.refused.append(name)
                time.sleep(AFTER_FAILURE)
            else:
                self.wrong.append(f"{name}: {answer.status} {answer.body!r}")
                return

    def _change(self, name: str, number: int) -> tuple[str, dict[str, str | None]]:
        if number % KEY_EVERY or self._keys == MOST_KEYS:
            return "/systems", {"cloud_id": name}
        self._keys += 1
        return "/keys", {"name": name, "role": "api", "expires": None}
