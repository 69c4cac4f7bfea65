"""What only the admin uses: users, settings, passwords, the cloud service."""

from __future__ import annotations

import json
import typing

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.demo.site import checks, documents
from cfos_cloud.demo.site.accounts import password_problem
from cfos_cloud.demo.site.calls import Answer, Call, Invalid, Refused
from cfos_cloud.demo.site.event_stream import EventStream
from cfos_cloud.demo.site.firmware import RESTART_SECONDS
from cfos_cloud.demo.site.routes import Needs, route
from cfos_cloud.demo.site.settings import LEAST_LIMIT_W, MOST_LIMIT_W
from cfos_cloud.demo.site.site import ChargingSite, UserTaken
from cfos_cloud.demo.site.store import SettingsFull
from cfos_cloud.device.user_tool import UserToolError


class CreatedPage(typing.Protocol):
    """The page of users, with a new user's ID."""

    def __call__(self, call: Call, created: dict[str, object]) -> Answer: ...


class UsersAPI:
    """The users and their wallboxes. An ID is shown once."""

    log = Logger()

    def __init__(self, site: ChargingSite, created_page: CreatedPage) -> None:
        self._site = site
        self._created_page = created_page

    @route("/api/site/users", needs=Needs.ADMIN)
    async def users(self, call: Call) -> Answer:
        return Answer(body={"items": documents.users(self._site)})

    @route("/api/site/users", method="POST", needs=Needs.ADMIN)
    async def add(self, call: Call) -> Answer:
        """A form may also ask to remove somebody, or to move them."""
        if call.is_form and (name := call.parameter("remove")):
            return await self.remove(call, name)
        if call.is_form and (name := call.parameter("change")):
            return await self.move(call, name)
        site, data = self._site, call.members
        name = checks.user_name(data)
        wallbox = checks.wallbox(data, site.settings.wallboxes)
        try:
            user_id = await site.add_user(name, wallbox)
        except UserTaken:
            raise Invalid(name="taken") from None
        except (UserToolError, SettingsFull) as error:
            raise self._failed(error) from error
        created: dict[str, object] = {"name": name, "wallbox": wallbox, "id": user_id}
        if call.is_form:
            return self._created_page(call, created)
        return Answer(201, created)

    @route("/api/site/users/<name>", method="PATCH", needs=Needs.ADMIN)
    async def move(self, call: Call, name: str) -> Answer:
        self._check_known(name)
        wallbox = checks.wallbox(call.members, self._site.settings.wallboxes)
        await self._site.move_user(name, wallbox)
        return Answer(body={"name": name, "wallbox": wallbox})

    @route("/api/site/users/<name>", method="DELETE", needs=Needs.ADMIN)
    async def remove(self, call: Call, name: str) -> Answer:
        self._check_known(name)
        try:
            await self._site.remove_user(name)
        except UserToolError as error:
            raise self._failed(error) from error
        return Answer(200 if call.is_form else 204, done="removed")

    def _check_known(self, name: str) -> None:
        if name not in self._site.accounts.user_names:
            raise Refused(404, "unknown")

    def _failed(self, error: Exception) -> Refused:
        self.log.error("the users can't be changed: {why}", why=str(error) or "full")
        return Refused(503, "unavailable", (b"Retry-After", b"5"))


class SettingsAPI:
    """Settings of the site, its admin password, its restart."""

    def __init__(self, site: ChargingSite) -> None:
        self._site = site

    @route("/api/site/settings", needs=Needs.ADMIN)
    async def settings(self, call: Call) -> Answer:
        return Answer(body=documents.settings(self._site))

    @route("/api/site/settings", method="POST", needs=Needs.ADMIN)
    async def change(self, call: Call) -> Answer:
        data, limit = call.members, None
        name = checks.site_name(data) if "name" in data else None
        if "limit_w" in data:
            limit = int(checks.number(data, "limit_w", LEAST_LIMIT_W, MOST_LIMIT_W))
        await self._site.change_site(name=name, limit_w=limit)
        return Answer(body=documents.settings(self._site))

    @route("/api/site/admin-password", method="POST", needs=Needs.ADMIN)
    async def change_password(self, call: Call) -> Answer:
        """``{old, new}``; an empty new one ends log-ins through the cloud."""
        old, new = call.members.get("old", ""), call.members.get("new")
        if not isinstance(old, str) or not isinstance(new, str):
            raise Invalid(new="required")
        problem = password_problem(new)
        if problem is not None:
            raise Invalid(new=problem)
        if not await self._site.accounts.change_admin_password(old, new):
            raise Invalid(old="wrong")
        self._site.tell()
        done = "password-saved" if new else "password-removed"
        return Answer(body={"admin_password_set": bool(new)}, done=done)

    @route("/api/site/restart", method="POST", needs=Needs.ADMIN)
    async def restart(self, call: Call) -> Answer:
        await self._site.restart()
        return Answer(202, {"seconds": RESTART_SECONDS}, done="restarted")


class CloudAPI:
    """The cloud service: what it is set to, and what it is doing."""

    def __init__(self, site: ChargingSite, clock: IReactorTime) -> None:
        self._site = site
        self._clock = clock

    @route("/api/site/cloud", needs=Needs.ADMIN)
    async def cloud(self, call: Call) -> Answer:
        return Answer(body=documents.cloud(self._site))

    @route("/api/site/cloud", method="POST", needs=Needs.ADMIN)
    async def change(self, call: Call) -> Answer:
        kept = self._site.settings.cloud
        cloud = checks.cloud(call.members, kept, is_form=call.is_form)
        await self._site.change_cloud(cloud)
        return Answer(body=documents.cloud(self._site), done="cloud-saved")

    @route("/api/site/cloud/events", needs=Needs.ADMIN)
    async def events(self, call: Call) -> Deferred[None]:
        """The same document, at once and after each change."""
        site = self._site
        stream = EventStream(
            call.request, self._clock, lambda: json.dumps(documents.cloud(site))
        )
        return stream.start(site.cloud.watch)
