"""Tokens whose signature was right: the same bytes under the same key are so again."""

from __future__ import annotations

from cfos_cloud.keys.signing import SigningKey, SigningKeys
from cfos_cloud.keys.token import Claims

#: Tokens; beyond, the one that was proven first has to be proven again.
MAX_PROVEN = 1_000


class ProvenTokens:
    """
    What tokens say, by their consents: two hashes of all their bytes, of which nobody
    can make the token. Only for tokens that were issued: those are few.

    The arithmetic of a signature takes most of a small request's time at the server,
    and comes out the same each time.
    """

    def __init__(self) -> None:
        self._proven: dict[str, tuple[SigningKey, Claims]] = {}

    def __len__(self) -> int:
        return len(self._proven)

    def put(self, consent: str, signing: SigningKeys, claims: Claims) -> None:
        """The token that says ``claims`` was verified by the key that it names."""
        key = signing.find(claims.kid)
        if key is None or consent in self._proven:
            return
        while len(self._proven) >= MAX_PROVEN:
            del self._proven[next(iter(self._proven))]
        self._proven[consent] = key, claims

    def get(self, consent: str, signing: SigningKeys) -> Claims | None:
        """``None``: it has to be verified, by a key that may be there no more."""
        proven = self._proven.get(consent)
        if proven is None:
            return None
        key, claims = proven
        if signing.find(claims.kid) is key:
            return claims
        del self._proven[consent]
        return None
