"""The last that is written when the server stops, which nothing may hold up."""

from __future__ import annotations

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from cfos_cloud.registry_errors import DatabaseError
from cfos_cloud.workers import Overloaded

#: Seconds that it may take; the service manager waits for half a minute.
CLOSE_SECONDS = 5.0


async def why_not_written(writing: Deferred[None], clock: IReactorTime) -> str | None:
    """``None``: it is written; else one line that says why not."""
    try:
        await writing.addTimeout(CLOSE_SECONDS, clock)
    except TimeoutError:
        return f"it was not their turn within {CLOSE_SECONDS:.0f} s"
    except (DatabaseError, Overloaded) as error:
        return str(error)
    return None
