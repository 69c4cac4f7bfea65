"""What each view of the operator's page shows, asked of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from twisted.web.iweb import IRequest

from cfos_cloud.events import EventKind
from cfos_cloud.registry.search import Order
from cfos_cloud.web import wording
from cfos_cloud.web.admin import charts, key_views
from cfos_cloud.web.admin.access import qr_code
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.api.query import read_text
from cfos_cloud.web.call import Json, ask
from cfos_cloud.web.notes import Note
from cfos_cloud.web.wording import link

#: Systems, and events, of a page.
PAGE = 50
#: Connections of which a picture is made.
MOST_CONNECTIONS = 500
#: … and of the table beneath it.
TABLE_CONNECTIONS = 50

Values = Mapping[str, object]
_STATES: Mapping[str, Mapping[str, str]] = {
    "online": {"online": "true"},
    "offline": {"online": "false"},
    "disabled": {"enabled": "false"},
}


def formats(language: str, now: datetime) -> Values:
    """Functions for templates, in the reader's language."""
    functions = ("amount", "count", "when", "lasted", "day", "span")
    return {
        **{
            name: partial(getattr(wording, name), language=language)
            for name in functions
        },
        "link": link,
        "seconds_since": partial(wording.since, now=now),
    }


async def systems(parts: AdminParts, request: IRequest) -> Values:
    """The list, its search, and the form for a new one."""
    text, order = read_text(request, "q"), read_text(request, "sort")
    state, cursor = read_text(request, "state"), read_text(request, "cursor")
    order = order if order in {each.value for each in Order} else Order.CLOUD_ID.value
    state = state if state in _STATES else ""
    asked = {"q": text, "sort": order, **_STATES.get(state, {})}
    found = await ask(
        parts.systems.list_all,
        request,
        query={**asked, "limit": str(PAGE), "cursor": cursor},
    )
    status = await ask(parts.status.show, request)
    own = {"q": text, "sort": order, "state": state}
    return {
        "found": found,
        "status": status,
        "search": own,
        "is_searched": bool(text or state),
        "first": link(**own) if cursor else None,
        "next": link(**own, cursor=found["next"]) if found["next"] else None,
        "export": "/cloud/api/v1/systems.csv" + link(**asked),
    }


async def system(parts: AdminParts, request: IRequest, cloud_id: str) -> Values:
    """
    One system, its connections and its traffic.

    :raises UnknownSystem: there is none.
    """
    now = parts.now()
    shown = await ask(parts.systems.show, request, cloud_id=cloud_id)
    since = charts.first_day(now).isoformat()
    history = await ask(
        parts.history.show,
        request,
        query={"limit": str(MOST_CONNECTIONS), "since": since},
        cloud_id=cloud_id,
    )
    connections, hours = history["items"], history["traffic"]
    return {
        "system": shown,
        "asks": read_text(request, "ask"),
        "now": now.isoformat(),
        "timeline": charts.timeline(connections, now),
        "traffic": charts.traffic(hours, now),
        "share": charts.online_share(
            connections, now, wording.read_time(shown["created"])
        ),
        "connections": connections[:TABLE_CONNECTIONS],
        "more_connections": max(0, len(connections) - TABLE_CONNECTIONS),
        "hours": [each for each in reversed(hours) if _moved(each)],
    }


async def events(parts: AdminParts, request: IRequest) -> Values:
    """What happened, the newest first."""
    kind, about = read_text(request, "kind"), read_text(request, "about").strip()
    cursor = read_text(request, "cursor")
    kinds = [each.value for each in EventKind]
    kind = kind if kind in kinds else ""
    found = await ask(
        parts.events.list_all,
        request,
        query={
            "kind": kind,
            "cloud_id": about,
            "limit": str(PAGE),
            "cursor": cursor,
        },
    )
    own = {"page": "events", "kind": kind, "about": about}
    return {
        "found": found,
        "kinds": kinds,
        "search": own,
        "is_searched": bool(kind or about),
        "first": link(**own) if cursor else None,
        "next": link(**own, cursor=found["next"]) if found["next"] else None,
    }


async def certificate(parts: AdminParts, request: IRequest) -> Values:
    """What the server shows, to everybody or by name."""
    listed = await ask(parts.certificate.list_all, request)
    return {
        "certificate": await ask(parts.certificate.show, request),
        "certificates": listed["items"],
        "asks": read_text(request, "ask"),
        "asked": read_text(request, "key"),
    }


async def settings(parts: AdminParts, request: IRequest) -> Values:
    """What can be set while the server runs."""
    return {
        "settings": await ask(parts.settings.show, request),
        "loglevel": (await ask(parts.loglevel.show, request))["loglevel"],
        "password_fixed": parts.password_fixed(),
    }


async def imports(parts: AdminParts, request: IRequest) -> Values:
    """A table of new systems."""
    return {}


VIEWS = {
    "": systems,
    "events": events,
    "keys": key_views.keys,
    "certificate": certificate,
    "settings": settings,
    "import": imports,
}


def note_values(note: Note | None) -> Values:
    """What a note brings along, with a QR code where there is a password in it."""
    if note is None:
        return {"note": None, "noted": {}, "qr": None}
    noted: dict[str, Any] = dict(note.values)
    code = None
    if noted.get("password"):
        code = qr_code(noted["server"], noted["cloud_id"], noted["password"])
    return {"note": note.said, "noted": noted, "qr": code}


def _moved(hour: Json) -> bool:
    return bool(hour["bytes_in"] or hour["bytes_out"])
