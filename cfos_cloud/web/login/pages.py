"""The log-in page and log-out."""

from __future__ import annotations

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.gateway.addresses import login_path
from cfos_cloud.gateway.error_pages import ErrorPages
from cfos_cloud.gateway.known_browsers import MAX_AGE, KnownBrowsers
from cfos_cloud.gateway.login import Authenticator, LoginFailed
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.answers import answer_routing_error, redirect
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.login.guard import LoginGuard, SystemNames, Throttled
from cfos_cloud.web.login.page import LoginPage
from cfos_cloud.web.login.throttled import ThrottledLogins
from cfos_cloud.web.prefill import Prefill
from cfos_cloud.web.visitor import Visitor, refusal

#: Seconds after which every failed log-in is answered; the device has less.
FAILURE_AFTER = 3.0


class LoginPages:
    """
    ``/ui/<lang>/cloud-login.htm`` and ``/ui/<lang>/cloud-logout.htm``.

    :param throttle: of browsers alone.
    :param signing_key: 32 random bytes for form tokens and known browsers; kept
        over restarts, or owners become strangers.
    """

    app = Klein()
    log = Logger()

    def __init__(
        self,
        authenticator: Authenticator,
        sessions: SessionTable,
        systems: SystemNames,
        throttle: Throttle,
        signing_key: bytes,
        clock: IReactorTime,
        pages: Pages,
        events: EventLog = NO_EVENTS,
    ) -> None:
        self._sessions = sessions
        self._csrf = Csrf(signing_key)
        self._known = KnownBrowsers(signing_key)
        self._guard = LoginGuard(
            authenticator, systems, throttle, self._known, self._csrf, events
        )
        self._events = events
        self._throttled = ThrottledLogins(clock.seconds)
        self._page = LoginPage(pages, self._csrf, systems)
        self._clock = clock
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/ui/<language>/cloud-login.htm", methods=["GET"])
    def show_form(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._sessions, language)
        if visitor.nonce is not None:
            return self._page.answer(request, visitor, visitor.nonce, 200)
        nonce = self._csrf.new_nonce()
        fields = [visitor.set_cookie(b"csrf", nonce)]
        return self._page.answer(request, visitor, nonce, 200, fields=fields)

    @app.route("/ui/<language>/cloud-login.htm", methods=["POST"])
    async def log_in(self, request: IRequest, language: str) -> bytes:
        answer_at = self._clock.seconds() + FAILURE_AFTER
        visitor = Visitor.of(request, self._sessions, language)
        try:
            session = await self._guard.log_in(request, visitor)
        except Throttled as throttled:
            self._throttled.note(visitor.address, throttled.cloud_id, throttled.seconds)
            nobody = Origin("nobody", visitor.address)
            self._events.note(EventKind.THROTTLED, nobody, throttled.cloud_id, "log-in")
            return self._page.answer(
                request,
                visitor,
                visitor.nonce,
                429,
                problem="throttled",
                wait=throttled.seconds,
                fields=[(b"Retry-After", b"%d" % throttled.seconds)],
            )
        except LoginFailed as failed:
            self.log.info(
                "log-in from {client}{to_system} failed: {reason}",
                client=visitor.address,
                to_system=f" to {failed.cloud_id}" if failed.cloud_id else "",
                reason=failed.reason,
            )
            nobody = Origin("nobody", visitor.address)
            self._events.note(
                EventKind.LOGIN_FAILED, nobody, failed.cloud_id, failed.reason
            )
            left = max(0.0, answer_at - self._clock.seconds())
            await deferLater(self._clock, left)
            return self._page.answer(
                request, visitor, visitor.nonce, 401, problem="failed"
            )
        return self._welcome(request, visitor, session)

    @app.route("/ui/<language>/cloud-logout.htm", methods=["POST"])
    def log_out(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._sessions, language)
        if not self._is_our_form(request, visitor):
            return self._page.answer(
                request, visitor, visitor.nonce, 403, problem="stale"
            )
        if visitor.session is not None:
            self._sessions.end(visitor.session, Ending.LOGGED_OUT)
        fields = [
            visitor.set_cookie(None, b"", 0),
            visitor.set_cookie(b"last", b"", 0),
            *visitor.clear_device(),
        ]
        return redirect(request, login_path(visitor.language), fields)

    @app.route("/ui/<language>/cloud-logout.htm", methods=["GET"])
    def show_form_instead(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._sessions, language)
        return redirect(request, login_path(visitor.language))

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)

    def _is_our_form(self, request: IRequest, visitor: Visitor) -> bool:
        if refusal(request, visitor) is not None:
            return False
        try:
            form = read_form(request)
        except BadForm:
            return False
        return self._csrf.is_valid(visitor.nonces, form.get("csrf", ""))

    def _welcome(self, request: IRequest, visitor: Visitor, session: Session) -> bytes:
        who = (session.cloud_id, session.role, session.user)
        old = visitor.session
        if old is None:
            is_same = self._known.was_last(visitor.known, *who)
        else:
            is_same = (old.cloud_id, old.role, old.user) == who
            self._sessions.end(old, Ending.REPLACED)
        self.log.info(
            "{role} of {cloud_id} logged in from {client}",
            role=session.role,
            cloud_id=session.cloud_id,
            client=session.client,
        )
        known = self._known.remember(visitor.known, *who)
        last = Prefill(session.cloud_id, session.role == "admin")
        fields = [
            visitor.set_cookie(None, session.token),
            visitor.set_cookie(b"known", known, MAX_AGE),
            visitor.set_cookie(b"last", last.to_cookie(), MAX_AGE),
            *visitor.clear_planted(),
        ]
        if not is_same:
            fields += visitor.clear_device()
        return redirect(request, b"/", fields)
