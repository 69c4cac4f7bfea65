"""The registry's tests once more, on PostgreSQL."""

from __future__ import annotations

from types import ModuleType

from tests.registry import (
    support,
    test_connections,
    test_database,
    test_events,
    test_housekeeping,
    test_key_uses,
    test_keys,
    test_operator,
    test_preferences,
    test_systems,
)
from tests.web.api import test_operator_api

#: Those that need a registry, and don't care on what.
MODULES: tuple[ModuleType, ...] = (
    test_connections,
    test_database,
    test_events,
    test_housekeeping,
    test_key_uses,
    test_keys,
    test_operator,
    test_operator_api,
    test_preferences,
    test_systems,
)


def on_postgresql(case: type, module: ModuleType) -> type:
    """The same tests, each with a PostgreSQL database of its own."""
    return type(
        f"{module.__name__.rpartition('.')[2]}_{case.__name__}",
        (case,),
        {"__module__": __name__, "databases": support.PostgreSQLDatabases()},
    )


def every_case() -> dict[str, type]:
    """All of them by their names; a second name would run them twice."""
    cases = [
        on_postgresql(found, module)
        for module in MODULES
        for found in vars(module).values()
        if getattr(found, "__module__", None) == module.__name__
        and hasattr(found, "databases")
    ]
    return {case.__name__: case for case in cases}


globals().update(every_case())
