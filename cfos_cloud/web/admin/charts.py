"""A week of a system in two pictures: paths of SVG, without a word about colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cfos_cloud.web.wording import read_time

#: Days in a picture, the present one included.
DAYS = 7
#: Units of the pictures; how large one is is the page's affair.
WIDTH = DAYS * 24 * 6
TIMELINE_HEIGHT = 24
TRAFFIC_HEIGHT = 120
#: What lasted for a moment is to be seen, too.
_LEAST = 2.0
_GAP = 1.0


@dataclass(frozen=True)
class Chart:
    """
    Paths by what they show. ``top``: bytes of the highest bar, 0 where there is
    none.
    """

    width: int
    height: int
    paths: Mapping[str, str]
    days: tuple[datetime, ...]
    top: int = 0


def first_day(now: datetime) -> datetime:
    """Where the pictures begin: midnight in UTC, six days ago."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=DAYS - 1)


def timeline(connections: Iterable[Mapping[str, Any]], now: datetime) -> Chart:
    """When it was online; ``connections`` are those of the API's history."""
    first = first_day(now)
    bars = "".join(
        _bar(left, 0, max(right - left, _LEAST), TIMELINE_HEIGHT)
        for left, right in _spans(connections, first, now)
    )
    return Chart(WIDTH, TIMELINE_HEIGHT, {"online": bars}, _days(first))


def traffic(hours: Iterable[Mapping[str, Any]], now: datetime) -> Chart:
    """Bytes of each hour, from the device below those to it."""
    first = first_day(now)
    known = [
        (_x(read_time(each["hour"]), first), each["bytes_in"], each["bytes_out"])
        for each in hours
    ]
    known = [each for each in known if 0 <= each[0] < WIDTH]
    top = max((inward + outward for _, inward, outward in known), default=0)
    received, sent = [], []
    for x, inward, outward in known if top else ():
        base = inward / top * TRAFFIC_HEIGHT
        high = outward / top * TRAFFIC_HEIGHT
        wide = WIDTH / DAYS / 24 - _GAP
        received.append(_bar(x, TRAFFIC_HEIGHT - base, wide, base))
        sent.append(_bar(x, TRAFFIC_HEIGHT - base - high, wide, high))
    paths = {"received": "".join(received), "sent": "".join(sent)}
    return Chart(WIDTH, TRAFFIC_HEIGHT, paths, _days(first), top)


def online_share(
    connections: Iterable[Mapping[str, Any]], now: datetime, created: datetime
) -> int:
    """Hundredths of the time that it was online: in the picture, since ``created``."""
    first = first_day(now)
    begin = max(0.0, _x(created, first))
    online, until = 0.0, begin
    for left, right in sorted(_spans(connections, first, now)):
        online += max(0.0, right - max(left, until))
        until = max(until, right)
    return min(100, round(100 * online / max(_x(now, first) - begin, 1e-9)))


def _spans(
    connections: Iterable[Mapping[str, Any]], first: datetime, now: datetime
) -> Iterator[tuple[float, float]]:
    for each in connections:
        left = max(0.0, _x(read_time(each["started"]), first))
        end = now if each["ended"] is None else read_time(each["ended"])
        right = min(_x(end, first), float(WIDTH))
        if right >= left:
            yield left, right


def _x(time: datetime, first: datetime) -> float:
    return (time - first) / timedelta(days=DAYS) * WIDTH


def _bar(x: float, y: float, width: float, height: float) -> str:
    if height <= 0:
        return ""
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


def _days(first: datetime) -> tuple[datetime, ...]:
    return tuple(first + timedelta(days=number) for number in range(DAYS))
