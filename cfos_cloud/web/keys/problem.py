"""Why a form of the page of access keys did not do what it should."""

from __future__ import annotations

from collections.abc import Mapping

from cfos_cloud.web import trouble
from cfos_cloud.web.keys.forms import SECRET, FormKind
from cfos_cloud.web.problem import Problem
from cfos_cloud.web.trouble import Trouble

#: Types of problems that are said beside the secret.
_OF_SECRET = frozenset({"wrong-secret", "too-many-tries"})
#: How the API calls what the form calls otherwise.
_NAMES: Mapping[str, str] = {"expires": "expires_on", "admin_secret": SECRET}
#: What is wrong with a control, where the API has no type for it.
_CODES: Mapping[str, str] = {"name": "name", "expires_on": "date", SECRET: "empty"}
_STATUSES: Mapping[int, str] = {404: "gone", 429: "wait", 503: "busy"}


def trouble_of(
    error: Exception, kind: FormKind, typed: Mapping[str, str]
) -> Trouble | None:
    """What to say of ``error``; ``None``: it is a fault of ours."""
    return trouble.trouble_of(error, kind.name, typed, _NAMES, kind.controls, _code_of)


def _code_of(problem: Problem, at: str) -> tuple[str, str]:
    if problem.slug is not None:
        return problem.slug, SECRET if problem.slug in _OF_SECRET else at
    return _STATUSES.get(problem.status) or _CODES.get(at, ""), at
