"""What is kept of access keys, as the API sees it: by the registry, or a device end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol as Interface

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.keys.key import AccessKey


class KeyRows(Interface):
    """
    A change is durable before it is answered. What else can be wrong with one is
    raised, as :data:`~cfos_cloud.web.key_problems.KEY_PROBLEMS` has it.
    """

    def get(self, key_id: str) -> AccessKey | None:
        """The key, whatever its state."""

    def of(self, cloud_id: str | None) -> list[AccessKey]:
        """All keys of a system, or of scope ``cloud``; the newest first."""

    def add(self, new: AccessKey, by: Origin, kind: EventKind) -> Awaitable[AccessKey]:
        """:raises TooManyKeys: there are as many as there may be."""

    def authorise(self, key_id: str, by: Origin) -> Awaitable[AccessKey]:
        """
        From now on it works.

        :raises UnknownKey: there is none such.
        :raises KeyEnded: it is revoked, or has expired.
        """

    def revoke(self, key_id: str, by: Origin) -> Awaitable[AccessKey]:
        """
        It never works again.

        :raises UnknownKey: there is none such.
        """
