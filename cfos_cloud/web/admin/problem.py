"""Why a form of the operator's page did not do what it should, for its reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member

from cfos_cloud.web.problem import BadTable, LineError, TooManyAttempts, problem_of

#: Of the password that is given once more before what matters most.
PROOF = "operator_password"

#: What is in a problem's detail, and the name under which pages have words for it.
_CODES = (
    ("this needs the admin password once more", "proof"),
    ("this is not the admin password", "wrong"),
    ("this is not the present password", "wrong"),
    ("too many failed attempts", "wait"),
    ("a system has the Cloud ID", "duplicate"),
    ("no system has the Cloud ID", "gone"),
    ("comes from --admin-password-file", "fixed"),
    ("it comes from --", "fixed"),
    ("the two are not alike", "unlike"),
    ("control or unassigned characters", "characters"),
    ("no control characters", "characters"),
    ("a chosen Cloud password has at least", "short"),
    ("an admin password has at least", "short"),
    ("has at most", "long"),
    ("is longer than", "long"),
    ("are the two swapped", "swapped"),
    ("the certificate is not PEM", "no-certificate"),
    ("no line -----BEGIN CERTIFICATE-----", "no-certificate"),
    ("the private key belongs to another certificate", "other-key"),
    ("encrypted", "encrypted"),
    ("expired", "expired"),
    ("a private key is taken over https", "needs-tls"),
    ("is no address like", "no-link"),
    ("the server is busy", "busy"),
    ("the database does not answer", "database"),
    ("too large", "large"),
)


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
) -> Trouble | None:
    """
    What to say of ``error``; ``None``: it is a fault of ours.

    :param names: how the API's members are called in the form, where not alike.
    :param controls: those that have a place for it.
    """
    problem = problem_of(error)
    if problem is None:
        return None
    code = next((name for part, name in _CODES if part in problem.detail), "")
    at = names.get(problem.field or "", problem.field or "")
    if code == "proof":
        at = PROOF
    if not code and at == "cloud_id":
        code = "bad-id"
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
