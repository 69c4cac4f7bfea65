"""Access keys at the door: by the device's consent alone, which is all it has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol as Interface

from cfos_cloud.device.grants import Grant
from cfos_cloud.gateway.key_access import SystemKeyAccess
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.consent import grant_of
from cfos_cloud.keys.jws import MAX_TOKEN
from cfos_cloud.keys.key import AccessKey, Role

_SHAPE = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Characters of a key's hash by which the log names it.
_ID_LENGTH = 8
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class KnownGrants(Interface):
    """Who knows the grants of keys; ``KeyGrants`` is one."""

    def find(self, token: str) -> Grant | None: ...


class ConsentedKeys:
    """
    A token's grant is a hash of it, and the device has agreed to a hash of that.
    Whether a token is signed it can't tell, and need not: it has the hash of one that
    the server made.

    Of each key at work there is one access, which ends with its grant.
    """

    def __init__(self, cloud_id: str, grants: KnownGrants) -> None:
        self._cloud_id = cloud_id
        self._grants = grants
        #: By grant; no more than there are consents.
        self._accesses: dict[str, SystemKeyAccess] = {}

    def __len__(self) -> int:
        """How many keys have been used."""
        return len(self._accesses)

    def find(self, token: bytes, client: str) -> SystemKeyAccess:
        """
        The access of the key that ``token`` is.

        :raises KeyRefused: the device has not agreed to it, or does no more.
        """
        if len(token) > MAX_TOKEN or _SHAPE.fullmatch(token) is None:
            raise KeyRefused("not a compact JWS")
        grant = self._grants.find(grant_of(token))
        if grant is None or grant.key is None:
            raise KeyRefused("the device has not agreed to it")
        access = self._accesses.get(grant.token)
        if access is None:
            access = SystemKeyAccess(self._row(grant, grant.key), grant.token)
            self._accesses[grant.token] = access
            grant.streams.add(_GrantEnd(self, access))
        return access

    def knows(self, token: bytes) -> bool:
        """Whether it is the token of a key that the device has agreed to."""
        try:
            self.find(token, "")
        except KeyRefused:
            return False
        return True

    def ended(self, access: SystemKeyAccess) -> None:
        """Its grant has: nothing new begins by it, and what is under way ends."""
        access.ended = True
        if self._accesses.get(access.grant) is access:
            del self._accesses[access.grant]
        streams = list(access.streams)
        access.streams.clear()
        for stream in streams:
            stream.abort()

    def _row(self, grant: Grant, key: str) -> AccessKey:
        return AccessKey(
            key[:_ID_LENGTH],
            self._cloud_id,
            grant.user,
            Role(grant.role),
            kid="",
            consent=key,
            created=_LONG_AGO,
            authorised=_LONG_AGO,
        )


@dataclass(frozen=True, eq=False)
class _GrantEnd:
    """Stands for an access among what ends with its grant."""

    keys: ConsentedKeys
    access: SystemKeyAccess

    def abort(self) -> None:
        self.keys.ended(self.access)
