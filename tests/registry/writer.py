"""
A program that changes a registry until it is killed: ``python -m … URL systems|keys``.

For each line on standard input it forks a child, which begins quickly for all is
imported already. The child says its process ID, then before each change
``try CLOUD-ID NAME`` and after it ``done``; a name of ``-`` means: removed. Of keys it
is ``try KEY-ID STATE``. When it has ended, ``ended`` is said.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cfos_cloud.events import Origin
from cfos_cloud.registry import Events, Keys, Systems
from tests.registry.support import NOON, access_key, make_database, verifier

REMOVED = "-"
ENDED = "ended"
OPERATOR = Origin("operator")
DAY = timedelta(days=1)
#: In which keys are: the cloud, then systems ``S-1`` and so on.
SCOPES = 20


def say(line: str) -> None:
    """One line, at once."""
    os.write(1, f"{line}\n".encode("ascii"))


def now(work: Deferred[Any]) -> None:
    """What runs at once has its outcome."""
    failures: list[Any] = []
    work.addErrback(failures.append)
    if failures:
        failures[0].raiseException()


def change_systems(systems: Systems, _: Keys) -> None:
    """For ever, in ways that depend on what is there."""
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


def change_keys(_: Systems, keys: Keys) -> None:
    """
    For ever: in each of some scopes one is added, authorised, suspended now and then,
    and revoked.
    """
    for turn in count():
        number = turn % SCOPES
        cloud_id = f"S-{number}" if number else None
        newest = max(keys.of(cloud_id), key=lambda key: key.created, default=None)
        if newest is None or newest.revoked is not None:
            of_them = len(keys.of(cloud_id))
            new = access_key(
                f"{number}.{of_them}", cloud_id, created=NOON + of_them * DAY
            )
            say(f"try {new.id} pending")
            now(keys.add(new, OPERATOR))
        elif newest.authorised is None:
            say(f"try {newest.id} authorised")
            now(keys.authorise(newest.id, OPERATOR))
        elif turn % 3:
            say(f"try {newest.id} revoked")
            now(keys.revoke(newest.id, OPERATOR))
        else:
            say(f"try {newest.id} pending")
            now(keys.suspend(newest.id, OPERATOR))
        say("done")


WRITERS = {"systems": change_systems, "keys": change_keys}


def write(url: str, what: str) -> None:
    """What is there is read, then changed for ever."""
    clock = Clock()
    clock.advance(NOON.timestamp())
    database = make_database(Path(), url=url, clock=clock)
    database.open()
    events = Events(database, clock)
    systems = Systems(database, clock, events)
    systems.load()
    keys = Keys(database, systems, clock, events)
    keys.load()
    say(str(os.getpid()))
    WRITERS[what](systems, keys)


def main(url: str, what: str) -> None:
    """See the module's docstring."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            try:
                write(url, what)
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say(ENDED)


if __name__ == "__main__":
    main(*sys.argv[1:])
