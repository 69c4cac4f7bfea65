"""The charging site as its addresses know it: what it shows, what can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.logger import Logger

from cfos_cloud.demo.site.accounts import Accounts
from cfos_cloud.demo.site.cloud_service import CloudService
from cfos_cloud.demo.site.firmware import Firmware
from cfos_cloud.demo.site.model.simulation import Simulation
from cfos_cloud.demo.site.settings import CloudSettings, SiteSettings
from cfos_cloud.demo.site.store import SettingsStore
from cfos_cloud.demo.site.visitors import Role, Visitor

#: Who sees the whole site.
_SEES_ALL = frozenset({Role.ADMIN, Role.API})


class UserTaken(Exception):
    """There is a user of this name already."""


class ChargingSite:
    """All parts of it; ``seconds`` is a clock that never goes back."""

    log = Logger()

    def __init__(
        self,
        simulation: Simulation,
        store: SettingsStore,
        accounts: Accounts,
        cloud: CloudService,
        seconds: Callable[[], float],
    ) -> None:
        self.simulation = simulation
        self.store = store
        self.accounts = accounts
        self.cloud = cloud
        self.firmware = Firmware(store.settings.firmware, seconds)
        self._listeners: set[Callable[[], object]] = set()
        self._apply(store.settings)

    @property
    def settings(self) -> SiteSettings:
        return self.store.settings

    # who sees what

    def wallboxes_of(self, visitor: Visitor) -> list[str]:
        """The wallboxes that this visitor may see."""
        everything = list(self.simulation.wallboxes)
        if visitor.role in _SEES_ALL:
            return everything
        own = self.settings.users.get(visitor.name)
        if visitor.role is not Role.USER or own is None:
            return []
        return [id_ for id_ in everything if id_ == own]

    # time

    def watch(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have ``listener`` called each second; returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def tick(self, now: float) -> None:
        """Go on to ``now``, and show it to whoever watches."""
        self.simulation.step(now)
        self.tell()

    def tell(self) -> None:
        """Show the present state to whoever watches."""
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:  # the others watch on
                self.log.failure("a live page could not be told")

    # changes: what returns is on the disk

    async def change_wallbox(
        self,
        id_: str,
        *,
        enabled: bool | None = None,
        current_limit_a: float | None = None,
        name: str | None = None,
    ) -> None:
        """What is ``None`` stays."""

        def change(settings: SiteSettings) -> SiteSettings:
            box = settings.wallboxes[id_]
            new = replace(
                box,
                enabled=box.enabled if enabled is None else enabled,
                current_limit_a=(
                    box.current_limit_a if current_limit_a is None else current_limit_a
                ),
                name=box.name if name is None else name,
            )
            return settings.with_wallbox(id_, new)

        await self._change(change)

    async def change_site(self, *, name: str | None, limit_w: int | None) -> None:
        """What is ``None`` stays."""
        await self._change(
            lambda settings: replace(
                settings,
                name=settings.name if name is None else name,
                limit_w=settings.limit_w if limit_w is None else limit_w,
            )
        )

    async def change_cloud(self, cloud: CloudSettings) -> None:
        """Keep these, and run what they ask for."""
        await self._change(lambda settings: replace(settings, cloud=cloud))
        self.cloud.apply(cloud)

    async def add_user(self, name: str, wallbox: str | None) -> str:
        """
        The ID of a new user.

        :raises UserTaken: there is one of this name, in any case of letters.
        """
        known = {known.lower() for known in self.accounts.user_names}
        if name.lower() in known:
            raise UserTaken
        user_id = await self.accounts.add_user(name)
        try:
            await self._change(lambda settings: settings.with_user(name, wallbox))
        except Exception:
            # Nobody was told the ID.
            await self.accounts.remove_user(name)
            raise
        return user_id

    async def move_user(self, name: str, wallbox: str | None) -> None:
        """Give a user another wallbox."""
        await self._change(lambda settings: settings.with_user(name, wallbox))
        self.tell()

    async def remove_user(self, name: str) -> None:
        """The user gets in no more."""
        await self.accounts.remove_user(name)
        await self._change(lambda settings: settings.without_user(name))

    async def restart(self) -> None:
        """Install what was uploaded, and be away for a moment."""
        version = self.firmware.next_version
        await self._change(lambda settings: replace(settings, firmware=version))
        self.firmware.restart()
        self.tell()

    # within

    async def _change(self, change: Callable[[SiteSettings], SiteSettings]) -> None:
        self._apply(await self.store.change(change))
        self.tell()

    def _apply(self, settings: SiteSettings) -> None:
        simulation = self.simulation
        simulation.limit(settings.limit_w)
        for id_, box in settings.wallboxes.items():
            simulation.pause(id_, not box.enabled)
            simulation.limit_current(id_, box.current_limit_a)
