"""
Thousands of systems at once, put into a database that no server has open yet.

``DATA_DIR COUNT``; the one Cloud password that all of them have comes out. Over the
API it would take minutes. Their verifier is one, too: to check a proof costs the server
the same.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection
from twisted.internet import reactor

from cfos_cloud.cloud_password import generate, iterations_for
from cfos_cloud.registry import Database, default_url, system_rows
from cfos_cloud.registry.system import System
from cfos_cloud.tunnel.scram import make_verifier


def name_of(number: int) -> str:
    """The Cloud ID of one of them."""
    return f"swarm-{number}"


def main() -> None:
    directory, count = sys.argv[1:]
    password = generate()
    verifier = make_verifier(password, iterations_for(password))
    created = datetime.now(UTC)
    data_dir = Path(directory)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(default_url(data_dir), reactor)  # type: ignore[arg-type]
    database.open()

    def add(db: Connection) -> None:
        for number in range(int(count)):
            new = System(name_of(number), "", verifier, True, created)
            system_rows.add(db, new)

    database.run_blocking(add)
    print(password)
