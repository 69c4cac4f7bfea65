"""
Sessions on the hosts of further devices: each host has one of its own, and all live by
the one that somebody has logged in to.
"""

from __future__ import annotations

from dataclasses import dataclass

from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.hosts import DeviceHost

#: Sessions of one log-in on one host: one is in use, and some have not arrived yet, or
#: never will. One more ends the oldest.
MAX_ON_A_HOST = 4


class FurtherSessions:
    """
    Whatever ends the first session ends what was opened from it. What ends one of
    those leaves the others alone, unless somebody has logged out.
    """

    def __init__(self, sessions: SessionTable) -> None:
        self._sessions = sessions
        #: By the token of the further session.
        self._ends: dict[bytes, tuple[Session, _End]] = {}
        #: The host where a first session is, by its token.
        self._homes: dict[bytes, DeviceHost] = {}
        sessions.subscribe(self._ended)

    def open(
        self, session: Session, here: DeviceHost, there: DeviceHost
    ) -> Session | None:
        """
        A new session of the same log-in, to be handed over to ``there``; ``None``: the
        first one is there, or has ended meanwhile.

        :param session: that of the host ``here``, a first or a further one.
        """
        known = self._ends.get(session.token)
        first = session if known is None else known[0]
        if known is None:
            self._homes[first.token] = here
        if self._homes.get(first.token) == there:
            return None
        self._make_room(first, there)
        made = self._sessions.create(
            first.cloud_id,
            first.grant,
            first.role,
            first.user,
            first.client,
            first.language,
            first.key_id,
            first.devices,
            is_further=True,
        )
        if first.ended:
            # It was the one that had to make room.
            self._sessions.end(made, Ending.EVICTED)
            return None
        end = _End(self._sessions, made, there)
        self._ends[made.token] = first, end
        # Its life is use of the first: that is not idle.
        first.streams.add(end)
        return made

    def is_open(self, session: Session, there: DeviceHost) -> bool:
        """Whether ``there`` has a session that lives by ``session``, a first one."""
        return any(
            first is session and end.session.host == there
            for first, end in self._ends.values()
        )

    def _make_room(self, first: Session, there: DeviceHost) -> None:
        ends = [
            end
            for each, end in self._ends.values()
            if each is first and end.there == there
        ]
        for end in ends[: max(0, len(ends) - MAX_ON_A_HOST + 1)]:
            end.abort()

    def _ended(self, session: Session, ending: Ending) -> None:
        self._homes.pop(session.token, None)
        known = self._ends.pop(session.token, None)
        if known is None:
            return
        first, end = known
        first.streams.discard(end)
        if ending is Ending.LOGGED_OUT:
            self._sessions.end(first, ending)


@dataclass(frozen=True, eq=False)
class _End:
    """Stands for a further session among what ends with the first."""

    sessions: SessionTable
    session: Session
    there: DeviceHost

    def abort(self) -> None:
        self.sessions.end(self.session, Ending.REPLACED)
