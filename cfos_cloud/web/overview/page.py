"""
``/cloud/``: all devices of a site that somebody may see, and the way to each.

Where devices have hosts of their own. Where all have one, it shows the main device,
and says what it takes to open the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from klein import Klein
from klein.resource import KleinResource
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.error_pages import ErrorKind, ErrorPages
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.pages import HTML, PAGE_FIELDS, Pages, moment
from cfos_cloud.timestamps import rfc3339
from cfos_cloud.web.answers import (
    answer,
    answer_error,
    answer_routing_error,
    field,
    is_document,
    redirect,
)
from cfos_cloud.web.overview.devices import ShownDevice, shown_devices
from cfos_cloud.web.overview.parts import OverviewParts
from cfos_cloud.web.visitor import Visitor, refusal


def is_overview(path: Sequence[bytes]) -> bool:
    """Whether a path, in parts, is one of these pages."""
    return path[:1] == [b"cloud"] and (path[1:] == [b""] or path[1:2] == [b"open"])


class _CrossSite(Exception):
    """Another site asks, or a script."""


class OverviewPages:
    """``GET /cloud/``, and ``GET /cloud/open/<name>`` (none: the main device)."""

    app = Klein()
    log = Logger()

    def __init__(self, parts: OverviewParts, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/cloud/", methods=["GET"])
    def show(self, request: IRequest) -> bytes:
        visitor = Visitor.of(request, self._parts.sessions)
        try:
            session = self._session(request, visitor)
            if session is None:
                return redirect(request, visitor.way_out)
            return self._show(request, visitor, session)
        except Exception as error:
            return self._failed(request, error)

    @app.route("/cloud/open/", methods=["GET"])
    def open_main(self, request: IRequest) -> bytes:
        return self._open(request, None)

    @app.route("/cloud/open/<name>", methods=["GET"])
    def open_further(self, request: IRequest, name: str) -> bytes:
        return self._open(request, name)

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)

    def _session(self, request: IRequest, visitor: Visitor) -> Session | None:
        """:raises _CrossSite: it is not for a window of the visitor's."""
        if not is_document(request):
            raise _CrossSite
        if visitor.session is not None and refusal(request, visitor) is not None:
            raise _CrossSite
        return visitor.session

    def _failed(self, request: IRequest, error: Exception) -> bytes:
        if isinstance(error, _CrossSite):
            return answer_error(request, self._errors, ErrorKind.CROSS_SITE)
        self.log.failure("the page of devices of a site failed", Failure(error))
        return answer_error(request, self._errors, ErrorKind.INTERNAL)

    def _show(self, request: IRequest, visitor: Visitor, session: Session) -> bytes:
        parts = self._parts
        language = session.language or visitor.language
        system = parts.systems.get(session.cloud_id)
        offline = parts.tunnels.session(session.cloud_id) is None
        nonce, fields = visitor.nonce, [*visitor.clear_planted()]
        if nonce is None:
            nonce = parts.login_csrf.new_nonce()
            fields.append(visitor.set_cookie(b"csrf", nonce))
        last_seen = None if system is None else system.last_seen
        values = {
            "name": (system.name if system is not None else "") or session.cloud_id,
            "devices": self._devices(session),
            "offline": offline,
            "last_seen": last_seen if offline else None,
            "shared": parts.codes is None,
            "manages_keys": parts.takes_keys and session.manages_keys,
            "is_admin": session.role == "admin",
            "login_csrf": parts.login_csrf.token(nonce),
            "when": partial(moment, language=language),
            "rfc3339": rfc3339,
        }
        body = self._pages.render("overview.html", language, values)
        page_fields = [(b"Content-Type", HTML), *PAGE_FIELDS, *fields]
        return answer(request, 200, page_fields, body)

    def _devices(self, session: Session) -> list[ShownDevice]:
        parts, cloud_id = self._parts, session.cloud_id
        system = parts.systems.get(cloud_id)
        main = (system.name if system is not None else "") or cloud_id
        return shown_devices(session, parts.tunnels.session(cloud_id), main)

    def _open(self, request: IRequest, name: str | None) -> bytes:
        visitor = Visitor.of(request, self._parts.sessions)
        try:
            session = self._session(request, visitor)
            if session is None:
                return redirect(request, visitor.way_out)
            if all(device.name != name for device in self._devices(session)):
                # The same for what there is not and for what is for others.
                return answer_error(request, self._errors, ErrorKind.NOT_FOUND)
            there = DeviceHost(fold(session.cloud_id), name)
            return redirect(request, self._way(request, visitor, session, there))
        except Exception as error:
            return self._failed(request, error)

    def _way(
        self, request: IRequest, visitor: Visitor, session: Session, there: DeviceHost
    ) -> bytes:
        """Where the browser goes to have a session at ``there``."""
        parts, host = self._parts, field(request, b"host") or b""
        here = parts.hosts.device_at(host)
        if parts.codes is None or here is None:
            # One host for all: only the main device can be opened.
            return b"/" if there.name is None else b"/cloud/"
        if here == there:
            return b"/"
        scheme = b"https" if visitor.secure else b"http"
        origin = scheme + b"://" + parts.hosts.authority_of(there, host)
        further = parts.further.open(session, here, there)
        if further is None:
            return origin + b"/"
        code = parts.codes.issue(further, there, b"/")
        return origin + b"/cloud/enter/" + code.encode("ascii")
