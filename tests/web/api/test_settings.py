"""``settings`` of the operator API, over the real stores."""

from __future__ import annotations

from cfos_cloud.events import EventKind
from cfos_cloud.registry import PreferenceStore, SiteSettings
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.web.api.settings import SettingsResource
from tests.web.api.case import RouteCase

DEFAULTS: dict[str, object] = {
    "operator_name": None,
    "imprint_url": None,
    "privacy_url": None,
    "retention_days": 90,
    "session_idle_minutes": 1440,
    "session_absolute_hours": 720,
    "fixed": [],
}


class SettingsCase(RouteCase):
    #: By options of the command line.
    given = SiteInfo()

    def resources(self) -> tuple[object, ...]:
        self.site = SiteSettings(self.database, self.events, self.given)
        self.site.load()
        self.preferences = PreferenceStore(self.database, self.events)
        self.preferences.load()
        return (SettingsResource(self.site, self.preferences),)


class SettingsTests(SettingsCase):
    def test_nothing_is_set_at_first(self) -> None:
        self.assertEqual(self.ask("GET", "/settings").json, DEFAULTS)

    def test_what_is_named_changes_and_stays(self) -> None:
        changes = {
            "operator_name": " Stadtwerke Ü ",
            "imprint_url": "https://example.org/imprint",
            "retention_days": 7,
        }
        changed = {**DEFAULTS, **changes, "operator_name": "Stadtwerke Ü"}
        reply = self.ask("PATCH", "/settings", json={**changes, "colour": "red"})
        self.assertEqual((reply.status, reply.json), (200, changed))
        self.make_api()
        self.assertEqual(self.ask("GET", "/settings").json, changed)
        reply = self.ask("PATCH", "/settings", json={"operator_name": None})
        self.assertEqual(reply.json, {**changed, "operator_name": None})

    def test_a_whole_number_may_be_written_as_any(self) -> None:
        reply = self.ask("PATCH", "/settings", data=b'{"retention_days": 7.0}')
        self.assertEqual(reply.status, 200)
        self.assertIn(b'"retention_days": 7,', reply.body)

    def test_each_change_is_written_down(self) -> None:
        self.ask("PATCH", "/settings", json={"operator_name": "X"})
        self.ask("PATCH", "/settings", json={"operator_name": "X"})
        self.ask("PATCH", "/settings", json={"retention_days": 7})
        page = self.successResultOf(self.events.page())
        told = {(event.kind, event.actor, event.detail) for event in page.items}
        kind = EventKind.SETTINGS_CHANGED
        self.assertEqual(len(page.items), 2)
        self.assertEqual(
            told,
            {
                (kind, "operator", "operator_name"),
                (kind, "operator", "retention_days 7"),
            },
        )

    def test_what_can_t_be_is_422_and_nothing_of_it_is_set(self) -> None:
        wrong: tuple[tuple[dict[str, object], str], ...] = (
            ({"operator_name": ""}, "operator_name"),
            ({"operator_name": 7}, "operator_name"),
            ({"operator_name": "x" * 81}, "operator_name"),
            ({"imprint_url": "javascript:alert(1)"}, "imprint_url"),
            ({"privacy_url": "example.org"}, "privacy_url"),
            ({"retention_days": 0}, "retention_days"),
            ({"retention_days": True}, "retention_days"),
            ({"retention_days": 7.5}, "retention_days"),
            ({"retention_days": None}, "retention_days"),
            ({"session_idle_minutes": 4}, "session_idle_minutes"),
            ({"session_absolute_hours": "12"}, "session_absolute_hours"),
        )
        for member, field in wrong:
            changes = {"operator_name": "X", "retention_days": 7, **member}
            self.assert_problem(
                self.ask("PATCH", "/settings", json=changes), 422, field
            )
        self.assertEqual(self.ask("GET", "/settings").json, DEFAULTS)


class FixedTests(SettingsCase):
    given = SiteInfo(operator_name="By option")

    def test_what_an_option_says_is_shown_as_fixed(self) -> None:
        fixed = {"operator_name": "By option", "fixed": ["operator_name"]}
        self.assertEqual(self.ask("GET", "/settings").json, {**DEFAULTS, **fixed})

    def test_it_is_not_changed_here(self) -> None:
        for name in ("other", None):
            reply = self.ask("PATCH", "/settings", json={"operator_name": name})
            self.assert_problem(reply, 409, "operator_name")
            self.assertIn("--operator-name", reply.json["detail"])
        same = {"operator_name": "By option"}
        self.assertEqual(self.ask("PATCH", "/settings", json=same).status, 200)

    def test_all_else_is(self) -> None:
        link = {"imprint_url": "https://example.org/imprint"}
        reply = self.ask("PATCH", "/settings", json=link)
        self.assertEqual(reply.json["imprint_url"], link["imprint_url"])
        self.assertEqual(reply.json["operator_name"], "By option")

    def test_what_was_set_before_the_option_stands_in_nobody_s_way(self) -> None:
        self.given = SiteInfo()
        self.make_api()
        self.ask("PATCH", "/settings", json={"operator_name": "Before"})
        self.given = SiteInfo(operator_name="By option")
        self.make_api()
        reply = self.ask("PATCH", "/settings", json={"retention_days": 8})
        self.assertEqual(reply.status, 200)
        link = {"imprint_url": "https://example.org/imprint"}
        self.assertEqual(self.ask("PATCH", "/settings", json=link).status, 200)
        self.given = SiteInfo()
        self.make_api()
        name = self.ask("GET", "/settings").json["operator_name"]
        self.assertEqual(name, "Before")
