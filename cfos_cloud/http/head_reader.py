"""What reading requests and reading responses have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cfos_cloud.http.message import BadMessage, Field, RequestEvent, ResponseEvent

E = TypeVar("E", RequestEvent, ResponseEvent)


@dataclass(frozen=True)
class HeadLimits:
    """What a head may be at most; trailers count, too."""

    bytes: int = 64 * 1024
    fields: int = 200


DEFAULT_LIMITS = HeadLimits()


class HeadReader:
    """The callbacks that both kinds of message share."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._fields: list[Field] = []
        #: Bytes fed since something last came of them.
        self._fed = 0
        #: Something came of what is fed now: a head, some of a body, an end.
        self._moved = False
        #: A body came in parts that follow each other.
        self._split = False
        self._count = 0
        self._in_head = True
        self._bad: BadMessage | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        lower = name.lower()
        if not self._in_head:
            self._trailer(lower)
        elif lower == b"transfer-encoding":
            # With a tab at its end llhttp no longer knows it: neither do the rules.
            self._fields.append((lower, name, value.rstrip(b" ")))
        else:
            # llhttp has taken the blanks before the value, not those after it.
            self._fields.append((lower, name, value.rstrip(b" \t")))

    def _trailer(self, lower: bytes) -> None:
        """It ends here, whatever it says (RFC 9110 §6.5.1)."""

    def _head_is_large(self, start: bytes) -> bool:
        """
        Whether the head that is complete now exceeds the limits; ``start`` is what
        its first line has of any length.
        """
        if self._count > self._limits.fields:
            return True
        # Most heads come in one small piece: not worth counting.
        return self._fed > self._limits.bytes and self._limits.bytes < len(start) + sum(
            len(name) + len(value) + len(b": \r\n") for _, name, value in self._fields
        )

    def _check_size(self, status: int) -> None:
        """
        Refuse heads, trailers and chunk extensions that are too large; to be called
        after each feed of which nothing came.
        """
        if self._count > self._limits.fields:
            self._bad = BadMessage(status, "too many fields")
        elif self._fed > self._limits.bytes:
            self._bad = BadMessage(status, "head too large")


def joined(events: list[E]) -> list[E]:
    """The same, but for parts of a body that follow each other: they are one."""
    out: list[E] = []
    parts: list[bytes] = []
    for event in events:
        if type(event) is bytes:
            parts.append(event)
            continue
        if parts:
            out.append(b"".join(parts))
            parts.clear()
        out.append(event)
    if parts:
        out.append(b"".join(parts))
    return out
