"""What the forms of the view "Access keys" do."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.web.iweb import IRequest

from cfos_cloud.web.admin.action import Action, Done, Form
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.admin.problem import PROOF
from cfos_cloud.web.call import ask
from cfos_cloud.web.key_wording import read_wanted
from cfos_cloud.web.notes import Note
from cfos_cloud.web.wording import link

#: What a new key is tried with: every role may, at every port.
SAMPLE = "/api/json/systems"
_VIEW = link(page="keys")


async def _add(parts: AdminParts, request: IRequest, form: Form, system: str) -> Done:
    wanted = read_wanted(form, parts.now())
    key = await ask(parts.keys.add, request, wanted)
    token = key.pop("key")
    url = parts.address.url(request) + SAMPLE
    certificate = await ask(parts.certificate.show, request)
    values = {
        "key": key,
        "token": token,
        "command": f"curl -H 'Authorization: Bearer {token}' {url}",
        "needs_k": url.startswith("https:") and certificate["self_signed"],
    }
    return Done(_VIEW, Note("key-added", values))


async def _authorise(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    given = {"password": form.get(PROOF, "")}
    key_id = form.get("key", "")
    key = await ask(parts.keys.authorise, request, given, key_id=key_id)
    return Done(_VIEW, Note("key-authorised", {"name": key["name"]}))


async def _revoke(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    await ask(parts.keys.revoke, request, key_id=form.get("key", ""))
    return Done(_VIEW, Note("key-revoked"))


async def _rotate(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    await ask(parts.keys.rotate, request)
    return Done(_VIEW, Note("signing-rotated"))


async def _drop(parts: AdminParts, request: IRequest, form: Form, system: str) -> Done:
    await ask(parts.keys.drop, request, kid=form.get("key", ""))
    return Done(_VIEW, Note("signing-dropped"))


KEY_ACTIONS: Mapping[str, Action] = {
    "key-add": Action(
        _add,
        fresh=True,
        controls=("name", "role", "expires_on", PROOF),
        typed=("name", "role", "expiry", "expires_on"),
        names={"expires": "expires_on"},
    ),
    # Its password is given each time, to the API itself.
    "key-authorise": Action(
        _authorise, controls=(PROOF,), typed=("key",), names={"password": PROOF}
    ),
    "key-revoke": Action(_revoke, fresh=True, controls=(PROOF,), typed=("key",)),
    "signing-rotate": Action(_rotate, fresh=True, controls=(PROOF,)),
    "signing-drop": Action(_drop, fresh=True, controls=(PROOF,), typed=("key",)),
}
