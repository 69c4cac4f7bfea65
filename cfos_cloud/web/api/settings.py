"""``settings`` of the operator API: what its operator can set while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from twisted.web.iweb import IRequest

from cfos_cloud.registry import PreferenceStore, SiteInfoFixed, SiteSettings
from cfos_cloud.registry.preferences import NAMES, RANGES, InvalidPreference
from cfos_cloud.registry.site_settings import MEMBERS
from cfos_cloud.site_info import (
    MAX_LINK,
    MAX_NAME,
    InvalidSiteInfo,
    check_link,
    check_name,
)
from cfos_cloud.web.api.operation import (
    STRING,
    Operation,
    Schema,
    Shape,
    as_json,
    optional_members,
)
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import integer, read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.problem import InvalidInput

_CHECKS: Mapping[str, Callable[[str], str]] = {
    "operator_name": check_name,
    "imprint_url": check_link,
    "privacy_url": check_link,
}
_DESCRIPTIONS = {
    "operator_name": "who operates the server, as its pages say",
    "imprint_url": "link to the operator's imprint",
    "privacy_url": "link to the operator's privacy notice",
    "retention_days": "days that events and the history of connections are kept",
    "session_idle_minutes": "minutes after its last request that a session ends",
    "session_absolute_hours": "hours after its log-in that a session ends",
}


def _schema(name: str) -> Schema:
    described = {"description": _DESCRIPTIONS[name]}
    if name in RANGES:
        low, high = RANGES[name]
        return {"type": "integer", "minimum": low, "maximum": high, **described}
    is_link = _CHECKS[name] is check_link
    return {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": MAX_LINK if is_link else MAX_NAME,
        "format": "web-link" if is_link else "operator-name",
        **described,
    }


_MEMBERS = {name: _schema(name) for name in (*MEMBERS, *NAMES)}
SETTINGS = Shape(
    "Settings",
    {
        "type": "object",
        "required": [*_MEMBERS, "fixed"],
        "properties": {
            **_MEMBERS,
            "fixed": {
                "type": "array",
                "items": STRING,
                "description": "what options of the command line say, not to change",
            },
        },
    },
)
SETTINGS_PATCH = Shape("SettingsPatch", optional_members(**_MEMBERS))


class SettingsResource:
    """What an option of the command line says can't be changed here."""

    def __init__(self, site: SiteSettings, preferences: PreferenceStore) -> None:
        self._site = site
        self._preferences = preferences

    @route(
        "/settings",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("The settings", {200: as_json(SETTINGS)}),
    )
    async def show(self, request: IRequest) -> Answer:
        return self._answer()

    @route(
        "/settings",
        method="PATCH",
        needs=Needs.OPERATOR,
        about=Operation(
            "Change what is named",
            {200: as_json(SETTINGS)},
            description="`null` takes away a name or link.",
            body=as_json(SETTINGS_PATCH),
            problems={409: "An option of the command line says what it is."},
        ),
    )
    async def change(self, request: IRequest) -> Answer:
        data = read_object(request)
        wanted, numbers = _site_info(data), _numbers(data)
        for name in self._site.fixed & set(wanted):
            if wanted[name] != getattr(self._site.current(), name):
                raise SiteInfoFixed(name)
        site = replace(self._site.stored, **wanted)
        who = operator_of(request)
        await self._site.change(site, who)
        if numbers:
            await self._preferences.change(numbers, who)
        return self._answer()

    def _answer(self) -> Answer:
        body = {
            **asdict(self._site.current()),
            **asdict(self._preferences.current),
            "fixed": sorted(self._site.fixed),
        }
        return Answer(200, body)


def _site_info(data: Mapping[str, object]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, check in _CHECKS.items():
        value = data.get(name)
        if name not in data:
            continue
        if value is None:
            found[name] = None
        elif isinstance(value, str):
            try:
                found[name] = check(value)
            except InvalidSiteInfo as error:
                raise InvalidInput(name, str(error)) from error
        else:
            raise InvalidInput(name, "a string is needed, or null")
    return found


def _numbers(data: Mapping[str, object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in NAMES:
        if name in data:
            value = integer(data[name])
            low, high = RANGES[name]
            if value is None or not low <= value <= high:
                raise InvalidInput(name, str(InvalidPreference(name)))
            found[name] = value
    return found
