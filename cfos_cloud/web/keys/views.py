"""What the page of access keys shows, asked of the API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from twisted.web.iweb import IRequest

from cfos_cloud.cursor import MAX_PAGE
from cfos_cloud.registry_errors import DatabaseError
from cfos_cloud.web import wording
from cfos_cloud.web.call import Json, ask
from cfos_cloud.web.key_wording import first_day, is_ending, last_day, sort_keys
from cfos_cloud.web.keys.parts import KeysParts

Values = Mapping[str, object]

#: Log-ins that are shown unfolded.
LOGINS = 5


async def overview(parts: KeysParts, request: IRequest, cloud_id: str) -> Values:
    """Keys, requests of applications, sessions, and the last log-ins."""
    now = parts.now()
    keys = await ask(
        parts.api.list_keys,
        request,
        query={"limit": str(MAX_PAGE)},
        cloud_id=cloud_id,
    )
    pairing = await ask(parts.api.show_pairing, request, cloud_id=cloud_id)
    sessions = await ask(parts.api.list_sessions, request, cloud_id=cloud_id)
    until = pairing["until"]
    return {
        "keys": sort_keys(keys["items"]),
        "pairing": pairing,
        "left": wording.until(until, now),
        "sessions": sessions["items"],
        "logins": await _logins(parts, request, cloud_id),
        "shown_logins": LOGINS,
        "server": parts.address.url(request),
    }


async def one_key(
    parts: KeysParts, request: IRequest, cloud_id: str, key_id: str
) -> Json | None:
    """The key with this ID; ``None``: there is none."""
    keys = await ask(
        parts.api.list_keys,
        request,
        query={"limit": str(MAX_PAGE)},
        cloud_id=cloud_id,
    )
    return next((key for key in keys["items"] if key["id"] == key_id), None)


def formats(parts: KeysParts, language: str) -> Values:
    """Functions for templates, in the reader's language."""
    now = parts.now()
    return {
        "when": partial(wording.when, language=language),
        "seconds_since": partial(wording.since, now=now),
        "lasted": partial(wording.lasted, end=now.isoformat(), language=language),
        "link": wording.link,
        "ends_soon": partial(is_ending, now=now),
        "days": (first_day(now), last_day(now)),
    }


async def _logins(
    parts: KeysParts, request: IRequest, cloud_id: str
) -> list[Json] | None:
    """``None``: they can't be read now, which keeps nobody from the rest."""
    try:
        found = await ask(parts.api.list_logins, request, cloud_id=cloud_id)
    except DatabaseError:
        return None
    return list(found["items"])
