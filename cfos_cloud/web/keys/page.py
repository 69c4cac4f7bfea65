"""
``/ui/<lang>/cloud-keys.htm``: a system's access keys, and who is logged in to it.

For whoever is logged in to the system as admin, with the password. Its forms need no
script.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.gateway.addresses import login_path, logout_path
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.pages import HTML, LIVE_PAGE_FIELDS, Pages
from cfos_cloud.web.answers import (
    answer,
    answer_routing_error,
    field,
    is_near,
    is_secure,
    is_seen,
    redirect,
)
from cfos_cloud.web.api.query import read_text
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.keys import views
from cfos_cloud.web.keys.actions import ACTIONS
from cfos_cloud.web.keys.forms import FORMS
from cfos_cloud.web.keys.parts import KeysParts
from cfos_cloud.web.keys.problem import trouble_of
from cfos_cloud.web.notes import Notes
from cfos_cloud.web.operator.request import check_document
from cfos_cloud.web.page_failure import answer_failure
from cfos_cloud.web.problem import BadCsrfToken, CrossSite
from cfos_cloud.web.trouble import Trouble
from cfos_cloud.web.visitor import Visitor, refusal

#: What can be asked about a key, and about none, before it is done.
_ABOUT_A_KEY = frozenset({"authorise", "revoke"})
_QUESTIONS = _ABOUT_A_KEY | {"end-sessions"}


Answering = Callable[[IRequest, Visitor, Session], Awaitable[bytes]]


class KeysPages:
    """Asks the API in the process, by the session of who looks."""

    app = Klein()

    def __init__(self, parts: KeysParts, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages
        self._errors = ErrorPages(pages)
        self._notes = Notes()
        parts.sessions.subscribe(lambda session, _: self._notes.forget(session))

    def resource(self) -> KleinResource:
        """The route is the whole path."""
        return self.app.resource()

    @app.route("/ui/<language>/cloud-keys.htm", methods=["GET"])
    async def show(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._parts.sessions, language)
        return await self._for_admin(request, visitor, self._view)

    @app.route("/ui/<language>/cloud-keys.htm", methods=["POST"])
    async def change(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._parts.sessions, language)
        return await self._for_admin(request, visitor, self._act)

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)

    async def _for_admin(
        self, request: IRequest, visitor: Visitor, answer: Answering
    ) -> bytes:
        session = visitor.session
        try:
            self._check_document(request, visitor)
            if session is None:
                return redirect(request, visitor.way_out)
            if session.device is not None:
                return redirect(request, b"/cloud/open/")
            if not session.manages_keys:
                return self._explain(request, visitor, session)
            if not _is_known_window(request):
                return self._ask_for_tls(request, visitor, session)
            return await answer(request, visitor, session)
        except Exception as error:
            if session is not None and session.ended:
                # Meanwhile somebody has logged out, or the session's time was up.
                return redirect(request, visitor.way_out)
            return answer_failure(request, self._errors, error, "access keys")

    def _check_document(self, request: IRequest, visitor: Visitor) -> None:
        """
        :raises CrossSite: another site, or a script, asks for the page, which has
            the token of its session, and perhaps a new key.
        """
        check_document(request)
        if visitor.session is not None and refusal(request, visitor) is not None:
            raise CrossSite

    def _check_token(self, session: Session, form: Mapping[str, str]) -> None:
        """:raises BadCsrfToken: the form is none of a page of this session's."""
        given = form.get("csrf", "").encode("utf-8")
        if not hmac.compare_digest(given, self._parts.csrf_of(session).encode("ascii")):
            raise BadCsrfToken

    async def _act(
        self, request: IRequest, visitor: Visitor, session: Session
    ) -> bytes:
        form = read_form(request)
        self._check_token(session, form)
        kind = FORMS.get(form.get("action", ""))
        if kind is None:
            raise BadForm("no such action")
        try:
            done = await ACTIONS[kind.name](
                self._parts, request, form, session.cloud_id
            )
        except Exception as error:
            typed = {name: form.get(name, "") for name in kind.typed}
            trouble = trouble_of(error, kind, typed)
            if trouble is None or trouble.status == 503:
                raise
            about = kind.asks, form.get("key", "")
            return await self._view(request, visitor, session, trouble, about)
        if done.logged_out:
            # The fragment tells the log-in's script to forget a key that it keeps.
            language = visitor.language
            path = login_path if visitor.device is None else logout_path
            target = path(language) + b"#logged_out"
            return redirect(request, target, visitor.forget())
        if done.note is not None:
            self._notes.put(session, done.note)
        target = _path(visitor.language)
        if done.at:
            target += b"#" + done.at.encode("ascii")
        return redirect(request, target)

    async def _view(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        trouble: Trouble | None = None,
        about: tuple[str, str] | None = None,
    ) -> bytes:
        """``about``: the question to ask once more, and the ID of the key."""
        parts, cloud_id = self._parts, session.cloud_id
        if about is None:
            about = read_text(request, "ask"), read_text(request, "key")
        asks, key_id = about
        status = 200 if trouble is None else trouble.status
        values: dict[str, object] = {"asks": asks, "note": None}
        if asks in _ABOUT_A_KEY:
            key = await views.one_key(parts, request, cloud_id, key_id)
            template, values["key"] = "question", key
            status = status if key is not None else 404
        elif asks in _QUESTIONS:
            template, values["key"] = "question", None
        else:
            template = "overview"
            values |= await views.overview(parts, request, cloud_id)
            if trouble is None and is_seen(request):
                values["note"] = self._notes.take(session)
        values |= {"trouble": trouble, "typed": trouble.typed if trouble else {}}
        return self._page(request, visitor, session, template, status, values)

    def _explain(self, request: IRequest, visitor: Visitor, session: Session) -> bytes:
        """What it takes to see the page, for who is logged in otherwise."""
        values = {"by_key": session.key_id is not None, "secure_page": None}
        return self._page(request, visitor, session, "refused", 403, values)

    def _ask_for_tls(
        self, request: IRequest, visitor: Visitor, session: Session
    ) -> bytes:
        host = (field(request, b"host") or b"").decode("latin-1")
        path = _path(visitor.language).decode("ascii")
        values = {"by_key": False, "secure_page": f"https://{host}{path}", "csrf": ""}
        return self._page(request, visitor, session, "refused", 403, values)

    def _page(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        template: str,
        status: int,
        values: Mapping[str, object],
    ) -> bytes:
        parts = self._parts
        if session.ended:
            return redirect(request, visitor.way_out)
        system = parts.systems.get(session.cloud_id)
        nonce = visitor.nonce
        fields = [*visitor.clear_planted()]
        if nonce is None:
            nonce = parts.login_csrf.new_nonce()
            fields.append(visitor.set_cookie(b"csrf", nonce))
        values = {
            **views.formats(parts, visitor.language),
            "path": "cloud-keys.htm",
            "cloud_id": session.cloud_id,
            "name": (system.name if system is not None else "") or session.cloud_id,
            "csrf": parts.csrf_of(session),
            "login_csrf": parts.login_csrf.token(nonce),
            **values,
        }
        body = self._pages.render(f"keys/{template}.html", visitor.language, values)
        page_fields = [(b"Content-Type", HTML), *LIVE_PAGE_FIELDS, *fields]
        return answer(request, status, page_fields, body)


def _is_known_window(request: IRequest) -> bool:
    """
    Whether a script of a device's page can't have asked for the page, to take the token
    out of it: without TLS browsers don't say who asks, but on the machine itself.
    """
    return (
        is_secure(request)
        or field(request, b"sec-fetch-dest") is not None
        or is_near(request)
    )


def _path(language: str) -> bytes:
    return b"/ui/%b/cloud-keys.htm" % language.encode("ascii")
