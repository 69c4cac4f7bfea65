"""Access keys that are in use: what their requests are allowed by, and end with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from typing import Protocol as Interface
from weakref import WeakValueDictionary

from twisted.logger import Logger

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.access import Abortable
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.key import AccessKey

#: Seconds between two calls of :meth:`KeyAccesses.sweep`: what has expired ends within
#: a second.
KEY_SWEEP_SECONDS = 0.5


@dataclass(slots=True, weakref_slot=True, eq=False)
class KeyAccess:
    """
    One key while it is in use; :class:`~cfos_cloud.gateway.access.Access` says what
    ``streams`` and ``ended`` promise.
    """

    #: Its row when it was found last.
    key: AccessKey
    #: What the device knows it by; never logged.
    grant: str = field(repr=False)
    streams: set[Abortable] = field(default_factory=set, repr=False)
    ended: bool = False

    @property
    def cloud_id(self) -> str | None:
        """Of its system, as the registry spells it; ``None``: of scope ``cloud``."""
        return self.key.cloud_id


@dataclass(slots=True, eq=False)
class SystemKeyAccess(KeyAccess):
    """That of a system's key: an :class:`~cfos_cloud.gateway.access.Access`."""

    for_people: ClassVar[bool] = False
    language: ClassVar[str | None] = None

    @property
    def cloud_id(self) -> str:
        """Of its system, as the registry spells it."""
        return self.key.scope


class Authority(Interface):
    """Who knows whether a token works; ``KeyAuthority`` does."""

    def check(self, token: bytes) -> AccessKey:
        """:raises KeyRefused: it does not."""

    def look(self, token: bytes) -> AccessKey:
        """:raises KeyRefused: it is of no key, in whatever state."""


class KeyDirectory(Interface):
    """The rows of the keys, in memory; the registry's ``Keys``."""

    def get(self, key_id: str) -> AccessKey | None: ...

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None: ...

    def used(self, key_id: str, client: str) -> None: ...


class KnownSystem(Interface):
    """What is asked of a key's system."""

    @property
    def enabled(self) -> bool:
        """Whether anybody may use it."""

    @property
    def end_to_end(self) -> bool:
        """Whether its TLS ends at its device, so that no key gets there from here."""


class SystemDirectory(Interface):
    """Where systems are looked up, in memory."""

    def get(self, cloud_id: str) -> KnownSystem | None: ...


class KeyChange(Interface):
    """What the registry tells of a key."""

    @property
    def key(self) -> AccessKey: ...


class KeyAccesses:
    """
    Finds keys by their tokens. All requests of a key share one access as long as one
    of them lasts, so what takes the key away reaches all of them, at once.

    :param now: tells aware times.
    """

    log = Logger()

    def __init__(
        self,
        authority: Authority,
        keys: KeyDirectory,
        systems: SystemDirectory,
        now: Callable[[], datetime],
    ) -> None:
        self._authority = authority
        self._keys = keys
        self._systems = systems
        self._now = now
        #: Every access that anybody holds, by the ID of its key: who waits for a
        #: device's last word has no stream, and must learn that the key has ended.
        self._held: WeakValueDictionary[str, KeyAccess] = WeakValueDictionary()
        #: Those that had streams at the last sweep, or were found since: what lives
        #: by an access may be all that knows it.
        self._in_use: dict[str, KeyAccess] = {}

    def __len__(self) -> int:
        """How many keys have something under way."""
        return sum(1 for access in list(self._held.values()) if access.streams)

    def find(self, token: bytes, client: str) -> KeyAccess:
        """
        The access of the key that ``token`` is, which counts as used from the address
        ``client``: a :class:`SystemKeyAccess` unless its scope is the cloud.

        :raises KeyRefused: it does not work, its system is disabled, or its TLS ends
            at the device.
        """
        key = self._authority.check(token)
        closed = self._why_closed(key)
        if closed is not None:
            raise KeyRefused(closed, key)
        self._keys.used(key.id, client)
        access = self._held.get(key.id)
        if access is None:
            kind = KeyAccess if key.cloud_id is None else SystemKeyAccess
            access = self._held[key.id] = kind(key, grant_of(token))
        access.key = key
        self._in_use[key.id] = access
        return access

    def knows(self, token: bytes) -> bool:
        """Whether it is the token of a key, in whatever state; this is no use of it."""
        try:
            self._authority.look(token)
        except KeyRefused:
            return False
        return True

    def key_changed(self, change: KeyChange) -> None:
        """A key is another in the registry: if it has ended there, it ends here."""
        access = self._held.get(change.key.id)
        if access is not None and not self._still_works(access, self._now()):
            self._end(access)

    def grant_revoked(self, cloud_id: str, grant: str) -> AccessKey | None:
        """
        A device has taken back ``grant``. If it is a key's, its access ends.

        :returns: this key, which is to be suspended; ``None``: it is none's.
        """
        key = self._keys.find_consent(cloud_id, consent_of(grant))
        if key is not None:
            access = self._held.get(key.id)
            if access is not None:
                self._end(access)
        return key

    def end_system(self, cloud_id: str) -> None:
        """
        The system was removed or disabled, or its TLS ends at its device: whatever its
        keys do ends.
        """
        folded = fold(cloud_id)
        for access in list(self._held.values()):
            if access.cloud_id is not None and fold(access.cloud_id) == folded:
                self._end(access)

    def sweep(self) -> None:
        """End what has expired."""
        now = self._now()
        for access in list(self._held.values()):
            if not self._still_works(access, now):
                self._end(access)
            elif access.streams:
                self._in_use[access.key.id] = access
            else:
                self._in_use.pop(access.key.id, None)

    def _still_works(self, access: KeyAccess, now: datetime) -> bool:
        key = self._keys.get(access.key.id)
        return key is not None and key.works(now) and not self._why_closed(key)

    def _why_closed(self, key: AccessKey) -> str | None:
        """Why no key of its system gets there; ``None``: they do."""
        if key.cloud_id is None:
            return None
        system = self._systems.get(key.cloud_id)
        if system is None or not system.enabled:
            return "its system is disabled"
        return "its system is end to end" if system.end_to_end else None

    def _end(self, access: KeyAccess) -> None:
        """Everything ends, even if one of them fails to."""
        access.ended = True
        self._held.pop(access.key.id, None)
        self._in_use.pop(access.key.id, None)
        streams = list(access.streams)
        access.streams.clear()
        for stream in streams:
            try:
                stream.abort()
            except Exception:
                self.log.failure("what lived by an access key did not end")
