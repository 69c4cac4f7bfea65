"""What was made of the fields of a head, for the heads behind it that share them."""

from __future__ import annotations

from typing import Generic, TypeVar

from cfos_cloud.http.message import Field

G = TypeVar("G")


class SameFields(Generic[G]):
    """
    The last outcome alone. Heads that share one list of fields differ in method and
    target at most (:class:`~cfos_cloud.http.known_fields.KnownFields`); whatever else
    the outcome follows from has to be given.
    """

    __slots__ = ("_fields", "_given", "_made")

    def __init__(self) -> None:
        self._fields: list[Field] | None = None
        self._given: G | None = None
        self._made = b""

    def made(self, fields: list[Field], given: G) -> bytes | None:
        """What was kept, if of these fields, and the same ``given``."""
        return self._made if fields is self._fields and given == self._given else None

    def keep(self, fields: list[Field], given: G, made: bytes) -> None:
        """In place of what was kept before."""
        self._fields, self._given, self._made = fields, given, made
