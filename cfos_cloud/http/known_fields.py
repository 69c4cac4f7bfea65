"""
The fields of a request, known from the one before it on the same connection.

Most requests of a page differ from the one before in their first line alone. To see
that the rest is the same, byte for byte, costs a fraction of reading it anew.
"""

from __future__ import annotations

import re

from cfos_cloud.http.message import RequestHead

#: Of what is longer nothing is kept.
MAX_BYTES = 4096
_METHODS = frozenset({b"GET", b"HEAD"})
#: No line that the rules, or llhttp, would refuse; not all that they take.
_LINE = re.compile(rb"(GET|HEAD) (/[\x21\x22\x24-\x7e]*) HTTP/1\.1")


class KnownFields:
    """
    What follows from fields alone, as long as there is no body: everything in a head
    but method and target.
    """

    __slots__ = ("_block", "_head")

    def __init__(self) -> None:
        #: From the end of the first line on.
        self._block = b""
        self._head: RequestHead | None = None

    def forget(self) -> None:
        """What comes next may mean something else."""
        self._head = None

    def learn(self, data: bytes, head: RequestHead) -> None:
        """``data`` was ``head``, all of it and nothing else, and no more to come."""
        if (
            len(data) <= MAX_BYTES
            and head.method in _METHODS
            and head.is_11
            and head.keep_alive
            and head.length == 0
            and head.upgrade is None
        ):
            self._block = data[data.index(b"\r\n") :]
            self._head = head

    def head(self, data: bytes) -> RequestHead | None:
        """
        The head that ``data`` is, all of it and nothing else, if its fields are those
        that were learnt last; it has the very same list of them.
        """
        known = self._head
        block = self._block
        if known is None or not data.endswith(block):
            return None
        line = _LINE.fullmatch(data, 0, len(data) - len(block))
        return None if line is None else RequestHead(line[1], line[2], *known[2:])
