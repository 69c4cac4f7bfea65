"""People who log in, one after the other is due, whatever else happens."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.cloud import Cloud
from benchmarks.processes import RunFailed

#: Seconds from one to the next.
PACE = 0.2
#: At the same time: a refused one takes 3 s.
AT_A_TIME = 32


@dataclass
class LogIns:
    """
    :ivar seconds: that each took, from when it was due to its session: connect, the
        page, the form.
    :ivar refused: those whose device was not there, by the server's word.
    :ivar failed: those that had no answer, or had not even begun at the end.
    """

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0


@contextmanager
def logging_in(cloud: Cloud, cloud_id: str, pace: float = PACE) -> Iterator[LogIns]:
    """Again and again until the block ends; those under way then are waited for."""
    results = LogIns()
    over = threading.Event()

    def one(due: float) -> None:
        try:
            cloud.log_in(cloud_id)
        except RunFailed:
            results.refused += 1
        except (OSError, http.client.HTTPException):
            results.failed += 1
        else:
            results.seconds.append(time.perf_counter() - due)

    def all_of_them() -> None:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            begun = []
            due = time.perf_counter()
            while not over.wait(max(0.0, due - time.perf_counter())):
                begun.append(pool.submit(one, due))
                due += pace
            # Those that had to wait for others to come to an end.
            results.failed += sum(each.cancel() for each in begun)

    people = threading.Thread(target=all_of_them)
    people.start()
    try:
        yield results
    finally:
        over.set()
        people.join()
