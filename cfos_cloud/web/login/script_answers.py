"""What the script of the log-in page is told instead of pages: JSON."""

from __future__ import annotations

import json

from twisted.web.iweb import IRequest

from cfos_cloud.gateway.media_ranges import prefers_json
from cfos_cloud.safe_fields import COMMON_FIELDS
from cfos_cloud.web.answers import answer, field
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.problem_json import CONTENT_TYPE, Problem
from cfos_cloud.web.visitor import Visitor

_FIELDS = (*COMMON_FIELDS, (b"Cache-Control", b"no-store"))


def is_by_script(request: IRequest) -> bool:
    """
    Whether it is a log-in by an access key that a script has sent. To a log-in by a
    password the answer is a page, whatever is accepted.
    """
    if not prefers_json(field(request, b"accept")):
        return False
    try:
        return "key" in read_form(request)
    except BadForm:
        return False


class ScriptAnswers:
    """
    200 ``{"location": …}`` with the fields that a page's answer has, else problem
    JSON. A script, not a form, as ``Clear-Site-Data`` takes what was stored before.
    """

    def failed(self, request: IRequest, visitor: Visitor) -> bytes:
        """The one answer to all failures."""
        return _problem(request, visitor, Problem(401, "the log-in did not work"))

    def throttled(self, request: IRequest, visitor: Visitor, seconds: int) -> bytes:
        """Not before so many seconds."""
        fields = ((b"Retry-After", b"%d" % seconds),)
        problem = Problem(429, "too many failed attempts", fields=fields)
        return _problem(request, visitor, problem)

    def welcome(
        self, request: IRequest, location: bytes, fields: list[tuple[bytes, bytes]]
    ) -> bytes:
        """Where to go now."""
        body = json.dumps({"location": location.decode("ascii")}).encode("ascii")
        of_json = (b"Content-Type", b"application/json")
        return answer(request, 200, [of_json, *_FIELDS, *fields], body)


def _problem(request: IRequest, visitor: Visitor, problem: Problem) -> bytes:
    fields = [
        (b"Content-Type", CONTENT_TYPE),
        *_FIELDS,
        *problem.fields,
        *visitor.clear_planted(),
    ]
    return answer(request, problem.status, fields, problem.body())
