"""What the forms of the page do: each asks the API for one thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.web.call import ask
from cfos_cloud.web.key_wording import read_wanted
from cfos_cloud.web.keys.forms import SECRET
from cfos_cloud.web.keys.parts import KeysParts
from cfos_cloud.web.notes import Note

Form = Mapping[str, str]
Run = Callable[[KeysParts, IRequest, Form, str], Awaitable["Done"]]

#: What the new key is tried with: every meter of the profile has it.
SAMPLE = "/api/json/local/values/smart-meter"


@dataclass(frozen=True)
class Done:
    """
    What to say, and at which part of the page. ``logged_out``: the session is over.
    """

    note: Note | None = None
    at: str = ""
    logged_out: bool = False


async def _add(parts: KeysParts, request: IRequest, form: Form, cloud_id: str) -> Done:
    wanted = read_wanted(form, parts.now())
    added = await ask(parts.api.add_key, request, wanted, cloud_id=cloud_id)
    url = parts.address.url(request) + SAMPLE
    pin = parts.pin()
    # curl checks the pin, whatever else -k lets pass.
    trust = "" if pin is None else f"-k --pinnedpubkey 'sha256//{pin}' "
    return Done(
        Note(
            "added",
            {
                "key": {name: added[name] for name in added if name != "key"},
                "token": added["key"],
                "command": (
                    f"curl {trust}-H 'Authorization: Bearer {added['key']}' {url}"
                ),
                "needs_k": (
                    url.startswith("https:") and parts.self_signed() and pin is None
                ),
                "pinned": pin is not None,
            },
        ),
        "new-key",
    )


async def _authorise(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    key = await ask(
        parts.api.authorise_key,
        request,
        {SECRET: form.get(SECRET, "")},
        cloud_id=cloud_id,
        key_id=form.get("key", ""),
    )
    return Done(Note("authorised", {"name": key["name"]}), "said")


async def _revoke(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    await _end(parts, request, form, cloud_id)
    return Done(Note("revoked"), "said")


async def _refuse(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    await _end(parts, request, form, cloud_id)
    return Done(Note("refused"), "said")


async def _end(parts: KeysParts, request: IRequest, form: Form, cloud_id: str) -> None:
    key_id = form.get("key", "")
    await ask(parts.api.revoke_key, request, cloud_id=cloud_id, key_id=key_id)


async def _open_pairing(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    await ask(parts.api.open_pairing, request, cloud_id=cloud_id)
    return Done(at="requests")


async def _close_pairing(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    await ask(parts.api.close_pairing, request, cloud_id=cloud_id)
    return Done(at="requests")


async def _end_sessions(
    parts: KeysParts, request: IRequest, form: Form, cloud_id: str
) -> Done:
    await ask(parts.api.end_sessions, request, cloud_id=cloud_id)
    return Done(logged_out=True)


#: By the names of the forms.
ACTIONS: Mapping[str, Run] = {
    "add": _add,
    "authorise": _authorise,
    "revoke": _revoke,
    "refuse": _refuse,
    "open-pairing": _open_pairing,
    "close-pairing": _close_pairing,
    "end-sessions": _end_sessions,
}
