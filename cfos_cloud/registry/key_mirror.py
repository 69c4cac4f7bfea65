"""All access keys in memory: by ID, by scope and by what their devices know."""

from __future__ import annotations

from collections.abc import Iterator

from cfos_cloud.cloud_id import fold
from cfos_cloud.keys.key import AccessKey

#: A folded Cloud ID; ``None``: the scope ``cloud``.
_Scope = str | None


class KeyMirror:
    def __init__(self) -> None:
        self._keys: dict[str, AccessKey] = {}
        self._scopes: dict[_Scope, set[str]] = {}
        self._consents: dict[tuple[_Scope, str], str] = {}

    def __iter__(self) -> Iterator[AccessKey]:
        return iter(tuple(self._keys.values()))

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> AccessKey | None:
        return self._keys.get(key_id)

    def of(self, cloud_id: str | None) -> list[AccessKey]:
        """The newest first."""
        found = [self._keys[each] for each in self._scopes.get(_scope(cloud_id), ())]
        return sorted(found, key=lambda key: (key.created, key.id), reverse=True)

    def find_consent(self, cloud_id: str, consent: str) -> AccessKey | None:
        key_id = self._consents.get((_scope(cloud_id), consent))
        return None if key_id is None else self._keys[key_id]

    def put(self, key: AccessKey) -> None:
        """Add the key, or replace the one of this ID, of the same scope."""
        scope = _scope(key.cloud_id)
        self._keys[key.id] = key
        self._scopes.setdefault(scope, set()).add(key.id)
        self._consents[scope, key.consent] = key.id

    def drop(self, key_id: str) -> None:
        """
        :raises KeyError: it is not there.
        """
        key = self._keys.pop(key_id)
        scope = _scope(key.cloud_id)
        del self._consents[scope, key.consent]
        siblings = self._scopes[scope]
        siblings.discard(key_id)
        if not siblings:
            del self._scopes[scope]


def _scope(cloud_id: str | None) -> _Scope:
    return None if cloud_id is None else fold(cloud_id)
