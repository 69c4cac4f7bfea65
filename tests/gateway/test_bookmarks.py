"""The way to the log-in and back to the page that somebody wanted."""

from __future__ import annotations

from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.bookmarks import (
    MAX_PATH,
    bookmark_of,
    check_path,
    mark_of,
    way_back,
)
from cfos_cloud.hosts import DeviceHost

HOST = DeviceHost("w00-a")
visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


class PathTests(SynchronousTestCase):
    def test_pages_of_a_device_are_come_back_to(self) -> None:
        for path in (
            b"/",
            b"/a",
            b"/a/b.htm?x=1&y=%20'\"<>;",
            b"/?q",
            b"/a//b",
            b"/ui/en/index.htm",
            b"/ui/en/cloud-loginx.htm",
            b"/cloudy",
            b"/...",
            b"/a?b=../..",
            b"/" + b"x" * (MAX_PATH - 1),
        ):
            self.assertEqual(check_path(path), path)

    def test_nothing_else_is(self) -> None:
        for path in (
            b"",
            b"a",
            b"?a",
            b"//evil.example",
            b"//evil.example/a",
            b"/\\evil.example",
            b"/a\\b",
            b"\\\\evil.example",
            b"https://evil.example/",
            b"javascript:alert(1)",
            b"/a b",
            b"/a\r\nSet-Cookie: a=b",
            b"/a\tb",
            b"/\x00",
            b"/\x7f",
            b"/\xe4",
            b"/a#b",
            b"/..//evil.example",
            b"/a/../cloud/enter/x",
            b"/a/%2e%2E/cloud/enter/x",
            b"/a/.%2e",
            b"/.",
            b"/" + b"x" * MAX_PATH,
        ):
            self.assertIsNone(check_path(path), path)

    def test_least_of_all_a_page_of_ours(self) -> None:
        for path in (
            b"/cloud/enter/x",
            b"/cloud/tunnel",
            b"/cloud/",
            b"/ui/en/cloud-login.htm",
            b"/ui/de/cloud-logout.htm?x",
            b"/ui/en/cloud-admin.htm",
            b"/ui/en/cloud-keys.htm",
            b"/robots.txt",
        ):
            self.assertIsNone(check_path(path), path)

    @given(st.text(visible, max_size=40))
    def test_what_passes_stays_on_its_host_and_in_its_line(self, text: str) -> None:
        path = check_path(b"/" + text.encode())
        if path is not None:
            self.assertEqual(path, b"/" + text.encode())
            self.assertNotIn(path[1:2], (b"/", b"\\"))
            self.assertNotIn(b"\\", path)


class BookmarkTests(SynchronousTestCase):
    def of(self, target: bytes, *, with_query: bool = True) -> dict[str, list[str]]:
        bookmark = bookmark_of(HOST, target, with_query=with_query, secure=True)
        self.assertTrue(bookmark.query.startswith(b"?system=w00-a"))
        return parse_qs(bookmark.query[1:].decode("ascii"))

    def test_it_names_the_system_and_the_page(self) -> None:
        self.assertEqual(
            self.of(b"/a/b?c=d&e=f+g%20"),
            {"system": ["w00-a"], "back": ["/a/b?c=d&e=f+g%20"]},
        )
        further = DeviceHost("w00-a", "meter")
        bookmark = bookmark_of(further, b"/", with_query=True, secure=True)
        self.assertEqual(bookmark.query, b"?system=meter--w00-a")

    def test_the_first_page_needs_no_word(self) -> None:
        self.assertEqual(self.of(b"/"), {"system": ["w00-a"]})
        self.assertEqual(self.of(b"//evil.example"), {"system": ["w00-a"]})

    def test_a_query_that_another_site_made_up_is_left_out(self) -> None:
        self.assertEqual(
            self.of(b"/a?reboot=1", with_query=False),
            {"system": ["w00-a"], "back": ["/a"]},
        )
        self.assertEqual(
            self.of(b"/?reboot=1", with_query=False), {"system": ["w00-a"]}
        )

    def test_so_is_one_that_is_too_long(self) -> None:
        self.assertEqual(self.of(b"/a?" + b"x" * MAX_PATH)["back"], ["/a"])

    def test_only_a_query_needs_a_cookie(self) -> None:
        for target, with_query, has_cookie in (
            (b"/a", True, False),
            (b"/a?b", False, False),
            (b"/a?b", True, True),
        ):
            bookmark = bookmark_of(HOST, target, with_query=with_query, secure=True)
            self.assertEqual(bookmark.cookie is not None, has_cookie)
        self.assertEqual(
            bookmark.cookie,
            b"__Host-cfos-back=%b; Path=/; Max-Age=1800; Secure; HttpOnly; SameSite=Lax"
            % mark_of(b"/a?b"),
        )


class WayBackTests(SynchronousTestCase):
    def test_a_query_is_gone_back_to_by_the_browser_that_was_there(self) -> None:
        self.assertEqual(way_back(b"/a?b=c", mark_of(b"/a?b=c")), b"/a?b=c")

    def test_by_any_other_the_page_alone(self) -> None:
        for mark in (None, b"", b"x", mark_of(b"/a?b=d"), mark_of(b"/a")):
            self.assertEqual(way_back(b"/a?b=c", mark), b"/a")
            self.assertEqual(way_back(b"/a", mark), b"/a")
