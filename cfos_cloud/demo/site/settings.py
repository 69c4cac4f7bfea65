"""What people have set at the site: a JSON document, checked as it is read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

T = TypeVar("T")

#: Watts that the limit of a site can be.
LEAST_LIMIT_W = 3_000
MOST_LIMIT_W = 100_000
MAX_NAME = 60
#: Of the document, in bytes; some hundreds of users fit in.
MAX_BYTES = 64 * 1024

_FORMAT = 1
_SERIAL_SYMBOLS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class InvalidSettings(ValueError):
    """A text that is no settings of ours; one line says why."""


@dataclass(frozen=True)
class CloudSettings:
    """``server`` is an origin or empty; ``password`` the one of the system."""

    enabled: bool = False
    server: str = ""
    cloud_id: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class WallboxSettings:
    name: str
    enabled: bool
    current_limit_a: float


_DEFAULT_WALLBOXES: Mapping[str, WallboxSettings] = {
    "E1": WallboxSettings("Garage", True, 16.0),
    "E2": WallboxSettings("Driveway", True, 32.0),
}


@dataclass(frozen=True)
class SiteSettings:
    """
    :param serial: of the simulated device; made up at the first start.
    :param firmware: the version of what was "installed" last, empty for the first.
    :param users: the wallbox of each user, ``None`` where a user has none yet.
    """

    serial: str
    name: str = "Charging site"
    limit_w: int = 14_000
    firmware: str = ""
    cloud: CloudSettings = CloudSettings()
    wallboxes: Mapping[str, WallboxSettings] = field(
        default_factory=lambda: _DEFAULT_WALLBOXES
    )
    users: Mapping[str, str | None] = field(default_factory=dict)

    def with_wallbox(self, id_: str, wallbox: WallboxSettings) -> SiteSettings:
        return replace(self, wallboxes={**self.wallboxes, id_: wallbox})

    def with_user(self, name: str, wallbox: str | None) -> SiteSettings:
        return replace(self, users={**self.users, name: wallbox})

    def without_user(self, name: str) -> SiteSettings:
        users = {known: box for known, box in self.users.items() if known != name}
        return replace(self, users=users)

    def user_of(self, wallbox: str) -> str | None:
        """Whose wallbox it is: the first user who has it."""
        owners = (name for name, box in self.users.items() if box == wallbox)
        return next(owners, None)


def new_serial(choice: Callable[[str], str] = secrets.choice) -> str:
    """A serial number in the vendor's manner: ``W00-1A2B``."""
    return "W00-" + "".join(choice(_SERIAL_SYMBOLS) for _ in range(4))


def to_text(settings: SiteSettings) -> str:
    """The document."""
    data = {
        "format": _FORMAT,
        "serial": settings.serial,
        "name": settings.name,
        "limit_w": settings.limit_w,
        "firmware": settings.firmware,
        "cloud": asdict(settings.cloud),
        "wallboxes": {id_: asdict(box) for id_, box in settings.wallboxes.items()},
        "users": dict(settings.users),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def from_text(text: str) -> SiteSettings:
    """
    The settings in the document. Unknown members are ignored.

    :raises InvalidSettings: something is missing, or is not what it should be.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSettings(f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidSettings("no JSON object")
    if data.get("format") != _FORMAT:
        raise InvalidSettings(
            f"format {data.get('format')!r}, this version reads format {_FORMAT}"
        )
    limit = _member(data, "limit_w", int)
    if not LEAST_LIMIT_W <= limit <= MOST_LIMIT_W:
        raise InvalidSettings("limit_w is out of range")
    users = _member(data, "users", dict)
    if not all(box is None or isinstance(box, str) for box in users.values()):
        raise InvalidSettings("users is broken")
    return SiteSettings(
        _member(data, "serial", str),
        _member(data, "name", str),
        limit,
        _member(data, "firmware", str),
        _cloud_of(_member(data, "cloud", dict)),
        _wallboxes_of(_member(data, "wallboxes", dict)),
        users,
    )


def _cloud_of(data: Mapping[str, object]) -> CloudSettings:
    return CloudSettings(
        _member(data, "enabled", bool),
        _member(data, "server", str),
        _member(data, "cloud_id", str),
        _member(data, "password", str),
    )


def _wallboxes_of(data: Mapping[str, object]) -> Mapping[str, WallboxSettings]:
    boxes = {}
    for id_, default in _DEFAULT_WALLBOXES.items():
        box = _member(data, id_, dict)
        current = float(_member(box, "current_limit_a", (int, float)))
        if not 0 < current <= default.current_limit_a:
            raise InvalidSettings(f"current_limit_a of {id_} is out of range")
        boxes[id_] = WallboxSettings(
            _member(box, "name", str), _member(box, "enabled", bool), current
        )
    return boxes


def _member(
    data: Mapping[str, object], name: str, kind: type[T] | tuple[type[T], ...]
) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InvalidSettings(f"{name} is missing or of the wrong kind")
    return value
