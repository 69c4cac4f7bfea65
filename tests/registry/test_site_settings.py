"""Name and links of the operator, given by options or stored."""

from __future__ import annotations

from cfos_cloud.events import Event, EventKind, Origin
from cfos_cloud.registry import DatabaseError, SiteInfoFixed, SiteSettings
from cfos_cloud.site_info import SiteInfo
from tests.registry.support import ManualWorker, RegistryCase

STORED = SiteInfo("Stadtwerke", "https://a.example/i", "https://a.example/p")


class SiteSettingsTests(RegistryCase):
    def make(self, given: SiteInfo | None = None) -> SiteSettings:
        settings = SiteSettings(self.database, self.events, given or SiteInfo())
        settings.load()
        return settings

    def test_at_first_nothing_is_said(self) -> None:
        self.assertEqual(self.make().current(), SiteInfo())

    def test_a_change_is_said_at_once_and_after_a_restart(self) -> None:
        settings = self.make()
        self.successResultOf(settings.change(STORED))
        self.assertEqual(settings.current(), STORED)
        self.restart()
        self.assertEqual(self.make().current(), STORED)

    def test_what_is_taken_back_is_said_no_more(self) -> None:
        settings = self.make()
        self.successResultOf(settings.change(STORED))
        self.successResultOf(settings.change(SiteInfo("Only a name")))
        self.assertEqual(self.make().current(), SiteInfo("Only a name"))

    def test_an_option_wins_and_says_that_it_does(self) -> None:
        self.successResultOf(self.make().change(STORED))
        settings = self.make(SiteInfo("Given"))
        self.assertEqual(
            settings.current(),
            SiteInfo("Given", STORED.imprint_url, STORED.privacy_url),
        )
        self.assertEqual(settings.fixed, {"operator_name"})

    def test_what_an_option_gives_can_not_be_changed_here(self) -> None:
        settings = self.make(SiteInfo("Given"))
        failure = self.failureResultOf(settings.change(STORED), SiteInfoFixed)
        self.assertEqual(failure.value.name, "operator_name")
        self.assertIn("--operator-name", failure.getErrorMessage())
        self.assertEqual(self.make().current(), SiteInfo())
        for name in (None, "Given"):
            new = SiteInfo(name, "https://b.example")
            self.successResultOf(settings.change(new))
            self.assertEqual(settings.current(), SiteInfo("Given", "https://b.example"))

    def test_a_change_is_an_event_and_no_change_is_none(self) -> None:
        settings = self.make()
        new = SiteInfo("Stadtwerke", privacy_url="https://a.example/p")
        told: list[Event] = []
        self.events.subscribe(told.append)
        for _ in range(2):
            self.successResultOf(settings.change(new, Origin("operator", "192.0.2.9")))
        (event,) = self.kept()
        self.assertEqual(event.kind, EventKind.SETTINGS_CHANGED)
        self.assertEqual(
            (event.actor, event.detail), ("operator", "operator_name, privacy_url")
        )
        self.assertEqual([each.kind for each in told], [EventKind.SETTINGS_CHANGED])

    def test_nothing_is_said_before_it_is_stored(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        settings = self.make()
        changing = settings.change(STORED)
        self.assertEqual(settings.current(), SiteInfo())
        worker.run_all()
        self.successResultOf(changing)
        self.assertEqual(settings.current(), STORED)

    def test_what_could_not_be_stored_is_not_said(self) -> None:
        settings = self.make()
        self.successResultOf(self.database.close())
        self.failureResultOf(settings.change(STORED), DatabaseError)
        self.assertEqual(settings.current(), SiteInfo())
