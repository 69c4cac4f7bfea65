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
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.login import Authenticator, LoginFailed
from cfos_cloud.gateway.sessions import Ending, SessionTable
from cfos_cloud.pages import Pages
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.answers import answer_routing_error, redirect
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.login.guard import LoginGuard, SystemNames
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.login.landing import LOGGED_OUT, Entrance, Landing, OneOrigin
from cfos_cloud.web.login.page import LoginPage
from cfos_cloud.web.login.script_answers import ScriptAnswers, is_by_script
from cfos_cloud.web.login.throttled import Throttled, ThrottledLogins
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.visitor import Visitor, refusal

#: Seconds after which every failed log-in is answered; the device has less.
FAILURE_AFTER = 3.0


class LoginPages:
    """
    ``/ui/<lang>/cloud-login.htm`` and ``/ui/<lang>/cloud-logout.htm``.

    :param throttle: of browsers alone.
    :param signing_key: 32 random bytes for form tokens and known browsers; kept
        over restarts, or owners become strangers.
    :param keys: log-in by access keys; without it the page has none of that.
    :param landing: where log-ins lead to, if devices have hosts of their own.
    :param address: where they have, the server's.
    :param end_to_end: the one Cloud ID, where the page is that system's own.
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
        landing: Landing | None = None,
        end_to_end: str | None = None,
        address: PublicAddress | None = None,
    ) -> None:
        self._sessions = sessions
        self._csrf = Csrf(signing_key)
        self._known = KnownBrowsers(signing_key)
        self._guard = LoginGuard(
            authenticator, systems, throttle, self._known, self._csrf, events, keys
        )
        self._events = events
        self._throttled = ThrottledLogins(clock.seconds)
        self._landing = landing or OneOrigin(Entrance(sessions, self._known))
        self._page = LoginPage(
            pages,
            self._csrf,
            systems,
            self._landing,
            keys is not None,
            end_to_end,
            address,
        )
        self._clock = clock
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/ui/<language>/cloud-login.htm", methods=["GET"])
    def show_form(self, request: IRequest, language: str) -> bytes:
        visitor = Visitor.of(request, self._sessions, language)
        onward = self._landing.onward(request, visitor)
        if onward is not None:
            return redirect(request, onward)
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
        self.log.info(
            "{role} of {cloud_id} logged in from {client}{by_key}",
            role=session.role,
            cloud_id=session.cloud_id,
            client=session.client,
            by_key=f" by access key {session.key_id}" if session.key_id else "",
        )
        wanted = self._landing.wanted(request)
        arrival = self._landing.arrive(request, visitor, session, wanted)
        return answers.welcome(request, *arrival)

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
        return self._landing.leave(request, visitor)

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
