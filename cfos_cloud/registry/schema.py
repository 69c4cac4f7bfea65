"""
The tables, in types that SQLite and PostgreSQL share.

A change here needs a migration in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

metadata = MetaData()


class UTCDateTime(TypeDecorator[datetime]):
    """Aware times in UTC; SQLite stores them without a zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


system = Table(
    "system",
    metadata,
    Column("folded", String(40), primary_key=True),
    Column("cloud_id", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("stored_key", LargeBinary, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", UTCDateTime, nullable=False),
    Column("last_seen", UTCDateTime),
    Column("agent", Text),
    Column("client", Text),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("end_to_end", Boolean, nullable=False, server_default=false()),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

#: No foreign key: what was done to a system outlives it, unless that is not wanted.
event = Table(
    "event",
    metadata,
    # SQLite numbers its rows by themselves only if they are called INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("time", UTCDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("actor", Text, nullable=False),
    Column("folded", String(40)),
    Column("cloud_id", String(40)),
    Column("client", Text),
    Column("detail", Text, nullable=False),
    Column("times", Integer, nullable=False),
    # A page is in the order of time, whatever it is filtered by.
    Index("event_time", "time", "id"),
    Index("event_of_system", "folded", "time", "id"),
    Index("event_of_kind", "kind", "time", "id"),
    Index("event_of_actor", "actor", "time", "id"),
)

connection = Table(
    "connection",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    #: A name that the tunnel has from its beginning, before there is an id.
    Column("session", String(40), nullable=False, unique=True),
    Column(
        "folded",
        String(40),
        ForeignKey("system.folded", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("started", UTCDateTime, nullable=False),
    Column("seen", UTCDateTime, nullable=False),
    Column("ended", UTCDateTime),
    Column("reason", Text),
    Column("agent", Text),
    Column("client", Text),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Index("connection_of_system", "folded", "started", "id"),
    Index("connection_ended", "ended"),
)

traffic = Table(
    "traffic",
    metadata,
    Column(
        "folded",
        String(40),
        ForeignKey("system.folded", ondelete="CASCADE"),
        primary_key=True,
    ),
    #: Hours since the epoch.
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

access_key = Table(
    "access_key",
    metadata,
    #: ``jti`` of its token, which itself is nowhere.
    Column("id", String(40), primary_key=True),
    #: ``None``: its scope is the cloud.
    Column("folded", String(40), ForeignKey("system.folded", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("role", String(10), nullable=False),
    Column("kid", String(64), nullable=False),
    Column("consent", String(43), nullable=False),
    Column("created", UTCDateTime, nullable=False),
    Column("expires", UTCDateTime),
    Column("authorised", UTCDateTime),
    Column("revoked", UTCDateTime),
    Column("last_used", UTCDateTime),
    Column("last_client", Text),
    Column("code", String(16)),
    Column("requested_from", Text),
    Index("access_key_of_system", "folded"),
)
