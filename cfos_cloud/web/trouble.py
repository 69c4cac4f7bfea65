"""Why a form of a page did not do what it should, for its reader."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member

from cfos_cloud.web.problem import (
    BadTable,
    LineError,
    Problem,
    TooManyAttempts,
    problem_of,
)

#: Of a problem, and the control that it is about: the name under which pages have
#: words for it, and the control beside which to say them.
CodeOf = Callable[[Problem, str], tuple[str, str]]


@dataclass(frozen=True)
class Trouble:
    """
    ``field``: the control beside which it is said; empty: above the form. ``code``
    names the words that pages have; empty: ``detail`` is all there is, in English.
    ``typed``: what to fill in again; never a secret.
    """

    action: str
    field: str
    code: str
    detail: str
    status: int
    seconds: int = 0
    lines: tuple[LineError, ...] = ()
    more_lines: int = 0
    typed: Mapping[str, str] = member(default_factory=dict)


def trouble_of(
    error: Exception,
    action: str,
    typed: Mapping[str, str],
    names: Mapping[str, str],
    controls: Sequence[str],
    code_of: CodeOf,
) -> Trouble | None:
    """
    What to say of ``error``; ``None``: it is a fault of ours.

    :param names: how the API's members are called in the form, where not alike.
    :param controls: those that have a place for it.
    """
    problem = problem_of(error)
    if problem is None:
        return None
    code, at = code_of(problem, names.get(problem.field or "", problem.field or ""))
    return Trouble(
        action,
        at if at in controls else "",
        code,
        problem.detail,
        problem.status,
        math.ceil(error.seconds) if isinstance(error, TooManyAttempts) else 0,
        error.lines if isinstance(error, BadTable) else (),
        error.more if isinstance(error, BadTable) else 0,
        typed,
    )
