"""What the server keeps: systems, settings and the operator's password."""

from __future__ import annotations

from cfos_cloud.registry.database import Database, default_url
from cfos_cloud.registry.errors import (
    AdminPasswordError,
    AdminPasswordFixed,
    DatabaseError,
    DuplicateSystem,
    InvalidCursor,
    UnknownSystem,
)
from cfos_cloud.registry.operator import Operator, hashing_worker
from cfos_cloud.registry.system import ChangeKind, Page, System, SystemChange
from cfos_cloud.registry.systems import Systems
from cfos_cloud.workers import Overloaded

__all__ = [
    "AdminPasswordError",
    "AdminPasswordFixed",
    "ChangeKind",
    "Database",
    "DatabaseError",
    "DuplicateSystem",
    "InvalidCursor",
    "Operator",
    "Overloaded",
    "Page",
    "System",
    "SystemChange",
    "Systems",
    "UnknownSystem",
    "default_url",
    "hashing_worker",
]
