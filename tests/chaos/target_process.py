"""The target in a process of its own, to be killed and stopped: ``… PORT``."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.visits import TICK
from tests.end_to_end.processes import Process, ReservedPort, wait_until
from tests.end_to_end.target import Request, Target, echo

ROOT = Path(__file__).parents[2]


def slow(request: Request) -> None:
    """``?s=``: the echo, so many seconds later."""
    time.sleep(float(request.query["s"]))
    echo(request)


def ticks(request: Request) -> None:
    """Events, until nobody is there any more; in chunks, so that no end is in order."""
    request.begin(
        "200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"
    )
    request.keep_alive = False
    number = 0
    while True:
        number += 1
        request.send_chunk(b"data: %d\n\n" % number)
        time.sleep(TICK)


class TargetProcess:
    """
    Keeps its port over restarts.

    :param launcher: what goes before its command line.
    """

    def __init__(self, directory: Path, launcher: Sequence[str] = ()) -> None:
        self._launcher = launcher
        self._directory = directory
        self._reserved = ReservedPort()
        self.url = f"http://127.0.0.1:{self._reserved.number}"
        self.restart()

    def restart(self) -> None:
        """Start it (again)."""
        command = [sys.executable, "-m", __name__, str(self._reserved.number)]
        self.process = Process(
            "target",
            [*self._launcher, *command],
            self._directory,
        )
        wait_until(lambda: "ready" in self.process.log, "the target is ready")

    def close(self) -> None:
        self.process.kill()
        self._reserved.close()


def main(port: int) -> None:
    target = Target(port)
    target.routes.update({"/slow": slow, "/ticks": ticks})
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
