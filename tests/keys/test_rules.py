"""What a key may ask for, and how it is presented."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.key import Role
from cfos_cloud.keys.rules import bearer_of, may_use

READABLE = (
    b"/api/json/local",
    b"/api/json/local/values/smart-meter",
    b"/api/json/device=local/values/smart-meter",
    b"/api/json/systems/CFOS-1",
    b"/api/json/systems/",
    b"/api/json/a.b-c_d~e!$&'()*+,=:@",
    b"/api/json/.hidden",
    b"/api/json/v1.0",
    b"/api/json/a..b",
    b"/api/json/..a",
    b"/api/json/JSON/API",
    b"/api/json/~root",
    b"/api/json/a%20b",
    b"/api/json/Z%C3%A4hler",
    b"/api/json/Z%c3%a4hler",
    b"/api/json/%E2%82%AC",
    b"/api/json/%6a%73on",
    b"/api/json/local?",
    b"/api/json/local?a=b&c=d",
    b"/api/json/local?path=/../../cnf&x=%2e%2e%2f%5c..\\;a//b",
    b"/api/json/local??a?b=?",
    b"/api/json/local?" + b"a" * 4000,
    b"/api/json/local?%00%ff",
)

FORBIDDEN = (
    # Elsewhere.
    *(b"/", b"", b"*", b"/cnf?cmd=set_params", b"/ui/", b"/cloud/api/v1/systems"),
    *(
        b"/api",
        b"/api/",
        b"/api/json",
        b"/api/json?a=b",
        b"/api/jsonx",
        b"/api/jsonx/a",
    ),
    *(b"/api/json/", b"/api/json/?a=b", b"/api/json.", b"/api/json%2flocal"),
    *(
        b"/x/api/json/local",
        b"api/json/local",
        b" /api/json/local",
        b"?/api/json/local",
    ),
    # In other letters.
    *(b"/API/json/local", b"/api/JSON/local", b"/Api/Json/local"),
    *(b"/%61pi/json/local", b"/api/%6ason/local", b"/api%2fjson/local"),
    # Up and along.
    *(
        b"/api/json/..",
        b"/api/json/../cnf",
        b"/api/json/a/../../../cnf",
        b"/api/json/.",
    ),
    *(b"/api/json/./a", b"/api/json/a/.", b"/api/json/a/..", b"/api/json/a/./b"),
    *(b"/api/json/.../a", b"/api/json/..../a", b"/api/./json/a", b"/api/x/../json/a"),
    *(b"/api/json/../json/a", b"/api/json/../../api/json/a"),
    # The same, escaped, once or twice.
    *(b"/api/json/%2e", b"/api/json/%2e%2e/cnf", b"/api/json/%2E%2E/cnf"),
    *(b"/api/json/.%2e/cnf", b"/api/json/%2e./cnf", b"/api/json/a%2e"),
    *(b"/api/json/..%2fcnf", b"/api/json/a%2fb", b"/api/json/a%2Fb", b"/api/json/%2f"),
    *(b"/api/json/..%5ccnf", b"/api/json/a%5Cb", b"/api/json/%5c"),
    *(b"/api/json/%252e%252e/cnf", b"/api/json/a%25b", b"/api/json/%25252fa"),
    *(b"/api/json/a%3bb", b"/api/json/a%3fb", b"/api/json/a%23b"),
    # In UTF-8 that is none, and in signs that are folded to ours.
    *(b"/api/json/%c0%ae%c0%ae/cnf", b"/api/json/a%c0%afb", b"/api/json/%e0%80%ae"),
    *(b"/api/json/%ff", b"/api/json/%c3", b"/api/json/%c3a%a4", b"/api/json/%ed%a0%80"),
    *(b"/api/json/%ef%bc%8e%ef%bc%8e/cnf", b"/api/json/a%ef%bc%8fb"),
    *(b"/api/json/%e2%80%a6", b"/api/json/a%ef%bc%85b", b"/api/json/a%ef%bc%bcb"),
    # Escapes that are none.
    *(b"/api/json/%", b"/api/json/%2", b"/api/json/%zz", b"/api/json/%u002e"),
    *(b"/api/json/a%", b"/api/json/a%2", b"/api/json/%%32%65"),
    # Blanks and dots that some systems drop.
    *(b"/api/json/%20", b"/api/json/..%20/cnf", b"/api/json/.%20.", b"/api/json/%20.."),
    # Empty parts.
    *(b"//api/json/local", b"/api//json/local", b"/api/json//local", b"/api/json//"),
    *(b"/api/json/a//b", b"/api/json/a//", b"/api/json/a///"),
    # Other separators.
    *(b"/api/json/a;b", b"/api/json/;/a", b"/api/json/..;/cnf", b"/api/json;/a"),
    *(b"/api/json\\a", b"/api/json/a\\b", b"/api/json/..\\cnf", b"\\api\\json\\a"),
    *(b"/api/json/a|b", b"/api/json/a^b", b"/api/json/{a}", b"/api/json/[a]"),
    *(b'/api/json/"a"', b"/api/json/<a>", b"/api/json/`a`"),
    # Controls, blanks, what is not ASCII.
    *(b"/api/json/a b", b"/api/json/a\tb", b"/api/json/a\nb", b"/api/json/a\r\nb"),
    *(b"/api/json/a\x00", b"/api/json/a\x7f", b"/api/json/a\x1b", b"/api/json/a\n"),
    *(b"/api/json/%00", b"/api/json/a%0d%0ab", b"/api/json/a%09", b"/api/json/a%7f"),
    *(b"/api/json/%c2%80", b"/api/json/%c2%ad", b"/api/json/%e2%80%8b"),
    *(b"/api/json/%c2%a0", b"/api/json/%e2%80%ae"),
    *(b"/api/json/\xc3\xa4", b"/api/json/\xff", b"/api/json/a\xa0"),
    *(
        b"/api/json/a?b c",
        b"/api/json/a?\x00",
        b"/api/json/a?\r\nX: y",
        b"/api/json/a?\n",
    ),
    *(b"/api/json/a?\xff", b"/api/json/a?\x7f", b"/api/json/a?\t"),
    # Fragments, and other forms of a target.
    *(b"/api/json/a#b", b"/api/json/#", b"/api/json/a?b#c", b"#/api/json/a"),
    *(b"http://host/api/json/a", b"https://host/api/json/a", b"HTTP://host/api/json/a"),
    *(b"host:443", b"//host/api/json/a", b"///api/json/a", b"http:/api/json/a"),
)


def may_read(target: bytes, method: bytes = b"GET") -> bool:
    return may_use(Role.API, method, target, upgrade=False, has_body=False)


class ApiTests(SynchronousTestCase):
    def test_it_reads_what_is_below_api_json(self) -> None:
        for target in READABLE:
            self.assertTrue(may_read(target), target)
            self.assertTrue(may_read(target, b"HEAD"), target)

    def test_and_nothing_else(self) -> None:
        for target in FORBIDDEN:
            self.assertFalse(may_read(target), target)
            self.assertFalse(may_read(target, b"HEAD"), target)

    def test_it_only_reads(self) -> None:
        for method in (
            *(b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"),
            *(b"get", b"Get", b"head", b"GET ", b" GET", b"GETX", b"", b"PROPFIND"),
            *(b"QUERY", b"GET\n", b"G\x00T"),
        ):
            self.assertFalse(may_read(b"/api/json/local", method), method)

    def test_it_has_no_upgrade_and_no_body(self) -> None:
        for upgrade, has_body in ((True, False), (False, True), (True, True)):
            self.assertFalse(
                may_use(
                    Role.API,
                    b"GET",
                    b"/api/json/local",
                    upgrade=upgrade,
                    has_body=has_body,
                )
            )

    @settings(max_examples=1000)
    @given(
        st.lists(
            st.sampled_from(
                [
                    *(b"/", b".", b"..", b"a", b"%2e", b"%2F", b"%5c", b"%25", b";"),
                    *(b"\\", b"?", b"#", b"%20", b" ", b"%00", b"\n", b"%c0%ae"),
                    *(b"%ef%bc%8e", b"%ef%bc%8f", b"api", b"json", b"cnf", b"//"),
                ]
            ),
            max_size=8,
        )
    )
    def test_however_a_device_reads_the_path_it_stays_below(
        self, pieces: list[bytes]
    ) -> None:
        target = b"/api/json/" + b"".join(pieces)
        if not may_read(target):
            return
        path = target.partition(b"?")[0]
        for _ in range(3):
            for read in (path, path.replace(b"\\", b"/"), path.partition(b";")[0]):
                self.assertTrue(
                    posixpath.normpath(read).startswith(b"/api/json/"), target
                )
            path = unquote_to_bytes(path)


class AdminTests(SynchronousTestCase):
    def test_it_may_everything(self) -> None:
        for target in READABLE + FORBIDDEN:
            for method in (b"GET", b"POST", b"DELETE"):
                for upgrade in (False, True):
                    self.assertTrue(
                        may_use(
                            Role.ADMIN, method, target, upgrade=upgrade, has_body=True
                        )
                    )


class BearerTests(SynchronousTestCase):
    def test_it_is_what_follows_the_word(self) -> None:
        self.assertEqual(bearer_of([b"Bearer a.b.c"]), b"a.b.c")
        self.assertEqual(bearer_of((b"Bearer a b",)), b"a b")
        self.assertEqual(bearer_of([b"Bearer \xff"]), b"\xff")

    def test_in_this_exact_spelling(self) -> None:
        for value in (
            *(b"", b"Bearer", b"Bearer ", b"bearer a.b.c", b"BEARER a.b.c"),
            *(b"Bearer  a.b.c", b"Bearer \ta.b.c", b"Bearer  ", b"Bearer \t"),
            *(b" Bearer a.b.c", b"Bearer\ta.b.c", b"Bearera.b.c", b"Bearer=a.b.c"),
            *(b"Basic YTpi", b"a.b.c", b"Token a.b.c", b"Basic Bearer a.b.c"),
        ):
            self.assertIsNone(bearer_of([value]), value)

    def test_there_is_one_and_no_other_authorization(self) -> None:
        good = b"Bearer a.b.c"
        self.assertIsNone(bearer_of([]))
        self.assertIsNone(bearer_of([good, good]))
        self.assertIsNone(bearer_of([good, b"Basic YTpi"]))
        self.assertIsNone(bearer_of([b"", good]))
