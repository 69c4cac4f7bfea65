"""The operator's page, ``/ui/<lang>/cloud-admin.htm``: forms that need no script."""

from __future__ import annotations

from collections.abc import Mapping

from klein import Klein
from klein.resource import KleinResource
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.pages import Pages
from cfos_cloud.registry import InvalidCursor, UnknownSystem
from cfos_cloud.web.admin import views
from cfos_cloud.web.admin.action import Action
from cfos_cloud.web.admin.actions import ACTIONS
from cfos_cloud.web.admin.answers import (
    admin_path,
    answer_page,
    here,
    language_of,
    query_of,
)
from cfos_cloud.web.admin.door import AdminDoor
from cfos_cloud.web.admin.notes import AdminNotes
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.admin.problem import PROOF, trouble_of
from cfos_cloud.web.answers import (
    answer_routing_error,
    is_seen,
    redirect,
)
from cfos_cloud.web.api.query import read_text
from cfos_cloud.web.call import ask
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.operator.request import (
    check_document,
    check_fresh,
    check_request,
    clear_session,
    session_of,
)
from cfos_cloud.web.operator.session import OperatorSession
from cfos_cloud.web.page_failure import answer_failure
from cfos_cloud.web.problem import InvalidInput
from cfos_cloud.web.trouble import Trouble


class AdminPages:
    """``signing_key``: at least 32 random bytes, for the token of the log-in form."""

    app = Klein()
    log = Logger()

    def __init__(self, parts: AdminParts, pages: Pages, signing_key: bytes) -> None:
        self._parts = parts
        self._pages = pages
        self._errors = ErrorPages(pages)
        self._door = AdminDoor(parts.login, Csrf(signing_key), pages)
        self._notes = AdminNotes()

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/ui/<language>/cloud-admin.htm", methods=["GET"])
    async def show(self, request: IRequest, language: str) -> bytes:
        language = language_of(request, language)
        try:
            check_document(request)
            session = session_of(request, self._parts.sessions)
            if session is None:
                return self._door.show(request, language)
            check_request(request, session)
            return await self._view(request, language, session)
        except Exception as error:
            return self._answer_error(request, error)

    @app.route("/ui/<language>/cloud-admin.htm", methods=["POST"])
    async def change(self, request: IRequest, language: str) -> bytes:
        language = language_of(request, language)
        try:
            check_document(request)
            session = session_of(request, self._parts.sessions)
            if session is None:
                return await self._door.log_in(request, language)
            form = read_form(request)
            name = form.get("action", "")
            if name == "login":
                # Somebody has logged in elsewhere in this browser meanwhile.
                return redirect(request, here(request, language))
            check_request(request, session)
            action = ACTIONS.get(name)
            if action is None:
                raise BadForm("no such action")
            return await self._act(request, language, session, form, name, action)
        except Exception as error:
            return self._answer_error(request, error)

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)

    async def _act(
        self,
        request: IRequest,
        language: str,
        session: OperatorSession,
        form: Mapping[str, str],
        name: str,
        action: Action,
    ) -> bytes:
        system = read_text(request, "system")
        try:
            if action.fresh:
                await self._prove(request, session, form)
            done = await action.run(self._parts, request, form, system)
        except UnknownSystem:
            raise
        except Exception as error:
            typed = {key: form.get(key, "") for key in action.typed}
            names = action.names
            if isinstance(error, _ProofFailed):
                error, names = error.error, {"password": PROOF}
            trouble = trouble_of(error, name, typed, names, action.controls)
            if trouble is None:
                raise
            return await self._view(request, language, session, trouble)
        if done.note is not None:
            self._notes.put(session, done.note)
        fields = [clear_session(request)] if done.logged_out else []
        return redirect(request, admin_path(language) + done.query.encode(), fields)

    async def _prove(
        self, request: IRequest, session: OperatorSession, form: Mapping[str, str]
    ) -> None:
        given = form.get(PROOF)
        try:
            if given:
                await ask(self._parts.session.prove, request, {"password": given})
            check_fresh(session, self._parts.sessions)
        except Exception as error:
            raise _ProofFailed(error) from error

    async def _view(
        self,
        request: IRequest,
        language: str,
        session: OperatorSession,
        trouble: Trouble | None = None,
    ) -> bytes:
        parts = self._parts
        view, system = read_text(request, "page"), read_text(request, "system")
        status = 200 if trouble is None else trouble.status
        is_missing = False
        try:
            if system:
                template = "system"
                values = await views.system(parts, request, system)
            else:
                view = view if view in views.VIEWS else ""
                template = view or "systems"
                values = await views.VIEWS[view](parts, request)
        except (UnknownSystem, InvalidInput, InvalidCursor):
            # A system that was removed, an address that was typed.
            template, status, is_missing = "missing", 404, True
            values = {}
        if session.ended:
            return redirect(request, here(request, language))
        is_shown = not (trouble or is_missing) and is_seen(request)
        note = self._notes.take(session) if is_shown else None
        values = {
            **values,
            **views.note_values(note),
            **views.formats(language, parts.now()),
            "view": template,
            "path": "cloud-admin.htm",
            "query": query_of(request),
            "csrf": session.csrf,
            "needs_proof": not parts.sessions.fresh_for(session),
            "trouble": trouble,
            "typed": {} if trouble is None else trouble.typed,
        }
        body = self._pages.render(f"admin/{template}.html", language, values)
        return answer_page(request, status, body)

    def _answer_error(self, request: IRequest, error: Exception) -> bytes:
        return answer_failure(request, self._errors, error, "the operator")


class _ProofFailed(Exception):
    """The password that was given once more is not enough."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
