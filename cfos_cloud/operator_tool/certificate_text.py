"""A certificate of the operator API in lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.human import local_time
from cfos_cloud.operator_tool.output import text
from cfos_cloud.operator_tool.table import Column

_INDENT = " " * 14
COLUMNS: tuple[Column, ...] = tuple(
    Column(title)
    for title in (
        *("FINGERPRINT", "DEFAULT", "IMPORTED", "NAMES"),
        *("VALID UNTIL", "ISSUER", "KEY", "WARNINGS"),
    )
)
#: What people look for, so that it fits 80 places.
COLUMNS_FOR_PEOPLE: tuple[Column, ...] = (
    Column("SHA-256"),
    Column("NAMES", shrinks=True, least=12),
    Column("VALID UNTIL"),
    Column("DEFAULT"),
    Column("BY", shrinks=True, least=12),
)


def row(certificate: Object) -> Sequence[str]:
    """As the API says it, below :data:`COLUMNS`."""
    names = ("fingerprint", "default", "imported", "names", "not_after", "issuer")
    cells = (text(certificate[name]) for name in names)
    warnings = ", ".join(each["code"] for each in certificate["warnings"])
    return (*cells, certificate["key_type"], warnings or "-")


def row_for_people(certificate: Object) -> Sequence[str]:
    """Below :data:`COLUMNS_FOR_PEOPLE`."""
    return (
        certificate["fingerprint"][:11],
        names_of(certificate),
        f"{local_time(certificate['not_after'])[:10]}, "
        f"{_days(certificate['days_left'])}",
        text(certificate["default"]),
        _by(certificate),
    )


def names_of(certificate: Object) -> str:
    """What it is for, in a line."""
    return ", ".join(certificate["names"]) or "no name"


def lines_about(certificate: Object) -> list[str]:
    """What it is for, by whom, until when, and what is wrong with it."""
    lines = [
        f"Certificate:  {names_of(certificate)}",
        f"{_INDENT}{_by(certificate)}, {certificate['key_type']}",
        f"{_INDENT}valid until {local_time(certificate['not_after'])}, "
        f"{_days(certificate['days_left'])}",
        f"{_INDENT}SHA-256 {certificate['fingerprint']}",
    ]
    return lines + [f"{_INDENT}! {each['text']}" for each in certificate["warnings"]]


def _by(certificate: Object) -> str:
    if not certificate["imported"]:
        return "self-signed by the server"
    return "self-signed" if certificate["self_signed"] else str(certificate["issuer"])


def _days(left: int) -> str:
    if left < 0:
        return "expired"
    return "1 day left" if left == 1 else f"{left} days left"
