"""A certificate of the operator API in lines for people."""

from __future__ import annotations

from cfos_cloud.operator_tool.api import Object
from cfos_cloud.operator_tool.human import local_time

_INDENT = " " * 14


def lines_about(certificate: Object) -> list[str]:
    """What it is for, by whom, until when, and what is wrong with it."""
    names = ", ".join(certificate["names"]) or "no name"
    by = "self-signed" if certificate["self_signed"] else certificate["issuer"]
    if not certificate["imported"]:
        by = "self-signed by the server"
    lines = [
        f"Certificate:  {names}",
        f"{_INDENT}{by}, {certificate['key_type']}",
        f"{_INDENT}valid until {local_time(certificate['not_after'])}, "
        f"{_days(certificate['days_left'])}",
        f"{_INDENT}SHA-256 {certificate['fingerprint']}",
    ]
    return lines + [f"{_INDENT}! {each['text']}" for each in certificate["warnings"]]


def _days(left: int) -> str:
    if left < 0:
        return "expired"
    return "1 day left" if left == 1 else f"{left} days left"
