"""What the server keeps: systems, access keys, settings, the operator's password."""

from __future__ import annotations

from cfos_cloud.registry.backup import Backups
from cfos_cloud.registry.connection import ConnectionPage, TrafficHour, TunnelRecord
from cfos_cloud.registry.connections import Connections
from cfos_cloud.registry.database import Database, default_url
from cfos_cloud.registry.event_rows import EventFilter
from cfos_cloud.registry.event_store import EventPage, Events
from cfos_cloud.registry.housekeeping import Housekeeping
from cfos_cloud.registry.key_change import KeyChange
from cfos_cloud.registry.keys import Keys
from cfos_cloud.registry.operator import Operator, hashing_worker
from cfos_cloud.registry.preferences import (
    InvalidPreference,
    Preferences,
    PreferenceStore,
)
from cfos_cloud.registry.search import FoundSystems, Order, SystemQuery
from cfos_cloud.registry.site_settings import SiteSettings
from cfos_cloud.registry.system import (
    Addition,
    ChangeKind,
    System,
    SystemChange,
)
from cfos_cloud.registry.systems import Systems
from cfos_cloud.registry_errors import (
    AdminPasswordError,
    AdminPasswordFixed,
    CopyFailed,
    DatabaseError,
    DuplicateSystem,
    InvalidCursor,
    KeyEnded,
    NoCopy,
    SiteInfoFixed,
    TooManyKeys,
    UnknownKey,
    UnknownSystem,
)
from cfos_cloud.workers import Overloaded

__all__ = [
    "Addition",
    "AdminPasswordError",
    "AdminPasswordFixed",
    "Backups",
    "ChangeKind",
    "ConnectionPage",
    "Connections",
    "CopyFailed",
    "Database",
    "DatabaseError",
    "DuplicateSystem",
    "EventFilter",
    "EventPage",
    "Events",
    "FoundSystems",
    "Housekeeping",
    "InvalidCursor",
    "InvalidPreference",
    "KeyChange",
    "KeyEnded",
    "Keys",
    "NoCopy",
    "Operator",
    "Order",
    "Overloaded",
    "PreferenceStore",
    "Preferences",
    "SiteInfoFixed",
    "SiteSettings",
    "System",
    "SystemChange",
    "SystemQuery",
    "Systems",
    "TooManyKeys",
    "TrafficHour",
    "TunnelRecord",
    "UnknownKey",
    "UnknownSystem",
    "default_url",
    "hashing_worker",
]
