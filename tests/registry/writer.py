"""
A program that changes a registry until it is killed: ``python -m … URL``.

For each line on standard input it forks a child, which begins quickly for all is
imported already. The child says its process ID, then before each change
``try CLOUD-ID NAME`` and after it ``done``; a name of ``-`` means: removed. When it
has ended, ``ended`` is said.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cfos_cloud.registry import Events, Systems
from tests.registry.support import make_database, verifier

REMOVED = "-"
ENDED = "ended"


def say(line: str) -> None:
    """One line, at once."""
    os.write(1, f"{line}\n".encode("ascii"))


def now(work: Deferred[Any]) -> None:
    """What runs at once has its outcome."""
    failures: list[Any] = []
    work.addErrback(failures.append)
    if failures:
        failures[0].raiseException()


def write(url: str) -> None:
    """Change systems for ever, in ways that depend on what is there."""
    clock = Clock()
    database = make_database(Path(), url=url, clock=clock)
    database.open()
    systems = Systems(database, clock, Events(database, clock))
    systems.load()
    say(str(os.getpid()))
    for turn in count():
        cloud_id = f"S-{turn % 50}"
        if systems.get(cloud_id) is None:
            say(f"try {cloud_id} added-{turn}")
            now(systems.add(cloud_id, verifier(), f"added-{turn}"))
        elif turn % 3:
            say(f"try {cloud_id} changed-{os.getpid()}-{turn}")
            now(systems.change(cloud_id, name=f"changed-{os.getpid()}-{turn}"))
        else:
            say(f"try {cloud_id} {REMOVED}")
            now(systems.remove(cloud_id))
        say("done")


def main(url: str) -> None:
    """See the module's docstring."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            try:
                write(url)
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say(ENDED)


if __name__ == "__main__":
    main(sys.argv[1])
