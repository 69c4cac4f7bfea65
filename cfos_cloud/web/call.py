"""What our pages ask of the API, without a way through HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any, cast

from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from cfos_cloud.web.answers import client_address, cookies, device_of, is_secure
from cfos_cloud.web.api.routes import Answer, Handler

#: Values of a query; a list is a parameter that comes several times.
Query = Mapping[str, str | list[str]]
Json = dict[str, Any]


class _Call:
    """
    As much of a request as the handlers of the API look at. They have the client and
    the session of the page's request, and nothing that its form or address says.
    """

    method = b"POST"

    def __init__(self, outer: IRequest, body: bytes, query: Query) -> None:
        self.content = BytesIO(body)
        self.client_address = client_address(outer)
        self.secure = is_secure(outer)
        self.device = device_of(outer)
        self.caller = getattr(outer, "caller", None)
        self.requestHeaders = Headers({b"cookie": [cookies(outer)]})
        self.args = {
            name.encode(): [
                each.encode() for each in ([value] if isinstance(value, str) else value)
            ]
            for name, value in query.items()
        }


async def ask(
    handler: Handler,
    request: IRequest,
    body: Json | str | None = None,
    *,
    query: Query | None = None,
    **path: str,
) -> Json:
    """
    What ``handler`` answers to who sent ``request``. Whether they may ask is the
    caller's to know. What the API would answer by a problem is raised.

    :param body: an object for JSON, or a text as it is.
    """
    data = body.encode() if isinstance(body, str) else b""
    if isinstance(body, dict):
        data = json.dumps(body).encode()
    call = cast(IRequest, _Call(request, data, query or {}))
    answer = await handler(call, **path)
    found = answer.body if isinstance(answer, Answer) else None
    return cast(Json, found) if isinstance(found, dict) else {}
