"""
How a session gets from the cloud's own host, where somebody has logged in, to the host
of the device: by a code in the address, good once, for a short time, and there only.

Until then nobody has the session's token; what is never taken over ends.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cfos_cloud.gateway.sessions import Session
from cfos_cloud.hosts import DeviceHost

#: Seconds for which a code is good.
CODE_SECONDS = 30.0
#: Codes at a time; one more ends the oldest, with its session.
MAX_CODES = 10_000
_CODE_BYTES = 32


@dataclass(frozen=True)
class _Pending:
    session: Session
    path: bytes
    expires: float


class Handovers:
    """
    :param seconds: a clock that nobody sets.
    :param dropped: told of each session that nobody has taken over in time, or that
        somebody tried to take over on another host: it has to end.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        dropped: Callable[[Session], None],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._seconds = seconds
        self._dropped = dropped
        self._random = random
        #: The oldest first.
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        """How many codes there are, expired ones included until a sweep."""
        return len(self._pending)

    def issue(self, session: Session, device: DeviceHost, path: bytes) -> str:
        """
        A code by which ``session`` becomes the browser's at ``device``'s host, which
        is the only one where it is good from now on.

        :param path: where the browser goes then, with its query.
        """
        self.sweep()
        if len(self._pending) >= MAX_CODES:
            self._drop(next(iter(self._pending)))
        session.host = device
        code = base64.urlsafe_b64encode(self._random(_CODE_BYTES)).rstrip(b"=").decode()
        self._pending[code] = _Pending(session, path, self._seconds() + CODE_SECONDS)
        return code

    def take(self, code: str, device: DeviceHost) -> tuple[Session, bytes] | None:
        """
        The session of ``code`` and the path; ``None``: there is no such code, not any
        more, or not at this host. Whatever comes of it, the code was used.
        """
        self.sweep()
        pending = self._pending.get(code)
        if pending is None:
            return None
        if pending.session.host != device:
            # Somebody else has it: whoever that is, it is worth nothing now.
            self._drop(code)
            return None
        del self._pending[code]
        return None if pending.session.ended else (pending.session, pending.path)

    def sweep(self) -> None:
        """Drop what has expired; to be called every minute or so."""
        now = self._seconds()
        for code, pending in list(self._pending.items()):
            if pending.expires > now:
                break
            self._drop(code)

    def _drop(self, code: str) -> None:
        self._dropped(self._pending.pop(code).session)
