"""What listeners are told of an access key."""

from __future__ import annotations

from dataclasses import dataclass

from cfos_cloud.keys.key import AccessKey
from cfos_cloud.registry.system import ChangeKind


@dataclass(frozen=True)
class KeyChange:
    """``key`` after the change (when removed: as it was), ``before`` it."""

    kind: ChangeKind
    key: AccessKey
    before: AccessKey | None
