"""``/cloud/session``: how the device stands that one is logged in to."""

from __future__ import annotations

import json
import typing
from datetime import datetime

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.gateway.error_pages import ErrorKind, ErrorPages
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.safe_fields import COMMON_FIELDS
from cfos_cloud.timestamps import rfc3339
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.answers import answer, answer_error, answer_routing_error
from cfos_cloud.web.visitor import Visitor


class Systems(typing.Protocol):
    """Where systems are looked up, in memory."""

    def get(self, cloud_id: str) -> SystemNote | None: ...


class SystemNote(typing.Protocol):
    @property
    def name(self) -> str: ...

    @property
    def last_seen(self) -> datetime | None: ...


class Presences(typing.Protocol):
    """Who knows which systems are online; the exchange does."""

    def presence(self, cloud_id: str) -> Presence: ...


class SessionState:
    """
    ``GET /cloud/session`` by whoever holds a session: ``{"system": NAME, "online":
    bool, "since": TIME}``, ``since`` being since when it is so, or ``null`` where
    that isn't known. Anybody else: 401. Our own page of an offline device asks this.
    """

    app = Klein()

    def __init__(
        self,
        sessions: SessionTable,
        systems: Systems,
        presences: Presences,
        pages: Pages,
    ) -> None:
        self._sessions = sessions
        self._systems = systems
        self._presences = presences
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The route is the whole path."""
        return self.app.resource()

    @app.route("/cloud/session", methods=["GET"])
    def show(self, request: IRequest) -> bytes:
        session = Visitor.of(request, self._sessions).session
        if session is None:
            return answer_error(request, self._errors, ErrorKind.UNAUTHORISED)
        system = self._systems.get(session.cloud_id)
        presence = self._presences.presence(session.cloud_id)
        since = presence.since
        if not presence.online:
            since = None if system is None else system.last_seen
        state = {
            "system": (system.name if system is not None else "") or session.cloud_id,
            "online": presence.online,
            "since": None if since is None else rfc3339(since),
        }
        fields = (
            (b"Content-Type", b"application/json"),
            *COMMON_FIELDS,
            (b"Cache-Control", b"no-store"),
        )
        return answer(request, 200, fields, json.dumps(state).encode("ascii"))

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)
