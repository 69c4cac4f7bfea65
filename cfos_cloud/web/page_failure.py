"""What a page of ours answers when it can't do what was asked."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from cfos_cloud.gateway.error_pages import ErrorKind, ErrorPages
from cfos_cloud.registry_errors import UnknownSystem
from cfos_cloud.web.answers import answer_error
from cfos_cloud.web.forms import BadForm
from cfos_cloud.web.problem import BadCsrfToken, CrossSite, problem_of

_log = Logger()


def answer_failure(
    request: IRequest, errors: ErrorPages, error: Exception, page: str
) -> bytes:
    """
    An error page for what was raised; what is our own fault is logged.

    :param page: what the page is called in the log.
    """
    if isinstance(error, CrossSite | BadCsrfToken):
        return answer_error(request, errors, ErrorKind.CROSS_SITE)
    if isinstance(error, BadForm):
        is_large = str(error) == "too large"
        kind = ErrorKind.TOO_LARGE if is_large else ErrorKind.BAD_REQUEST
        return answer_error(request, errors, kind)
    if isinstance(error, UnknownSystem):
        return answer_error(request, errors, ErrorKind.NOT_FOUND)
    problem = problem_of(error)
    if problem is None:
        _log.failure("the page of {page} failed", Failure(error), page=page)
        return answer_error(request, errors, ErrorKind.INTERNAL)
    if problem.status == 503:
        _log.error("the page of {page}: {reason}", page=page, reason=problem.detail)
        return answer_error(request, errors, ErrorKind.UNAVAILABLE, problem.fields)
    return answer_error(request, errors, ErrorKind.BAD_REQUEST)
