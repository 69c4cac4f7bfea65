"""What was made of the fields of a head, for the heads behind it that share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from cfos_cloud.http.known_fields import MAX_BYTES
from cfos_cloud.http.message import Field

G = TypeVar("G")


class SameFields(Generic[G]):
    """
    The last outcome alone, unless it is long. Heads that share one list of fields are
    the same, of requests but for method and target
    (:mod:`~cfos_cloud.http.known_fields`, :mod:`~cfos_cloud.http.known_response`);
    whatever else the outcome follows from has to be given.
    """

    __slots__ = ("_fields", "_given", "_made")

    def __init__(self) -> None:
        self._fields: list[Field] | None = None
        self._given: G | None = None
        self._made = b""

    def of(self, fields: list[Field], given: G, make: Callable[[], bytes]) -> bytes:
        """What ``make`` gives, or gave for these very fields and an equal ``given``."""
        if fields is self._fields and given == self._given:
            return self._made
        made = make()
        if len(made) <= MAX_BYTES:
            self._fields, self._given, self._made = fields, given, made
        return made
