"""What a page says once, after a form has led to another page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol as Interface


@dataclass(frozen=True)
class Note:
    """
    ``said`` names what was done; ``values`` are for its text, and may be secrets
    that nobody can say again.
    """

    said: str
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


class Noted(Interface):
    """The session that a note is for."""

    @property
    def token(self) -> bytes: ...

    @property
    def ended(self) -> bool: ...


class Notes:
    """
    At most one a session, in memory, and taken by the first page that shows it.
    Whoever keeps the sessions calls :meth:`forget` when one has ended.
    """

    def __init__(self) -> None:
        self._notes: dict[bytes, Note] = {}

    def __len__(self) -> int:
        return len(self._notes)

    def put(self, session: Noted, note: Note) -> None:
        """Keep it for the next page, unless the session is over."""
        if not session.ended:
            self._notes[session.token] = note

    def take(self, session: Noted) -> Note | None:
        """The note that waits, which is forgotten here."""
        return self._notes.pop(session.token, None)

    def forget(self, session: Noted) -> None:
        """The session is over."""
        self._notes.pop(session.token, None)
