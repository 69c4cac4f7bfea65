"""
The vendor's own interface: ``/cnf?cmd=…`` in GET and POST, and the meter's JSON.

Commands that change something are GETs as well, and none asks for a header: so the
real devices do it, and so their clients use them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from math import ceil
from typing import Any

from cfos_cloud.demo.site import checks, documents, vendor_documents
from cfos_cloud.demo.site.access import Access
from cfos_cloud.demo.site.accounts import password_problem
from cfos_cloud.demo.site.calls import Answer, Call, Invalid, Refused
from cfos_cloud.demo.site.model.meter import smart_meter
from cfos_cloud.demo.site.model.simulation import METER
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A, Wallbox
from cfos_cloud.demo.site.routes import Needs, route
from cfos_cloud.demo.site.settings import LEAST_LIMIT_W, MOST_LIMIT_W
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.visitors import NOBODY, AccessRefused, Role, Visitor
from cfos_cloud.device.users import ADMIN
from cfos_cloud.throttle import Throttle, source_key

OK = "ok"
_EVERYBODY = frozenset(Role)
#: A wallbox reads the card of whoever stands before it, and of no program.
_PASSERS_BY = _EVERYBODY - {Role.API}
_ANYBODY = frozenset({Role.ADMIN, Role.USER, Role.API})
_READERS = frozenset({Role.ADMIN, Role.API})
_PEOPLE = frozenset({Role.ADMIN, Role.USER})
_ADMIN = frozenset({Role.ADMIN})

Command = Callable[[Call], Coroutine[Any, Any, object]]


class Vendor:
    """
    :param access: asked only for commands that need to know who it is.
    :param throttle: of user IDs that are entered at a wallbox.
    """

    def __init__(self, site: ChargingSite, access: Access, throttle: Throttle) -> None:
        self._site = site
        self._access = access
        self._throttle = throttle
        self._commands: Mapping[str, tuple[frozenset[Role], Command]] = {
            "get_dev_info": (_EVERYBODY, self._get_dev_info),
            "enter_rfid": (_PASSERS_BY, self._enter_rfid),
            "get_params": (_ANYBODY, self._get_params),
            "get_devices": (_ANYBODY, self._get_devices),
            "get_dev_types": (_ANYBODY, self._get_dev_types),
            "get_users": (_ANYBODY, self._get_users),
            "get_user": (_ANYBODY, self._get_user),
            "get_cm_vars": (_READERS, self._get_cm_vars),
            "set_params": (_ADMIN, self._set_params),
            "set_device": (_ADMIN, self._set_device),
            "del_device": (_ADMIN, self._del_device),
            "reset_device": (_ADMIN, self._reset_device),
            "override_device": (_PEOPLE, self._override_device),
            "set_user": (_PEOPLE, self._set_user),
            "change_admin_pwd": (_ADMIN, self._change_admin_pwd),
        }

    @route("/cnf", needs=Needs.NOTHING)
    async def get(self, call: Call) -> Answer:
        return await self._run(call)

    @route("/cnf", method="POST", needs=Needs.NOTHING, guarded=False)
    async def post(self, call: Call) -> Answer:
        return await self._run(call)

    @route("/api/json/<device>/values/smart-meter", needs=Needs.ANYBODY)
    async def smart_meter(self, call: Call, device: str) -> Answer:
        """In thousandths. A user has no meter, and is told so as a wrong token is."""
        if call.visitor.role is Role.USER:
            raise AccessRefused(401, "forbidden")
        if device not in ("local", METER):
            raise Refused(404, "unknown")
        return Answer(body=smart_meter(self._site.simulation.reading))

    async def _run(self, call: Call) -> Answer:
        roles, command = self._commands.get(call.parameter("cmd"), (None, None))
        if roles is None or command is None:
            raise Refused(404, "unknown")
        visitor = await self._visitor(call, nobody=Role.NOBODY in roles)
        if visitor.role not in roles:
            raise Refused(403, "forbidden")
        return Answer(body=await command(Call(call.request, visitor)))

    async def _visitor(self, call: Call, *, nobody: bool) -> Visitor:
        try:
            return await self._access.visitor(call.headers, call.address)
        except AccessRefused as error:
            if nobody and error.status == 401 and b"authorization" not in call.headers:
                return NOBODY
            raise

    # commands that read

    async def _get_dev_info(self, call: Call) -> object:
        """Whoever is on the local network may see this much."""
        site, visitor = self._site, call.visitor
        boxes = list(site.simulation.wallboxes)
        if visitor.role is not Role.NOBODY:
            boxes = site.wallboxes_of(visitor)
        meter = visitor.role is not Role.USER
        return {
            "params": vendor_documents.params(site),
            **vendor_documents.devices(site, boxes, meter=meter),
            "auth_cnt": len(site.accounts.user_names),
            "loadmgr_disabled": False,
        }

    async def _get_params(self, call: Call) -> object:
        return vendor_documents.params(self._site)

    async def _get_devices(self, call: Call) -> object:
        boxes = self._site.wallboxes_of(call.visitor)
        meter = call.visitor.role is not Role.USER
        return vendor_documents.devices(self._site, boxes, meter=meter)["devices"]

    async def _get_dev_types(self, call: Call) -> object:
        return list(vendor_documents.DEVICE_TYPES)

    async def _get_users(self, call: Call) -> object:
        visitor = call.visitor
        return [
            {
                "name": user["name"],
                "evses": [user["wallbox"]] if user["wallbox"] else [],
            }
            for user in documents.users(self._site)
            if visitor.role is not Role.USER or user["name"] == visitor.name
        ]

    async def _get_user(self, call: Call) -> object:
        """Oneself, or for whoever sees the whole site ``name``."""
        name = call.visitor.name
        if call.visitor.role is not Role.USER:
            name = call.parameter("name") or ADMIN
        if name == ADMIN:
            return {"name": ADMIN, "admin": True, "evses": list(self._boxes)}
        if name not in self._site.accounts.user_names:
            raise Refused(404, "unknown")
        own = self._site.settings.users.get(name)
        return {"name": name, "admin": False, "evses": [own] if own else []}

    async def _get_cm_vars(self, call: Call) -> object:
        return vendor_documents.variables(self._site)

    # commands that change something

    async def _set_params(self, call: Call) -> object:
        """``title``, ``max_total_current`` in mA; the rest is ignored."""
        data = self._data(call)
        limit = name = None
        if "title" in data:
            name = checks.site_name({"name": data["title"]})
        if "max_total_current" in data:
            least = vendor_documents.milliamperes(LEAST_LIMIT_W) - 1
            most = vendor_documents.milliamperes(MOST_LIMIT_W) + 1
            current = checks.number(data, "max_total_current", least, most)
            limit = vendor_documents.limit_of(current)
            limit = min(max(limit, LEAST_LIMIT_W), MOST_LIMIT_W)
        await self._site.change_site(name=name, limit_w=limit)
        return OK

    async def _set_device(self, call: Call) -> object:
        """``{"devices": [{"dev_id", "name"?, "max_charging_cur"? in mA}]}``."""
        data = self._data(call)
        listed = data.get("devices")
        changes = listed if isinstance(listed, list) else [data]
        for change in changes:
            if not isinstance(change, dict):
                raise Invalid(devices="invalid")
            await self._change_device(change)
        return OK

    async def _change_device(self, change: Mapping[str, object]) -> None:
        id_ = self._wallbox(change)
        name = checks.site_name(change) if "name" in change else None
        await self._site.change_wallbox(
            id_,
            name=name,
            current_limit_a=self._amperes(change, "max_charging_cur", id_),
        )

    async def _del_device(self, call: Call) -> object:
        self._device(self._data(call))
        raise Refused(409, "built-in")

    async def _reset_device(self, call: Call) -> object:
        id_ = self._device(self._data(call))
        if id_ in self._boxes:
            self._boxes[id_].restart()
        return OK

    async def _override_device(self, call: Call) -> object:
        """``mamps``; ``flags``: C pauses, c goes on, other letters do nothing here."""
        data = self._data(call)
        id_ = self._wallbox(data)
        if id_ not in self._site.wallboxes_of(call.visitor):
            raise Refused(404, "unknown")
        flags, enabled = checks.text(data, "flags"), None
        if "C" in flags or "c" in flags:
            enabled = "C" not in flags
        current = self._amperes(data, "mamps", id_)
        await self._site.change_wallbox(id_, enabled=enabled, current_limit_a=current)
        return OK

    async def _enter_rfid(self, call: Call) -> object:
        """A user ID in ``rfid``, at ``dev_id`` or the user's wallbox."""
        data, keys = self._data(call), (source_key(call.address),)
        wait = self._throttle.wait(keys)
        if wait > 0:
            raise Refused(429, "throttled", (b"Retry-After", b"%d" % ceil(wait)))
        self._throttle.begin(keys)
        account = None
        try:
            account = await self._site.accounts.prove("", checks.text(data, "rfid"))
        finally:
            is_wrong = account is None
            (self._throttle.failed if is_wrong else self._throttle.succeeded)(keys)
        if account is None:
            raise Refused(403, "unknown-id")
        own = self._site.settings.users.get(account.name)
        id_ = self._wallbox(data) if "dev_id" in data else own
        if id_ is None or not self._site.simulation.sessions.identify(
            id_, account.name
        ):
            raise Refused(409, "no-vehicle")
        return OK

    async def _set_user(self, call: Call) -> object:
        """
        The admin gives user ``name`` the wallbox ``dev_id``; users set ``mamps`` of
        their own.
        """
        site, data = self._site, self._data(call)
        if call.visitor.role is Role.ADMIN:
            name = checks.text(data, "name")
            if name not in site.accounts.user_names:
                raise Refused(404, "unknown")
            await site.move_user(name, self._wallbox(data))
            return OK
        for id_ in site.wallboxes_of(call.visitor):
            current = self._amperes(data, "mamps", id_)
            await site.change_wallbox(id_, current_limit_a=current)
        return OK

    async def _change_admin_pwd(self, call: Call) -> object:
        data = self._data(call)
        old, new = data.get("old_pwd", ""), data.get("new_pwd", "")
        if not isinstance(old, str) or not isinstance(new, str):
            raise Invalid(new_pwd="invalid")  # noqa: S106 - a code
        problem = password_problem(new)
        if problem is not None:
            raise Invalid(new_pwd=problem)
        if not await self._site.accounts.change_admin_password(old, new):
            raise Refused(403, "wrong")
        self._site.tell()
        return OK

    # within

    @property
    def _boxes(self) -> Mapping[str, Wallbox]:
        return self._site.simulation.wallboxes

    def _data(self, call: Call) -> Mapping[str, object]:
        """The query, and the members of a body on top."""
        if call.request.method != b"POST" or call.is_form:
            return call.parameters
        return {**call.parameters, **call.members}

    def _device(self, data: Mapping[str, object]) -> str:
        id_ = checks.text(data, "dev_id")
        if id_ not in self._boxes and id_ != METER:
            raise Refused(404, "unknown")
        return id_

    def _wallbox(self, data: Mapping[str, object]) -> str:
        id_ = checks.text(data, "dev_id")
        if id_ not in self._boxes:
            raise Refused(404, "unknown")
        return id_

    def _amperes(
        self, data: Mapping[str, object], name: str, wallbox: str
    ) -> float | None:
        """mA, taken to what the wallbox can; ``None`` where it isn't said."""
        if name not in data:
            return None
        current = checks.number(data, name, 0, 1_000_000) / 1000
        return min(max(current, MIN_CURRENT_A), self._boxes[wallbox].max_current_a)
