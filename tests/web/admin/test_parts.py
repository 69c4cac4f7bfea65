"""What the operator's page is made of: pictures, notes, addresses, numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from cfos_cloud.registry import DuplicateSystem
from cfos_cloud.web import wording
from cfos_cloud.web.admin import charts
from cfos_cloud.web.admin.access import device_command, qr_code
from cfos_cloud.web.admin.notes import AdminNotes
from cfos_cloud.web.admin.problem import PROOF, trouble_of
from cfos_cloud.web.notes import Note
from cfos_cloud.web.operator.session import OperatorSessions
from cfos_cloud.web.problem import InvalidInput, Reauthenticate, TooManyAttempts
from cfos_cloud.web.public_address import PublicAddress

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=90)


def connection(started: datetime, ended: datetime | None) -> dict[str, Any]:
    return {
        "started": started.isoformat(),
        "ended": None if ended is None else ended.isoformat(),
    }


class ChartTests(SynchronousTestCase):
    def test_a_week_ends_with_the_present_day(self) -> None:
        first = charts.first_day(NOON)
        self.assertEqual(first, MIDNIGHT - timedelta(days=6))
        chart = charts.timeline([], NOON)
        self.assertEqual((chart.days[0], chart.days[-1]), (first, MIDNIGHT))
        self.assertEqual(chart.paths, {"online": ""})

    def test_a_connection_is_a_bar_where_it_was(self) -> None:
        day = charts.WIDTH / charts.DAYS
        items = [connection(MIDNIGHT - timedelta(days=1), MIDNIGHT)]
        path = charts.timeline(items, NOON).paths["online"]
        self.assertEqual(path, f"M{5 * day:.1f} 0.0h{day:.1f}v24.0h{-day:.1f}z")

    def test_one_that_lasts_goes_on_until_now(self) -> None:
        items = [connection(MIDNIGHT, None)]
        path = charts.timeline(items, NOON).paths["online"]
        self.assertIn(f"h{charts.WIDTH / 14:.1f}v", path)

    def test_one_that_began_before_begins_with_the_picture(self) -> None:
        items = [connection(NOON - timedelta(days=30), None)]
        path = charts.timeline(items, NOON).paths["online"]
        self.assertTrue(path.startswith("M0.0 "))
        self.assertEqual(charts.online_share(items, NOON, LONG_AGO), 100)

    def test_what_overlaps_counts_once(self) -> None:
        first = charts.first_day(NOON)
        half = first + (NOON - first) / 2
        items = [connection(first, half), connection(first, half)]
        self.assertEqual(charts.online_share(items, NOON, LONG_AGO), 50)
        self.assertEqual(charts.online_share([], NOON, LONG_AGO), 0)

    def test_before_it_was_added_it_could_not_be_online(self) -> None:
        items = [connection(NOON - timedelta(hours=1), None)]
        created = NOON - timedelta(hours=2)
        self.assertEqual(charts.online_share(items, NOON, created), 50)

    def test_the_highest_hour_fills_the_height(self) -> None:
        hours = [
            {"hour": MIDNIGHT.isoformat(), "bytes_in": 300, "bytes_out": 100},
            {"hour": NOON.isoformat(), "bytes_in": 0, "bytes_out": 0},
        ]
        chart = charts.traffic(hours, NOON)
        self.assertEqual(chart.top, 400)
        heights = [
            float(re.findall(r"v([\d.]+)", chart.paths[name])[0])
            for name in ("received", "sent")
        ]
        self.assertEqual(heights, [90.0, 30.0])

    def test_without_traffic_there_is_no_picture_of_it(self) -> None:
        self.assertEqual(charts.traffic([], NOON).top, 0)


class NoteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = OperatorSessions(lambda: 0.0)
        self.session = self.sessions.create("192.0.2.1")
        self.notes = AdminNotes()

    def test_it_is_said_once_and_to_nobody_else(self) -> None:
        note = Note("added", {"password": "secret"})
        self.notes.put(self.session, note)
        other = self.sessions.create("192.0.2.2")
        self.assertIsNone(self.notes.take(other))
        self.assertIs(self.notes.take(self.session), note)
        self.assertIsNone(self.notes.take(self.session))
        self.assertEqual(self.session.streams, set())

    def test_it_goes_with_its_session(self) -> None:
        self.notes.put(self.session, Note("added"))
        self.sessions.end(self.session)
        self.assertEqual(len(self.notes), 0)
        self.notes.put(self.session, Note("added"))
        self.assertEqual(len(self.notes), 0)

    def test_a_second_one_takes_the_place_of_the_first(self) -> None:
        self.notes.put(self.session, Note("added"))
        self.notes.put(self.session, Note("renamed"))
        found = self.notes.take(self.session)
        assert found is not None
        self.assertEqual(found.said, "renamed")

    def test_no_log_can_have_its_values(self) -> None:
        self.assertNotIn("secret", repr(Note("added", {"password": "secret"})))


def asked_at(host: str, *, secure: bool = True) -> Any:
    request: Any = DummyRequest([b""])
    request.requestHeaders.setRawHeaders(b"host", [host.encode()])
    request.secure = secure
    return request


class AddressTests(SynchronousTestCase):
    def test_device_ends_go_where_the_operator_went(self) -> None:
        address = PublicAddress()
        for host in ("cloud.example:4443", "cloud.example", "[::1]:4443"):
            self.assertEqual(address.url(asked_at(host)), f"https://{host}")
        url = address.url(asked_at("localhost:80", secure=False))
        self.assertEqual(url, "http://localhost:80")

    def test_but_not_to_the_operator_s_own_port(self) -> None:
        url = PublicAddress(port=4443).url(asked_at("cloud.example:9443"))
        self.assertEqual(url, "https://cloud.example:4443")

    def test_a_name_of_its_own_comes_first(self) -> None:
        address = PublicAddress("cloud.example", 4443)
        url = address.url(asked_at("localhost:9443"))
        self.assertEqual(url, "https://cloud.example:4443")

    def test_what_is_no_host_gets_into_no_command(self) -> None:
        url = PublicAddress().url(asked_at("x;reboot"))
        self.assertEqual(url, "https://localhost")

    def test_the_command_names_no_password(self) -> None:
        command = device_command("https://a.example", "W00-008J")
        self.assertIn("--cloud-id W00-008J --password-file cloud-password", command)

    def test_a_qr_code_is_a_path_with_a_white_rim(self) -> None:
        code = qr_code("https://a.example:4443", "W00-008J", "p" * 26)
        self.assertTrue(code.path.startswith("M4 4h1v1h-1z"))
        self.assertGreater(code.size, 21 + 8)


class TextTests(SynchronousTestCase):
    def test_amounts_have_their_unit_and_the_language_s_point(self) -> None:
        for count, language, text in (
            (0, "en", "0 B"),
            (999, "en", "999 B"),
            (1_234, "en", "1.2 kB"),
            (999_960, "de", "1,0 MB"),
            (5 * 10**15, "pt", "5,0 PB"),
        ):
            said = wording.amount(count, language).replace("\xa0", " ")
            self.assertEqual(said, text)

    def test_a_link_leaves_out_what_is_empty(self) -> None:
        self.assertEqual(wording.link(system="a b", ask=None), "?system=a+b")


class TroubleTests(SynchronousTestCase):
    def trouble(self, error: Exception, **more: Any) -> Any:
        values = {"typed": {}, "names": {}, "controls": ("cloud_id", PROOF), **more}
        return trouble_of(error, "add", **values)

    def test_it_is_said_beside_the_control_that_it_is_about(self) -> None:
        found = self.trouble(InvalidInput("cloud_id", "is no Cloud ID"))
        self.assertEqual((found.field, found.code), ("cloud_id", "bad-id"))
        found = self.trouble(InvalidInput("other", "odd"))
        self.assertEqual((found.field, found.code, found.detail), ("", "", "odd"))

    def test_the_api_s_names_become_the_form_s(self) -> None:
        error = InvalidInput("password", "a chosen Cloud password has at least 12 …")
        names = {"password": "cloud_password"}
        found = self.trouble(error, names=names, controls=("cloud_password",))
        self.assertEqual((found.field, found.code), ("cloud_password", "short"))

    def test_others_have_their_codes(self) -> None:
        self.assertEqual(self.trouble(Reauthenticate()).field, PROOF)
        self.assertEqual(self.trouble(DuplicateSystem("A")).code, "duplicate")
        self.assertEqual(self.trouble(TooManyAttempts(1.5)).seconds, 2)
        self.assertIsNone(self.trouble(ZeroDivisionError()))
