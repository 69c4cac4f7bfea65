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
from cfos_cloud.web.login.guard import LoginGuard, SystemNames
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.login.page import LoginPage
from cfos_cloud.web.login.script_answers import ScriptAnswers, is_by_script
from cfos_cloud.web.login.throttled import Throttled, ThrottledLogins
from cfos_cloud.web.prefill import Prefill
from cfos_cloud.web.visitor import Visitor, refusal

#: Seconds after which every failed log-in is answered; the device has less.
FAILURE_AFTER = 3.0
#: Where log-out leads to on the log-in page: its script then forgets the access key
#: that the browser keeps. No Cloud ID, which may stand there too, has such a name.
LOGGED_OUT = b"#logged_out"


class LoginPages:
    """
    ``/ui/<lang>/cloud-login.htm`` and ``/ui/<lang>/cloud-logout.htm``.

    :param throttle: of browsers alone.
    :param signing_key: 32 random bytes for form tokens and known browsers; kept
        over restarts, or owners become strangers.
    :param keys: log-in by access keys; without it the page has none of that.
    :param shared_origin: whether devices' pages have the origin of the log-in page.
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
        *,
        keys: KeyLogins | None = None,
        shared_origin: bool = True,
    ) -> None:
        self._sessions = sessions
        self._csrf = Csrf(signing_key)
        self._known = KnownBrowsers(signing_key)
        self._guard = LoginGuard(
            authenticator, systems, throttle, self._known, self._csrf, events, keys
        )
        self._events = events
        self._throttled = ThrottledLogins(clock.seconds)
        self._page = LoginPage(
            pages, self._csrf, systems, keys is not None, shared_origin
        )
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
        answers = ScriptAnswers() if is_by_script(request) else self._page
        try:
            session = await self._guard.log_in(request, visitor)
        except Throttled as throttled:
            self._throttled.note(visitor.address, throttled.cloud_id, throttled.seconds)
            nobody = Origin("nobody", visitor.address)
            self._events.note(EventKind.THROTTLED, nobody, throttled.cloud_id, "log-in")
            return answers.throttled(request, visitor, throttled.seconds)
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
            return answers.failed(request, visitor)
        return answers.welcome(request, self._welcome(visitor, session))

    @app.route("/ui/<language>/cloud-logout.htm", methods=["POST"])
    def log_out(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._sessions, language)
        if not self._is_our_form(request, visitor):
            return self._page.answer(
                request, visitor, visitor.nonce, 403, problem="stale"
            )
        if visitor.session is not None:
            self._sessions.end(visitor.session, Ending.LOGGED_OUT)
        location = login_path(visitor.language) + LOGGED_OUT
        return redirect(request, location, visitor.forget())

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

    def _welcome(self, visitor: Visitor, session: Session) -> list[tuple[bytes, bytes]]:
        """The fields by which the browser becomes the session's."""
        who = _who(session)
        old = visitor.session
        if old is None:
            is_same = self._known.was_last(visitor.known, *who)
        else:
            is_same = _who(old) == who
            self._sessions.end(old, Ending.REPLACED)
        self.log.info(
            "{role} of {cloud_id} logged in from {client}{by_key}",
            role=session.role,
            cloud_id=session.cloud_id,
            client=session.client,
            by_key=f" by access key {session.key_id}" if session.key_id else "",
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
        return fields


def _who(session: Session) -> tuple[str, str, str]:
    """
    Who comes to the device, as far as what it keeps in the browser goes. The name of a
    key is anybody's.
    """
    if session.key_id is not None:
        return session.cloud_id, "key", session.key_id
    return session.cloud_id, session.role, session.user
