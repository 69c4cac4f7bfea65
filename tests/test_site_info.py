"""What an operator may say of themselves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.site_info import (
    MAX_LINK,
    MAX_NAME,
    InvalidSiteInfo,
    SiteInfo,
    check_link,
    check_name,
)


class NameTests(SynchronousTestCase):
    def test_a_name_is_kept_without_blanks_around_it(self) -> None:
        self.assertEqual(check_name("  Müller & Söhne GmbH "), "Müller & Söhne GmbH")
        self.assertEqual(check_name("x" * MAX_NAME), "x" * MAX_NAME)

    def test_what_can_not_be_shown_is_refused(self) -> None:
        for name in ("", "  ", "x" * (MAX_NAME + 1), "a\nb", "a\x1b[31m", "a\u202eb"):
            self.assertRaises(InvalidSiteInfo, check_name, name)


class LinkTests(SynchronousTestCase):
    def test_addresses_of_the_web_are_kept(self) -> None:
        for link in (
            "https://example.org",
            "http://example.org/imprint",
            "https://example.org:8443/a?b=c&d=%20#e",
            "https://müller.example/über",
            "http://[2001:db8::1]/",
        ):
            self.assertEqual(check_link(f" {link} "), link)

    def test_everything_else_is_refused_in_one_line_that_has_it(self) -> None:
        for link in (
            "",
            "example.org",
            "/imprint",
            "//example.org",
            "https://",
            "https:///path",
            "https:example.org",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@example.org",
            "ftp://example.org",
            "https://a b.example",
            "https://example.org/\n/x",
            'https://example.org/"onclick="',
            "https://example.org/<b>",
            "https://example.org\\@evil.example",
            "https://user:password@example.org/",
            "https://example.org:port/",
            "https://example.org:0/",
            "https://[::1/",
            "https://example.org/" + "x" * MAX_LINK,
        ):
            error = self.assertRaises(InvalidSiteInfo, check_link, link)
            self.assertIn("is no address like https://", str(error))
            self.assertNotIn("\n", str(error))
            self.assertLess(len(str(error)), 250)


class PrecedenceTests(SynchronousTestCase):
    def test_what_is_given_comes_before_what_is_stored(self) -> None:
        given = SiteInfo("Given", None, "https://given.example/p")
        stored = SiteInfo(
            "Stored", "https://stored.example/i", "https://stored.example"
        )
        self.assertEqual(
            given.over(stored),
            SiteInfo("Given", "https://stored.example/i", "https://given.example/p"),
        )
        self.assertEqual(SiteInfo().over(stored), stored)
