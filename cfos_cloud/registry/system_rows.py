"""Systems in the database: one function a statement, each within a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cfos_cloud.cloud_id import fold
from cfos_cloud.registry.schema import system
from cfos_cloud.registry.system import System
from cfos_cloud.registry_errors import DuplicateSystem, UnknownSystem
from cfos_cloud.tunnel.scram import Verifier


def read_all(connection: Connection) -> list[System]:
    return [_from_row(row) for row in connection.execute(select(system))]


def add(connection: Connection, new: System) -> None:
    """
    :raises DuplicateSystem: the Cloud ID is taken.
    """
    try:
        connection.execute(
            insert(system).values(folded=fold(new.cloud_id), **_columns(new))
        )
    except IntegrityError as error:
        raise DuplicateSystem(new.cloud_id) from error


def change(connection: Connection, changed: System) -> None:
    """
    Store what an operator or its device end can change.

    :raises UnknownSystem: it is not there (any more).
    """
    done = connection.execute(
        update(system)
        .where(system.c.folded == fold(changed.cloud_id))
        .values(
            name=changed.name,
            enabled=changed.enabled,
            end_to_end=changed.end_to_end,
            **_verifier_columns(changed.verifier),
        )
    )
    if done.rowcount == 0:
        raise UnknownSystem(changed.cloud_id)


def remove(connection: Connection, cloud_id: str) -> None:
    """
    :raises UnknownSystem: it is not there (any more).
    """
    done = connection.execute(delete(system).where(system.c.folded == fold(cloud_id)))
    if done.rowcount == 0:
        raise UnknownSystem(cloud_id)


def _columns(value: System) -> dict[str, object]:
    return {
        "cloud_id": value.cloud_id,
        "name": value.name,
        "enabled": value.enabled,
        "created": value.created,
        "last_seen": value.last_seen,
        "agent": value.agent,
        "client": value.client,
        "bytes_in": value.bytes_in,
        "bytes_out": value.bytes_out,
        "end_to_end": value.end_to_end,
        **_verifier_columns(value.verifier),
    }


def _verifier_columns(verifier: Verifier) -> dict[str, object]:
    return {
        "salt": verifier.salt,
        "stored_key": verifier.stored_key,
        "server_key": verifier.server_key,
        "iterations": verifier.iterations,
    }


def _from_row(row: Row[Any]) -> System:
    return System(
        cloud_id=row.cloud_id,
        name=row.name,
        verifier=Verifier(
            salt=row.salt,
            stored_key=row.stored_key,
            server_key=row.server_key,
            iterations=row.iterations,
        ),
        enabled=row.enabled,
        created=row.created,
        last_seen=row.last_seen,
        agent=row.agent,
        client=row.client,
        bytes_in=row.bytes_in,
        bytes_out=row.bytes_out,
        end_to_end=row.end_to_end,
    )
