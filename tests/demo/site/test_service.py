"""The site as a service: what it shows before its first second is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site import documents
from cfos_cloud.demo.site.model.wallbox import WallboxState
from cfos_cloud.demo.site.service import SiteOptions, SiteService
from cfos_cloud.demo.site.settings import SiteSettings
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.store import save_settings
from cfos_cloud.demo.site.visitors import Role, Visitor
from tests.demo.site.support import NOW


class StartTests(SynchronousTestCase):
    def site(self, *, paused: bool) -> ChargingSite:
        directory = Path(self.mktemp())
        directory.mkdir()
        settings = SiteSettings("W00-008J")
        box = replace(settings.wallboxes["E1"], enabled=not paused)
        save_settings(directory, settings.with_wallbox("E1", box))
        service = SiteService(MemoryReactorClock(), SiteOptions(directory), lambda: NOW)
        return service.site

    def test_a_car_charges_at_once(self) -> None:
        box = self.site(paused=False).simulation.wallboxes["E1"]
        self.assertIs(box.state, WallboxState.CHARGING)

    def test_a_wallbox_that_was_paused_gives_nothing_not_even_for_a_second(
        self,
    ) -> None:
        site = self.site(paused=True)
        state = documents.state(site, Visitor(Role.ADMIN, "admin"))
        self.assertEqual(state["wallboxes"][0]["power_w"], 0)  # type: ignore[index]
        self.assertEqual(site.simulation.load.total, site.simulation.house_w)
        box = site.simulation.wallboxes["E1"]
        self.assertIs(box.state, WallboxState.VEHICLE_PRESENT)
