"""Tells the event log of browser sessions that end."""

from __future__ import annotations

from cfos_cloud.events import EventKind, EventLog, Origin
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable


def record_endings(sessions: SessionTable, events: EventLog) -> None:
    """
    From now on, each session that ends is an event, with its reason. One that lives by
    another is no log-in of its own.
    """

    def ended(session: Session, ending: Ending) -> None:
        if session.is_further:
            return
        # Its role, not its name: that is the device's word, which nobody has checked.
        # An access key's name has been.
        actor = session.role if session.key_id is None else f"key:{session.user}"
        by = Origin(actor, session.client)
        events.note(EventKind.LOGGED_OUT, by, session.cloud_id, ending.value)

    sessions.subscribe(ended)
