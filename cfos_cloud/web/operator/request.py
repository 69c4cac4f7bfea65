"""Requests that come with the admin page's session: whose, and from where."""

from __future__ import annotations

import hmac

from twisted.web.iweb import IRequest

from cfos_cloud.gateway import cookies, origin_rule
from cfos_cloud.web import answers
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.operator.caller import Caller, set_caller
from cfos_cloud.web.operator.session import OperatorSession, OperatorSessions
from cfos_cloud.web.problem import BadCsrfToken, CrossSite, Reauthenticate

#: Methods that change nothing, and need no token (RFC 9110 §9.2.1).
SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_FORM = b"application/x-www-form-urlencoded"


def session_of(request: IRequest, sessions: OperatorSessions) -> OperatorSession | None:
    """
    The session whose cookie the request has, used by this; ``None``: none. It is
    noted on the request, see :func:`~cfos_cloud.web.operator.caller.check_still`.
    """
    name = cookies.our_name(b"admin", answers.is_secure(request))
    token = cookies.find(answers.cookies(request), name)
    session = None if token is None else sessions.find(token)
    if session is not None:
        set_caller(request, Caller(session))
    return session


def set_session(request: IRequest, session: OperatorSession) -> tuple[bytes, bytes]:
    """The field that gives the browser its session."""
    return _cookie(request, session.token)


def clear_session(request: IRequest) -> tuple[bytes, bytes]:
    """The field that takes it away."""
    return _cookie(request, b"", max_age=0)


def check_request(request: IRequest, session: OperatorSession) -> None:
    """
    May a request with this session's cookie do what it asks for?

    :raises CrossSite: another site made the browser send it.
    :raises BadCsrfToken: it would change something, and no page of ours made it.
    """
    check_site(request)
    if request.method not in SAFE_METHODS:
        check_token(request, session)


def check_site(request: IRequest) -> None:
    """
    Only our own pages, and what the person typed, may use the operator's session;
    a link on another site may not, not even to look.

    :raises CrossSite: it comes from elsewhere.
    """
    site = answers.field(request, b"sec-fetch-site")
    if site is not None and site not in (b"same-origin", b"none"):
        raise CrossSite
    refused = origin_rule.refusal(
        method=request.method,
        target=request.uri,
        is_upgrade=False,
        sec_fetch_site=site,
        sec_fetch_mode=None,
        sec_fetch_dest=None,
        origin=answers.field(request, b"origin"),
        scheme=b"https" if answers.is_secure(request) else b"http",
        host=answers.field(request, b"host") or b"",
    )
    if refused is not None:
        raise CrossSite


def check_document(request: IRequest) -> None:
    """
    Our page is for windows: it carries the token of its session, and on one origin a
    device's script could read it from there. A window that another page opens is out
    of that page's reach (``Cross-Origin-Opener-Policy``).

    :raises CrossSite: a script, or a part of another page, asks for it.
    """
    if not answers.is_document(request):
        raise CrossSite


def check_token(request: IRequest, session: OperatorSession) -> None:
    """
    ``X-CSRF-Token``, or the field ``csrf`` of a form, has to be the session's.

    :raises BadCsrfToken: it is missing, or is another one.
    """
    given = given_token(request) or b""
    if not hmac.compare_digest(given, session.csrf.encode("ascii")):
        raise BadCsrfToken


def given_token(request: IRequest) -> bytes | None:
    """``X-CSRF-Token``, or the field ``csrf`` of a form; ``None``: neither."""
    given = answers.field(request, b"x-csrf-token")
    return _token_of_form(request) if given is None else given


def check_fresh(session: OperatorSession, sessions: OperatorSessions) -> None:
    """
    :raises Reauthenticate: the password was given too long ago.
    """
    if not sessions.fresh_for(session):
        raise Reauthenticate


def _token_of_form(request: IRequest) -> bytes | None:
    content_type = answers.field(request, b"content-type") or b""
    if content_type.partition(b";")[0].strip().lower() != _FORM:
        return None
    try:
        token = read_form(request).get("csrf")
    except BadForm:
        return b""
    finally:
        request.content.seek(0)
    return None if token is None else token.encode("utf-8")


def _cookie(
    request: IRequest, value: bytes, max_age: int | None = None
) -> tuple[bytes, bytes]:
    secure = answers.is_secure(request)
    return b"Set-Cookie", cookies.set_cookie(
        cookies.our_name(b"admin", secure),
        value,
        secure=secure,
        max_age=max_age,
        same_site=b"Strict",
    )
