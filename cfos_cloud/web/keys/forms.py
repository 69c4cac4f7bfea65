"""The forms of the page of access keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Of the admin password that is given once more.
SECRET = "admin_secret"  # noqa: S105 - no password


@dataclass(frozen=True)
class FormKind:
    """
    ``controls`` have a place for what is wrong with them; ``typed`` are filled in
    again after that. ``asks``: what is asked before it is done, by a page of its own
    where there is no script.
    """

    name: str
    controls: Sequence[str] = ()
    typed: Sequence[str] = ()
    asks: str = ""


_NEW = ("name", "role", "expiry", "expires_on")

FORMS = {
    kind.name: kind
    for kind in (
        FormKind("add", ("name", "role", "expires_on"), _NEW),
        FormKind("authorise", (SECRET,), asks="authorise"),
        FormKind("revoke", asks="revoke"),
        FormKind("refuse"),
        FormKind("open-pairing"),
        FormKind("close-pairing"),
        FormKind("end-sessions", asks="end-sessions"),
    )
}
