"""Which credentials a grant's requests are given, and in place of what."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.profile import TargetCredential
from cfos_cloud.device.rewriting import OwnFields
from cfos_cloud.device.users import ADMIN
from cfos_cloud.http.message import RequestHead, value_of


class NoCredential(Exception):
    """What the target wants to see can't be had now."""


class GrantCredentials:
    """
    Nobody but a key, or an admin, acts with a credential of the device's admin.

    :param everybodys: the one of the site, for keys and admins.
    :param keys: the one for keys where the site has given no other.
    :param takes_own: whether the target is the one that the log-in was proven at.
    """

    __slots__ = ("_grant", "_sources")

    def __init__(
        self,
        grant: Grant,
        everybodys: TargetCredential | None,
        keys: TargetCredential | None,
        *,
        takes_own: bool = True,
    ) -> None:
        self._grant = grant
        sources: tuple[TargetCredential | None, ...] = ()
        if grant.key is not None:
            sources = (everybodys or keys,)
        elif grant.role == ADMIN:
            sources = (everybodys, grant.own if takes_own else None)
        self._sources = [source for source in sources if source is not None]

    def renewal(self) -> Deferred[None] | None:
        """To be waited for before :meth:`fields`; ``None``: no need to."""
        for source in self._sources:
            waiting = source.renewal()
            if waiting is not None:
                return waiting
        return None

    def fields(self, head: RequestHead) -> OwnFields | None:
        """
        What is added to a request, in place of what it has by these names.

        :raises NoCredential: it must not go to the target without.
        """
        if not self._sources:
            return None
        lines: dict[bytes, bytes] = {}
        for source in self._sources:
            header = source.header
            if header is None:
                raise NoCredential
            for name, line in header.lines:
                own = value_of(head.fields, name)
                if own is None or self._outranks(source, own):
                    lines[name] = line
        return OwnFields(tuple(lines.items()), replace=True)

    def doubt(self) -> None:
        """The target has refused them."""
        for source in self._sources:
            source.doubt()

    def _outranks(self, source: TargetCredential, own: bytes) -> bool:
        grant = self._grant
        if grant.key is not None:
            return True
        return grant.own is source and grant.own.outranks(own)
