"""Charging sessions: from the plug going in to the car leaving."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

#: Sessions that are kept; older ones are forgotten.
MAX_SESSIONS = 1000
EUR_PER_KWH = 0.32

CSV_COLUMNS = (
    "id",
    "wallbox",
    "user",
    "vehicle",
    "started",
    "ended",
    "energy_wh",
    "cost_eur",
)


def rfc3339(when: float) -> str:
    """A moment as our JSON has it, to the second."""
    text = datetime.fromtimestamp(int(when), UTC).isoformat()
    return text.replace("+00:00", "Z")


@dataclass(frozen=True)
class ChargingSession:
    """Times in seconds since the epoch; ``ended`` ``None``: the car is there."""

    id: int
    wallbox: str
    vehicle: str
    user: str | None
    started: float
    ended: float | None = None
    energy_wh: float = 0.0

    @property
    def cost_eur(self) -> float:
        return round(self.energy_wh / 1000 * EUR_PER_KWH, 2)

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "id": self.id,
            "wallbox": self.wallbox,
            "user": self.user,
            "vehicle": self.vehicle,
            "started": rfc3339(self.started),
            "ended": None if self.ended is None else rfc3339(self.ended),
            "energy_wh": round(self.energy_wh),
            "cost_eur": self.cost_eur,
        }


class SessionLog:
    """The present session of each wallbox, and the last 1,000 that have ended."""

    def __init__(self) -> None:
        self._running: dict[str, ChargingSession] = {}
        self._ended: deque[ChargingSession] = deque(maxlen=MAX_SESSIONS)
        self._next = 1

    def running(self, wallbox: str) -> ChargingSession | None:
        """The session at this wallbox."""
        return self._running.get(wallbox)

    def begin(self, wallbox: str, vehicle: str, user: str | None, now: float) -> None:
        """A car was plugged in."""
        self._running[wallbox] = ChargingSession(
            self._next, wallbox, vehicle, user, now
        )
        self._next += 1

    def add(self, wallbox: str, energy_wh: float) -> None:
        """It has charged so much more."""
        session = self._running.get(wallbox)
        if session is not None and energy_wh:
            self._running[wallbox] = replace(
                session, energy_wh=session.energy_wh + energy_wh
            )

    def identify(self, wallbox: str, user: str) -> bool:
        """Whose it is; whether there is a session at this wallbox."""
        session = self._running.get(wallbox)
        if session is None:
            return False
        self._running[wallbox] = replace(session, user=user)
        return True

    def end(self, wallbox: str, now: float) -> None:
        """The car has left."""
        session = self._running.pop(wallbox, None)
        if session is not None:
            self._ended.append(replace(session, ended=max(now, session.started)))

    def newest_first(self, wallboxes: Iterable[str]) -> list[ChargingSession]:
        """Those of these wallboxes; the ones that run come first."""
        wanted = frozenset(wallboxes)
        running = sorted(self._running.values(), key=lambda s: -s.id)
        everything = [*running, *reversed(self._ended)]
        return [session for session in everything if session.wallbox in wanted]

    def to_json(self) -> dict[str, object]:
        """All of it, for :meth:`restore`."""
        everything = [*self._ended, *self._running.values()]
        return {"next": self._next, "items": [asdict(each) for each in everything]}

    def restore(self, data: Mapping[str, object], now: float) -> None:
        """
        Go on from what :meth:`to_json` gave. What ran then has ended ``now``.

        :raises ValueError: it is broken.
        """
        items, number = data.get("items"), data.get("next")
        if not isinstance(items, list) or type(number) is not int:
            raise ValueError("no sessions")
        self._next = number
        self._running.clear()
        self._ended.clear()
        for item in items:
            session = _session_of(item)
            if session.ended is None:
                session = replace(session, ended=max(now, session.started))
            self._ended.append(session)


def write_csv(sessions: Iterable[ChargingSession]) -> str:
    """A line for each, after a line of names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS)
    writer.writeheader()
    for session in sessions:
        row = session.document()
        row["vehicle"] = _harmless(session.vehicle)
        row["user"] = _harmless(session.user or "")
        row["cost_eur"] = f"{session.cost_eur:.2f}"
        writer.writerow(row)
    return text.getvalue()


def _harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _session_of(item: object) -> ChargingSession:
    try:
        session = ChargingSession(**item)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"a session is broken: {error}") from error
    numbers = (session.started, session.energy_wh, session.ended or 0.0)
    texts = (session.wallbox, session.vehicle, session.user or "")
    if (
        type(session.id) is not int
        or not all(isinstance(number, int | float) for number in numbers)
        or not all(isinstance(text, str) for text in texts)
    ):
        raise ValueError("a session is broken")
    return session
