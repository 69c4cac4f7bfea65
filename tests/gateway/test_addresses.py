"""Which addresses are ours."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.addresses import Place, accepts_html, login_path, place_of


class PlaceTests(SynchronousTestCase):
    def test_these_are_ours(self) -> None:
        for target in (
            b"/ui/en/cloud-login.htm",
            b"/ui/de/cloud-logout.htm",
            b"/ui/pt/cloud-admin.htm",
            b"/ui/fr/cloud-keys.htm",
            b"/ui/en/cloud-login.htm?next=/",
            b"/cloud/",
            b"/cloud/health",
            b"/cloud/metrics",
            b"/cloud/assets/cloud.css",
            b"/cloud/api/v1/systems?limit=1",
            b"/cloud/tunnels",
            b"/cloud/tunnel/",
            b"/cloud/../",
        ):
            self.assertIs(place_of(target), Place.OURS, target)

    def test_one_is_the_devices_way_in(self) -> None:
        self.assertIs(place_of(b"/cloud/tunnel"), Place.TUNNEL)
        self.assertIs(place_of(b"/cloud/tunnel?x"), Place.TUNNEL)

    def test_robots_are_told_where_there_is_no_session(self) -> None:
        self.assertIs(place_of(b"/robots.txt"), Place.ROBOTS)
        self.assertIs(place_of(b"/robots.txt?x"), Place.ROBOTS)

    def test_all_others_are_the_device_s(self) -> None:
        for target in (
            b"/",
            b"*",
            b"/?/cloud/health",
            b"/cloud",
            b"/cloud?x",
            b"/Cloud/health",
            b"/cloudy",
            b"/a/cloud/health",
            b"//cloud/health",
            b"/%63loud/health",
            b"/robots.txt/",
            b"/robots.txt.bak",
            b"/ui/en/",
            b"/ui/en/index.htm",
            b"/ui/en/cloud-login.html",
            b"/ui/en/cloud-login.htm/",
            b"/ui/en/cloud-other.htm",
            b"/ui/eng/cloud-login.htm",
            b"/ui/EN/cloud-login.htm",
            b"/ui//cloud-login.htm",
            b"/ui/en/x/cloud-login.htm",
            b"/ui/en/cloud-loginxhtm",
            b"/api/json/systems",
        ):
            self.assertIs(place_of(target), Place.DEVICE, target)

    def test_the_log_in_page_is_one_of_ours(self) -> None:
        self.assertEqual(login_path("de"), b"/ui/de/cloud-login.htm")
        self.assertIs(place_of(login_path("pt")), Place.OURS)


class AcceptTests(SynchronousTestCase):
    def test_html_is_taken(self) -> None:
        for accept in (
            None,
            b"*/*",
            b"text/*",
            b"text/html",
            b"TEXT/HTML",
            b"text/html;q=0.1",
            b"text/html;level=1;q=0.5",
            b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            b"application/json, text/plain, */*",
            b" text/html ",
        ):
            self.assertTrue(accepts_html(accept), accept)

    def test_html_is_not_taken(self) -> None:
        for accept in (
            b"",
            b"application/json",
            b"image/avif,image/webp,image/*",
            b"text/css",
            b"text/plain",
            b"text/htmlx",
            b"text/html;q=0",
            b"text/html;q=0.000",
            b"text/html; Q=0",
            b"*/*;q=0",
            b"\xff\xfe",
        ):
            self.assertFalse(accepts_html(accept), accept)

    def test_what_is_said_of_html_itself_counts_most(self) -> None:
        self.assertFalse(accepts_html(b"text/html;q=0, */*"))
        self.assertFalse(accepts_html(b"*/*, text/html;q=0"))
        self.assertTrue(accepts_html(b"*/*;q=0, text/html"))
