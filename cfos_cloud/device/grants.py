"""
What log-ins have given out: grants, and the streams that live by them.

A grant names a log-in on the tunnel. It ends by its time, by log-out, or because
the credentials that it was given for are gone; its streams end with it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.device.profile import KeptCredential

TOKEN_BYTES = 32
#: Longest life of a grant, in seconds: 30 days.
MAX_TTL = 30 * 24 * 3600
#: Grants alive at the same time; beyond it the oldest one ends.
MAX_GRANTS = 1_000


_log = Logger()


class Abortable(Interface):
    """A stream, as a grant sees it; hashable."""

    def abort(self) -> None:
        """End at once; may be called when it has ended already."""


@dataclass(frozen=True, eq=False)
class Grant:
    """
    One log-in, or one access key (``key`` is what the device end knows it by).
    ``expires`` is a time of the clock; whoever carries a request of this grant adds
    itself to ``streams`` and discards itself when done. ``devices`` are the further
    ones of the site that a user may use; an admin may use all.
    """

    token: str = field(repr=False)
    role: str
    user: str
    expires: float
    streams: set[Abortable] = field(default_factory=set, repr=False)
    key: str | None = None
    #: What the device wants to see from this log-in; nowhere else than here.
    own: KeptCredential | None = field(default=None, repr=False)
    devices: frozenset[str] = frozenset()

    def abort_streams(self) -> None:
        """End all that lives by it."""
        for stream in tuple(self.streams):
            try:
                stream.abort()
            except Exception:  # the others must end all the same
                _log.failure("a stream of an ended grant could not be aborted")
        self.streams.clear()


class GrantSource(Interface):
    """Whoever knows grants."""

    def find(self, token: str) -> Grant | None:
        """The grant of this token while it lives."""


def _nobody_listens(_: Grant) -> None:
    """Where no tunnel has to be told."""


class Grants:
    """All grants of a device end; they outlive the tunnel, not the process."""

    log = Logger()

    #: Called with a grant that ended here, so that the server can be told.
    on_revoked: Callable[[Grant], None]

    def __init__(
        self,
        seconds: Callable[[], float],
        random: Callable[[int], bytes],
        on_revoked: Callable[[Grant], None] = _nobody_listens,
    ) -> None:
        self._seconds = seconds
        self._random = random
        self.on_revoked = on_revoked
        self._grants: dict[str, Grant] = {}

    def __len__(self) -> int:
        return len(self._grants)

    def issue(
        self,
        role: str,
        user: str,
        ttl: float,
        own: KeptCredential | None = None,
        devices: Iterable[str] = (),
    ) -> Grant:
        """
        A new grant for ``ttl`` seconds, 30 days at most.

        :raises ValueError: less than a second.
        """
        if ttl < 1:
            raise ValueError("a grant lives at least a second")
        self.sweep()
        while len(self._grants) >= MAX_GRANTS:
            self._revoke(next(iter(self._grants.values())))
        token = base64.urlsafe_b64encode(self._random(TOKEN_BYTES))
        grant = Grant(
            token=token.rstrip(b"=").decode("ascii"),
            role=role,
            user=user,
            expires=self._seconds() + min(ttl, MAX_TTL),
            own=own,
            devices=frozenset(devices),
        )
        self._grants[grant.token] = grant
        return grant

    def find(self, token: str) -> Grant | None:
        """The grant of this token while it lives."""
        grant = self._grants.get(token)
        if grant is not None and grant.expires <= self._seconds():
            self._revoke(grant)
            return None
        return grant

    def forget(self, token: str) -> None:
        """The server's log-out: ends the grant and its streams, tells nobody."""
        grant = self._grants.pop(token, None)
        if grant is not None:
            grant.abort_streams()

    def any_where(self, condition: Callable[[Grant], bool]) -> bool:
        """Whether there is a grant that meets ``condition``."""
        return any(condition(grant) for grant in self._grants.values())

    def revoke_where(self, condition: Callable[[Grant], bool]) -> int:
        """End every grant that meets ``condition``; how many those were."""
        ending = [grant for grant in self._grants.values() if condition(grant)]
        for grant in ending:
            self._revoke(grant)
        return len(ending)

    def sweep(self) -> None:
        """End the grants whose time is over, and with them their streams."""
        now = self._seconds()
        self.revoke_where(lambda grant: grant.expires <= now)

    def _revoke(self, grant: Grant) -> None:
        if self._grants.pop(grant.token, None) is None:
            return  # ended meanwhile by what an abort or a listener did
        grant.abort_streams()
        try:
            self.on_revoked(grant)
        except Exception:  # it has ended here all the same
            self.log.failure("the end of a grant could not be told")
