"""Where access keys come from."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cfos_cloud.keys import base64url, token
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.key import CLOUD, AccessKey, Role
from cfos_cloud.keys.signing import SigningKeys

_ID_BYTES = 16


@dataclass(frozen=True)
class Issued:
    """A new key: its token, which is shown once and kept nowhere, and its row."""

    token: str = field(repr=False)
    key: AccessKey


class KeyIssuer:
    """
    Makes keys under the current signing key. ``issuer`` is who this server is,
    ``now`` tells aware times, ``random`` so many bytes that nobody can guess.
    """

    def __init__(
        self,
        signing: SigningKeys,
        issuer: str,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._signing = signing
        self._issuer = issuer
        self._now = now
        self._random = random

    def issue(
        self,
        cloud_id: str | None,
        name: str,
        role: Role,
        expires: datetime | None,
        *,
        code: str | None = None,
        requested_from: str | None = None,
    ) -> Issued:
        """
        A new key, pending, for the system ``cloud_id`` (as the registry spells it) or
        the cloud; nothing of it works before its row is in the registry. ``name`` and
        ``expires`` (aware; the part of a second is cut off) are checked by the caller,
        see :mod:`cfos_cloud.keys.checks`. When it was made, the row knows to the
        microsecond, so that lists have an order: tokens tell whole seconds.

        A system may be called ``cloud`` like the operator's scope: whose a key is, its
        row says, and no token is good for two rows.
        """
        created = self._now().astimezone(UTC)
        if expires is not None:
            expires = expires.astimezone(UTC).replace(microsecond=0)
        signing = self._signing.current
        claims = token.Claims(
            kid=signing.kid,
            issuer=self._issuer,
            subject=CLOUD if cloud_id is None else cloud_id,
            role=role,
            id=self._new_id(),
            issued=created,
            expires=expires,
        )
        text = token.encode(claims, signing.private_key)
        key = AccessKey(
            id=claims.id,
            cloud_id=cloud_id,
            name=name,
            role=role,
            kid=signing.kid,
            consent=consent_of(grant_of(text.encode("ascii"))),
            created=created,
            expires=expires,
            code=code,
            requested_from=requested_from,
        )
        return Issued(text, key)

    def _new_id(self) -> str:
        """Never with a ``-`` in front, which a command line takes for an option."""
        new = base64url.encode(self._random(_ID_BYTES))
        return f"_{new[1:]}" if new.startswith("-") else new
