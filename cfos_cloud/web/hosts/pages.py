"""
Our pages on the host of a device: a session is taken over, seen to and ended there.

The log-in itself is on the cloud's own host, where no device's page can look at it.
"""

from __future__ import annotations

from dataclasses import dataclass

from klein import Klein
from klein.resource import KleinResource
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException, NotFound

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway import cookies
from cfos_cloud.gateway.addresses import login_path, logout_path
from cfos_cloud.gateway.bookmarks import way_back
from cfos_cloud.gateway.error_pages import ErrorKind, ErrorPages
from cfos_cloud.gateway.handover import Handovers
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.pages import HTML, PAGE_FIELDS, Pages
from cfos_cloud.web import answers
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.hosts.landing import OwnOrigins
from cfos_cloud.web.login.guard import SystemNames
from cfos_cloud.web.login.landing import Fields
from cfos_cloud.web.visitor import Visitor, refusal

#: Nobody learns the address of these pages, which may have a code in it.
_NO_REFERRER = (b"Referrer-Policy", b"no-referrer")
_FIELDS = (
    (b"Content-Type", HTML),
    *(each for each in PAGE_FIELDS if each[0] != _NO_REFERRER[0]),
    _NO_REFERRER,
)


@dataclass(frozen=True)
class HostParts:
    """
    What the pages need.

    :ivar csrf: makes the tokens of log-out's forms.
    :ivar takes_keys: whether there is a page of access keys.
    :ivar end_to_end: whether all this is at the device, and not at the server.
    """

    landing: OwnOrigins
    handovers: Handovers
    sessions: SessionTable
    systems: SystemNames
    csrf: Csrf
    takes_keys: bool = True
    end_to_end: bool = False


class HostPages:
    """``/cloud/enter…``, ``/ui/<lang>/cloud-login.htm``, ``…/cloud-logout.htm``."""

    app = Klein()
    log = Logger()

    def __init__(self, parts: HostParts, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/cloud/enter/<code>", methods=["GET"])
    def enter(self, request: IRequest, code: str) -> bytes:
        """
        The browser gets its session, and goes on by itself: what the device is then
        asked for comes from its own host, not from the one of the log-in.
        """
        if not answers.is_seen(request):
            # The code is for who comes, not for who looks ahead.
            return answers.answer(request, 503, [(b"Cache-Control", b"no-store")])
        if not answers.is_document(request):
            # Another device's page could have somebody's session changed by an image.
            return answers.answer_error(request, self._errors, ErrorKind.CROSS_SITE)
        visitor, device = self._visitor(request)
        taken = self._parts.handovers.take(code, device)
        if taken is None:
            if visitor.session is not None:
                # By the browser's button, say.
                return answers.redirect(request, b"/")
            url = self._log_in(request, visitor, device)
            return self._page(request, visitor.language, "expired", 410, url)
        session, path = taken
        entrance = self._parts.landing.entrance
        mark = cookies.find(visitor.cookie, cookies.our_name(b"back", visitor.secure))
        fields = [
            *entrance.settle(visitor, session),
            entrance.note(visitor, session),
            *visitor.clear_planted(),
        ]
        if mark is not None:
            fields.append(visitor.set_cookie(b"back", b"", 0))
        language = session.language or visitor.language
        return self._on(request, language, way_back(path, mark), fields)

    @app.route("/cloud/enter", methods=["GET"])
    def leave(self, request: IRequest) -> bytes:
        """To the log-in, from a form, too (``Visitor.way_out``)."""
        visitor, device = self._visitor(request)
        url = self._log_in(request, visitor, device)
        return self._on(request, visitor.language, url, [])

    @app.route("/ui/<language>/cloud-login.htm", methods=["GET"])
    def show_session(self, request: IRequest, language: str) -> bytes:
        visitor, device = self._visitor(request, language)
        url = self._log_in(request, visitor, device)
        session = visitor.session
        if session is None:
            return answers.redirect(request, url)
        nonce, fields = visitor.nonce, visitor.clear_planted()
        if nonce is None:
            nonce = self._parts.csrf.new_nonce()
            fields.append(visitor.set_cookie(b"csrf", nonce))
        return self._session_page(request, visitor, session, nonce, 200, fields)

    @app.route("/ui/<language>/cloud-logout.htm", methods=["POST"])
    def log_out(self, request: IRequest, language: str) -> bytes:
        visitor, _ = self._visitor(request, language)
        session = visitor.session
        if session is not None:
            if not self._is_our_form(request, visitor):
                return self._session_page(request, visitor, session, visitor.nonce, 403)
            self._parts.sessions.end(session, Ending.LOGGED_OUT)
        url = self._log_out(request, visitor)
        fields = visitor.forget() if session is not None else []
        return self._on(request, visitor.language, url, fields)

    @app.route("/ui/<language>/cloud-logout.htm", methods=["GET"])
    def show_session_instead(self, request: IRequest, language: str) -> bytes:
        visitor, _ = self._visitor(request, language)
        if visitor.session is not None:
            return answers.redirect(request, login_path(visitor.language))
        url = self._log_out(request, visitor)
        return self._on(request, visitor.language, url, [])

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answers.answer_routing_error(request, self._errors, failure)

    def _visitor(
        self, request: IRequest, language: str | None = None
    ) -> tuple[Visitor, DeviceHost]:
        device = answers.device_of(request)
        if device is None:
            raise NotFound
        return Visitor.of(request, self._parts.sessions, language), device

    def _log_in(self, request: IRequest, visitor: Visitor, device: DeviceHost) -> bytes:
        """The log-in page of the cloud's own host, with the Cloud ID."""
        origin = self._parts.landing.places.origin(request)
        query = b"?system=" + device.label.encode("ascii")
        return origin + login_path(visitor.language) + query

    def _log_out(self, request: IRequest, visitor: Visitor) -> bytes:
        """Where that host forgets who has logged in."""
        origin = self._parts.landing.places.origin(request)
        return origin + logout_path(visitor.language)

    def _is_our_form(self, request: IRequest, visitor: Visitor) -> bool:
        if refusal(request, visitor) is not None:
            return False
        try:
            form = read_form(request)
        except BadForm:
            return False
        return self._parts.csrf.is_valid(visitor.nonces, form.get("csrf", ""))

    def _session_page(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        nonce: bytes | None,
        status: int,
        fields: Fields | None = None,
    ) -> bytes:
        """``nonce``: of log-out's form; a ``status`` of 403 means that it was old."""
        parts = self._parts
        system = parts.systems.get(session.cloud_id)
        device = DeviceHost(fold(session.cloud_id), session.device)
        name = (system.name if system is not None else "") or session.cloud_id
        values = {
            "path": "cloud-login.htm",
            "system_name": name,
            "device_name": session.device or name,
            "csrf": None if nonce is None else parts.csrf.token(nonce),
            "is_stale": status == 403,
            "manages_keys": parts.takes_keys and session.manages_keys,
            "log_in": self._log_in(request, visitor, device).decode("ascii"),
            "end_to_end": parts.end_to_end,
        }
        body = self._pages.render("hosts/session.html", visitor.language, values)
        page_fields = [(b"Content-Type", HTML), *PAGE_FIELDS, *(fields or ())]
        return answers.answer(request, status, page_fields, body)

    def _on(
        self, request: IRequest, language: str, url: bytes, fields: Fields
    ) -> bytes:
        """A page that leads on by itself, with or without JavaScript."""
        refresh = (b"Refresh", b"0; url=" + url)
        return self._page(request, language, "on", 200, url, [refresh, *fields])

    def _page(
        self,
        request: IRequest,
        language: str,
        template: str,
        status: int,
        url: bytes,
        fields: Fields | None = None,
    ) -> bytes:
        values = {"url": url.decode("ascii")}
        body = self._pages.render(f"hosts/{template}.html", language, values)
        return answers.answer(request, status, [*_FIELDS, *(fields or ())], body)
