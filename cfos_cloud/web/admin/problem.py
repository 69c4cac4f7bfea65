"""Why a form of the operator's page did not do what it should, for its reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cfos_cloud.web import trouble
from cfos_cloud.web.problem import Problem
from cfos_cloud.web.trouble import Trouble

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
    ("no certificate in use has the fingerprint", "certificate-gone"),
    ("other certificates already", "certificate-many"),
    ("the server made this certificate itself", "certificate-own"),
    ("encrypted", "encrypted"),
    ("expired", "expired"),
    ("a private key is taken over https", "needs-tls"),
    ("is no address like", "no-link"),
    ("the server is busy", "busy"),
    ("the database does not answer", "database"),
    ("too large", "large"),
    ("a key's name is", "key-name"),
    ("expires is", "key-date"),
    ("no date such as", "key-date"),
    ("no access key has the ID", "key-gone"),
    ("no signing key is called", "signing-gone"),
)
#: The same by a problem's type, where it has one.
_SLUGS = {"too-many-keys": "key-many", "key-ended": "key-ended"}


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
    return trouble.trouble_of(error, action, typed, names, controls, _code_of)


def _code_of(problem: Problem, at: str) -> tuple[str, str]:
    code = _SLUGS.get(problem.slug or "") or next(
        (name for part, name in _CODES if part in problem.detail), ""
    )
    if code == "proof":
        at = PROOF
    if not code and at == "cloud_id":
        code = "bad-id"
    return code, at
