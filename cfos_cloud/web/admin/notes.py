"""Notes of the operator's page, each for the session that it waits with."""

from __future__ import annotations

from cfos_cloud.web.notes import Note
from cfos_cloud.web.operator.session import OperatorSession


class _Waiting:
    """A note that goes when its session ends."""

    def __init__(self, notes: dict[bytes, _Waiting], token: bytes, note: Note) -> None:
        self._notes = notes
        self._token = token
        self.note = note

    def abort(self) -> None:
        """The session is over."""
        self._notes.pop(self._token, None)


class AdminNotes:
    """At most one a session, in memory, and taken by the first page that shows it."""

    def __init__(self) -> None:
        self._notes: dict[bytes, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._notes)

    def put(self, session: OperatorSession, note: Note) -> None:
        """Keep it for the next page, unless the session is over."""
        self.take(session)
        if session.ended:
            return
        waiting = _Waiting(self._notes, session.token, note)
        self._notes[session.token] = waiting
        session.streams.add(waiting)

    def take(self, session: OperatorSession) -> Note | None:
        """The note that waits, which is forgotten here."""
        waiting = self._notes.pop(session.token, None)
        if waiting is None:
            return None
        session.streams.discard(waiting)
        return waiting.note
