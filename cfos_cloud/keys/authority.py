"""Whether a token is good: its signature, what it says, and the row behind it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Protocol as Interface

from cryptography.hazmat.primitives.asymmetric import ec

from cfos_cloud.keys import token as tokens
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.jws import BadToken
from cfos_cloud.keys.key import AccessKey, KeyState
from cfos_cloud.keys.proven import ProvenTokens
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.keys.token import Claims


class KeyDirectory(Interface):
    """The rows behind the keys."""

    def get(self, key_id: str) -> AccessKey | None:
        """The one whose ``jti`` this is, in whatever state."""


class KeyRefused(Exception):
    """A token isn't let through; why is for the log, never for who presented it."""

    def __init__(self, reason: str, key: AccessKey | None = None) -> None:
        super().__init__(reason)
        #: One line, without a word of the token.
        self.reason = reason
        #: Whose token it is beyond doubt, where only the row's state is against it.
        self.key = key


class KeyAuthority:
    """
    Looks at a token anew on every request: signature, claims, row. Of the signature of
    a token that was issued the result is remembered, as long as its signing key is
    there; of the claims and the row nothing is.
    """

    def __init__(
        self,
        signing: SigningKeys,
        issuer: str,
        keys: KeyDirectory,
        now: Callable[[], datetime],
    ) -> None:
        self._signing = signing
        self._issuer = issuer
        self._keys = keys
        self._now = now
        self._proven = ProvenTokens()

    def look(self, token: bytes) -> AccessKey:
        """
        The row of the key that ``token`` is, whatever its state.

        :raises KeyRefused: it is nobody's: any doubt of signature or claims, no row,
            or the row says otherwise.
        """
        return self._look(token)[0]

    def check(self, token: bytes) -> AccessKey:
        """
        The row of the key that ``token`` is, and that works now.

        :raises KeyRefused: as :meth:`look`, or it is pending, expired or revoked.
        """
        key, claims = self._look(token)
        now = self._now()
        state = key.state(now)
        if state is KeyState.AUTHORISED and _is_over(claims, now):
            state = KeyState.EXPIRED
        if state is not KeyState.AUTHORISED:
            raise KeyRefused(state.value, key)
        return key

    def _look(self, token: bytes) -> tuple[AccessKey, Claims]:
        # Whatever its size: a head has 64 KiB at most.
        consent = consent_of(grant_of(token))
        try:
            claims = self._proven.get(consent, self._signing)
            if claims is None:
                claims = tokens.decode(token, self._public_key)
            if claims.issuer != self._issuer:
                raise BadToken("claims: another server's")
        except BadToken as error:
            raise KeyRefused(str(error)) from error
        key = self._keys.get(claims.id)
        if key is None:
            raise KeyRefused("no such key")
        # Of one signature whoever has it can make a second that is as good: only the
        # one that was issued has the consent of the row.
        if not hmac.compare_digest(key.consent.encode(), consent.encode()):
            raise KeyRefused("not the token that was issued")
        said = (claims.kid, claims.subject, claims.role)
        if said != (key.kid, key.scope, key.role):
            raise KeyRefused("says otherwise than its row")
        self._proven.put(consent, self._signing, claims)
        return key, claims

    def _public_key(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        signing = self._signing.find(kid)
        return None if signing is None else signing.public_key


def _is_over(claims: Claims, now: datetime) -> bool:
    return claims.expires is not None and claims.expires <= now
