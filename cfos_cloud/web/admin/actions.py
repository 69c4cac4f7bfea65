"""What the forms of the operator's page do: each asks the API for one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.web.iweb import IRequest

from cfos_cloud.web.admin.access import device_command
from cfos_cloud.web.admin.action import Action, Done, Form
from cfos_cloud.web.admin.key_actions import KEY_ACTIONS
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.admin.problem import PROOF
from cfos_cloud.web.call import Json, ask
from cfos_cloud.web.notes import Note
from cfos_cloud.web.problem import InvalidInput
from cfos_cloud.web.wording import link


async def _add(parts: AdminParts, request: IRequest, form: Form, system: str) -> Done:
    wanted: Json = {
        "cloud_id": form.get("cloud_id", "").strip(),
        "name": form.get("name", "").strip(),
    }
    if form.get("cloud_password"):
        wanted["password"] = form["cloud_password"]
    added = await ask(parts.systems.add, request, wanted)
    return _with_access(parts, request, "added", added)


async def _rotate(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    chosen = form.get("cloud_password")
    wanted = {"password": chosen} if chosen else {}
    changed = await ask(parts.access.rotate, request, wanted, cloud_id=system)
    return _with_access(parts, request, "rotated", changed)


def _with_access(parts: AdminParts, request: IRequest, said: str, system: Json) -> Done:
    server = parts.address.url(request)
    cloud_id = system["cloud_id"]
    values = {
        "cloud_id": cloud_id,
        "password": system.get("password"),
        "server": server,
        "command": device_command(server, cloud_id),
    }
    return Done(link(system=cloud_id), Note(said, values))


async def _rename(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    wanted = {"name": form.get("name", "").strip()}
    await ask(parts.systems.change, request, wanted, cloud_id=system)
    return Done(link(system=system), Note("renamed"))


async def _enable(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    await ask(parts.systems.change, request, {"enabled": True}, cloud_id=system)
    return Done(link(system=system), Note("enabled"))


async def _disable(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    await ask(parts.systems.change, request, {"enabled": False}, cloud_id=system)
    return Done(link(system=system), Note("disabled"))


async def _disconnect(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    answer = await ask(parts.access.disconnect, request, cloud_id=system)
    said = "disconnected" if answer["disconnected"] else "was-offline"
    return Done(link(system=system), Note(said))


async def _remove(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    query = {"erase": "true"} if form.get("erase") else {}
    await ask(parts.systems.remove, request, query=query, cloud_id=system)
    return Done("", Note("removed", {"cloud_id": system}))


async def _certificate(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    wanted = {
        "certificate": form.get("certificate", ""),
        "private_key": form.get("private_key", ""),
    }
    await ask(parts.certificate.replace, request, wanted)
    return Done(link(page="certificate"), Note("certificate"))


async def _remove_certificate(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    fingerprint = form.get("key", "")
    await ask(parts.certificate.remove, request, fingerprint=fingerprint)
    return Done(link(page="certificate"), Note("certificate-removed"))


async def _password(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    new = form.get("new_password", "")
    if new != form.get("repeated_password"):
        raise InvalidInput("repeated_password", "the two are not alike")
    await ask(parts.password.change, request, {"new": new})
    return Done("", logged_out=True)


async def _loglevel(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    level = form.get("loglevel", "")
    wanted = {"loglevel": int(level) if level in ("1", "2", "3", "4") else None}
    await ask(parts.loglevel.change, request, wanted)
    return Done(link(page="settings"), Note("loglevel"))


async def _site(parts: AdminParts, request: IRequest, form: Form, system: str) -> Done:
    names = ("operator_name", "imprint_url", "privacy_url")
    # What an option of the command line says is shown, not sent.
    wanted: dict[str, Any] = {
        name: form[name].strip() or None for name in names if name in form
    }
    days = form.get("retention_days", "").strip()
    if days:
        is_number = days.isascii() and days.isdigit() and len(days) < 6
        wanted["retention_days"] = int(days) if is_number else None
    await ask(parts.settings.change, request, wanted)
    return Done(link(page="settings"), Note("site"))


async def _import(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    query = {"existing": "skip"} if form.get("skip") else {}
    table = form.get("table", "")
    found = await ask(parts.tables.import_all, request, table, query=query)
    return Done(link(page="import"), Note("imported", found))


async def _logout(
    parts: AdminParts, request: IRequest, form: Form, system: str
) -> Done:
    await ask(parts.session.end, request)
    return Done("", logged_out=True)


_SITE = ("operator_name", "imprint_url", "privacy_url", "retention_days")
_CLOUD_PASSWORD = {"password": "cloud_password"}
#: By what the button that was pressed is called.
ACTIONS: Mapping[str, Action] = {
    "add": Action(
        _add,
        controls=("cloud_id", "cloud_password", "name"),
        typed=("cloud_id", "name"),
        names=_CLOUD_PASSWORD,
    ),
    "rename": Action(_rename, controls=("name",), typed=("name",)),
    "enable": Action(_enable),
    "disable": Action(_disable),
    "disconnect": Action(_disconnect),
    "rotate": Action(
        _rotate,
        fresh=True,
        controls=("cloud_password", PROOF),
        names=_CLOUD_PASSWORD,
    ),
    "remove": Action(_remove, fresh=True, controls=(PROOF,), typed=("erase",)),
    "certificate": Action(
        _certificate,
        fresh=True,
        controls=("certificate", "private_key", PROOF),
        typed=("certificate",),
    ),
    "certificate-remove": Action(
        _remove_certificate, fresh=True, controls=(PROOF,), typed=("key",)
    ),
    "password": Action(
        _password,
        fresh=True,
        controls=("new_password", "repeated_password", PROOF),
        names={"new": "new_password"},
    ),
    "loglevel": Action(_loglevel, controls=("loglevel",)),
    "site": Action(_site, controls=_SITE, typed=_SITE),
    "import": Action(_import, controls=("table",), typed=("table", "skip")),
    "logout": Action(_logout),
    **KEY_ACTIONS,
}
