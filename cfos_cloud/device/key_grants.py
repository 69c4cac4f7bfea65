"""Access keys at work: the grants that they come with, and what lives by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consents import Consents
from cfos_cloud.device.grants import Grant, GrantSource
from cfos_cloud.keys.consent import consent_of
from cfos_cloud.tunnel.control import InvalidParams

#: Characters of a key's grant, the base64url of 32 bytes.
GRANT_LENGTH = 43


@dataclass(frozen=True)
class AnyGrant:
    """Several that know grants, as one."""

    sources: tuple[GrantSource, ...]

    def find(self, token: str) -> Grant | None:
        """The grant of this token while it lives."""
        for source in self.sources:
            grant = source.find(token)
            if grant is not None:
                return grant
        return None


class KeyGrants:
    """
    The grant of a key is a hash of its token, so it isn't kept but recognised: its own
    hash is the ``key`` of a consent. In memory it is while it has streams.

    :param on_revoked: called with a grant that the server should not use any more.
    """

    def __init__(
        self, consents: Consents, on_revoked: Callable[[Grant], object]
    ) -> None:
        self._consents = consents
        self._on_revoked = on_revoked
        self._live: dict[str, Grant] = {}

    def __len__(self) -> int:
        """How many keys are at work, or were a moment ago."""
        return len(self._live)

    def find(self, token: str) -> Grant | None:
        """The grant of this token while there is consent to its key."""
        if len(token) != GRANT_LENGTH or not token.isascii():
            return None
        key = consent_of(token)
        consent = self._consents.get(key)
        if consent is None:
            return None
        grant = self._live.get(key)
        if grant is None:
            grant = self._live[key] = Grant(
                token, consent.role.value, consent.name, math.inf, key=key
            )
        return grant

    def agrees_to(self, key: str) -> bool:
        """Whether there is consent to the key that ``key`` is the hash of."""
        return self._consents.get(key) is not None

    def admit(self, consent: Consent, admin: AdminPassword, mark: str) -> None:
        """
        Keep ``consent``, see :meth:`Consents.add`, and end what lives by an earlier one
        to the same key.

        :raises TooManyConsents: there is no room.
        :raises OSError: it can't be written, and does not count.
        """
        self._consents.add(consent, admin, mark)
        self._end([consent.key])

    def forget(self, keys: Iterable[str]) -> None:
        """The server's word that these keys are over."""
        keys = list(keys)
        self._consents.remove(keys)
        self._end(keys)

    def forget_named(self, params: Mapping[str, object]) -> None:
        """
        As the server says it: the keys are ``keys`` of ``params``.

        :raises InvalidParams: they are no list.
        """
        keys = params.get("keys")
        if not isinstance(keys, list):
            raise InvalidParams("keys must be a list of texts")
        self.forget(key for key in keys if isinstance(key, str))

    def drop_all(self) -> None:
        """They were given by a password that is no more; the server is told."""
        self._consents.clear()
        for grant in self._end(list(self._live)):
            self._on_revoked(grant)

    def sweep(self) -> None:
        """
        End what lives by an expired key (the server knows of that by itself), and
        forget which keys are not at work.
        """
        self._consents.flush()
        self._end([key for key in self._live if self._consents.get(key) is None])
        self._live = {key: grant for key, grant in self._live.items() if grant.streams}

    def _end(self, keys: Iterable[str]) -> list[Grant]:
        ended = [grant for key in keys if (grant := self._live.pop(key, None))]
        for grant in ended:
            grant.abort_streams()
        return ended
