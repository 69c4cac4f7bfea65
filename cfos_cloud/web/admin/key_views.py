"""What the view "Access keys" shows: the operator's keys, and what signs them all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from twisted.web.iweb import IRequest

from cfos_cloud.cursor import MAX_PAGE
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.api.query import read_text
from cfos_cloud.web.call import ask
from cfos_cloud.web.key_wording import first_day, is_ending, last_day, sort_keys

Values = Mapping[str, object]


async def keys(parts: AdminParts, request: IRequest) -> Values:
    """All keys of scope ``cloud``, by whether they live, and the signing keys."""
    now = parts.now()
    query = {"limit": str(MAX_PAGE)}
    found = (await ask(parts.keys.list_all, request, query=query))["items"]
    return {
        "keys": sort_keys(found),
        "signing": (await ask(parts.keys.list_signing, request))["items"],
        "asks": read_text(request, "ask"),
        "asked": read_text(request, "key"),
        "ends_soon": partial(is_ending, now=now),
        "days": (first_day(now), last_day(now)),
    }
