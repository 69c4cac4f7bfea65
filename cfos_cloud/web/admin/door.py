"""The log-in form of the operator's page."""

from __future__ import annotations

import math
from collections.abc import Iterable

from twisted.web.iweb import IRequest

from cfos_cloud.gateway import cookies
from cfos_cloud.pages import Pages
from cfos_cloud.web import answers
from cfos_cloud.web.admin.answers import answer_page, here
from cfos_cloud.web.csrf import Csrf, is_nonce
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.operator.login import OperatorLogin
from cfos_cloud.web.operator.request import check_site, set_session
from cfos_cloud.web.problem import TooManyAttempts, Unauthorized
from cfos_cloud.workers import Overloaded

_NONCE = b"admin-csrf"


class AdminDoor:
    """Asks for the admin password; every wrong one has the same answer."""

    def __init__(self, login: OperatorLogin, csrf: Csrf, pages: Pages) -> None:
        self._login = login
        self._csrf = csrf
        self._pages = pages

    def show(self, request: IRequest, language: str) -> bytes:
        """The form; the browser gets a nonce, if it has none."""
        return self._page(request, language, 200)

    async def log_in(self, request: IRequest, language: str) -> bytes:
        """
        To the page that was asked for, or the form once more.

        :raises CrossSite: another site made the browser send it; not charged.
        """
        check_site(request)
        try:
            form = read_form(request)
        except BadForm:
            return self._page(request, language, 400, problem="stale")
        if form.get("action", "login") != "login":
            # A form of a session that has ended meanwhile. A program that fills in the
            # fields sends none of the button: that is a log-in.
            return self._page(request, language, 403, problem="ended")
        if not self._csrf.is_valid(self._nonces(request), form.get("csrf", "")):
            return self._page(request, language, 403, problem="stale")
        address = answers.client_address(request)
        try:
            session = await self._login.log_in(address, form.get("password", ""))
        except Unauthorized:
            return self._page(request, language, 401, problem="wrong")
        except TooManyAttempts as error:
            seconds = math.ceil(error.seconds)
            retry = [(b"Retry-After", b"%d" % seconds)]
            return self._page(
                request, language, 429, problem="wait", wait=seconds, fields=retry
            )
        except Overloaded:
            retry = [(b"Retry-After", b"2")]
            return self._page(request, language, 503, problem="busy", fields=retry)
        fields = [set_session(request, session), *_clear_planted(request, language)]
        return answers.redirect(request, here(request, language), fields)

    def _page(
        self,
        request: IRequest,
        language: str,
        status: int,
        *,
        problem: str | None = None,
        wait: int = 0,
        fields: Iterable[tuple[bytes, bytes]] = (),
    ) -> bytes:
        nonces = self._nonces(request)
        nonce = nonces[-1] if nonces else self._csrf.new_nonce()
        if not nonces:
            fields = [*fields, self._set_nonce(request, nonce)]
        fields = [*fields, *_clear_planted(request, language)]
        values = {
            "view": "login",
            "path": "cloud-admin.htm",
            "query": "",
            "csrf": self._csrf.token(nonce),
            "problem": problem,
            "wait": wait,
        }
        body = self._pages.render("admin/login.html", language, values)
        return answer_page(request, status, body, fields)

    def _nonces(self, request: IRequest) -> list[bytes]:
        name = cookies.our_name(_NONCE, answers.is_secure(request))
        return list(filter(is_nonce, cookies.find_all(answers.cookies(request), name)))

    def _set_nonce(self, request: IRequest, nonce: bytes) -> tuple[bytes, bytes]:
        secure = answers.is_secure(request)
        name = cookies.our_name(_NONCE, secure)
        return b"Set-Cookie", cookies.set_cookie(
            name, nonce, secure=secure, same_site=b"Strict"
        )


def _clear_planted(request: IRequest, language: str) -> list[tuple[bytes, bytes]]:
    expired = cookies.expire_doubled(answers.cookies(request), language)
    return [(b"Set-Cookie", value) for value in expired]
