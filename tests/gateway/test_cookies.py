"""Our cookies among those of the devices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.cookies import (
    MAX_EXPIRED,
    MAX_FOUND,
    SESSION_PLAIN,
    SESSION_TLS,
    expire_doubled,
    expire_foreign,
    find,
    find_all,
    is_ours,
    our_name,
    session_name,
    set_cookie,
    sets_ours,
    strip_ours,
)


class NameTests(SynchronousTestCase):
    def test_every_name_that_starts_as_ours_is_ours(self) -> None:
        for name in (SESSION_TLS, SESSION_PLAIN, our_name(b"csrf", True)):
            self.assertTrue(is_ours(name))
        for secure in (True, False):
            for suffix in (b"known", b"admin"):
                self.assertTrue(is_ours(our_name(suffix, secure)))
        self.assertTrue(is_ours(b"__host-CFOS"))

    def test_others_are_not(self) -> None:
        for name in (b"", b"sid", b"my-cfos", b"__Host-sid", b"__Secure-cfos", b"cfo"):
            self.assertFalse(is_ours(name), name)

    def test_tls_and_plain_http_have_names_of_their_own(self) -> None:
        self.assertEqual(session_name(True), b"__Host-cfos")
        self.assertEqual(session_name(False), b"cfos")
        self.assertEqual(our_name(b"csrf", True), b"__Host-cfos-csrf")


class StripTests(SynchronousTestCase):
    def test_the_devices_cookies_pass_unchanged(self) -> None:
        for value in (b"a=1", b"a=1; b=2;c", b"", b"a=my cfo s; x"):
            self.assertIs(strip_ours(value), value)

    def test_a_value_that_only_speaks_of_us_passes(self) -> None:
        self.assertEqual(strip_ours(b"a=cfos; b=__Host-cfos"), b"a=cfos; b=__Host-cfos")

    def test_ours_are_taken_out_wherever_they_stand(self) -> None:
        for value, rest in (
            (b"__Host-cfos=t; a=1; b=2", b"a=1; b=2"),
            (b"a=1; __Host-cfos=t; b=2", b"a=1; b=2"),
            (b"a=1; b=2; __Host-cfos=t", b"a=1; b=2"),
            (b"a=1;cfos=t;b=2", b"a=1;b=2"),
            (b"a=1; cfos-csrf=n; __Host-cfos-known=k", b"a=1"),
            (b"cfos-admin=t; a=1; __Host-cfos-admin=t", b"a=1"),
            (b"a=1;   \t __Host-cfos = t ", b"a=1"),
            (b"a=1; __HOST-CFOS=t", b"a=1"),
            (b'a=1; "cfos"=t', b"a=1"),
            (b"a=1; =cfos=t", b"a=1"),
            (b"a=1; cfos", b"a=1"),
        ):
            self.assertEqual(strip_ours(value), rest, value)

    def test_nothing_but_ours_leaves_nothing(self) -> None:
        self.assertIsNone(strip_ours(b"__Host-cfos=t"))
        self.assertIsNone(strip_ours(b" cfos=t ;cfos-csrf=n; "))

    @given(
        st.lists(
            st.sampled_from(
                [b"a=1", b" b=2", b"__Host-cfos=T", b" cfos=T", b"\tcfos-x=T", b" c"]
            )
        )
    )
    def test_no_token_of_ours_remains_and_none_of_theirs_is_lost(
        self, pairs: list[bytes]
    ) -> None:
        rest = strip_ours(b";".join(pairs)) or b""
        self.assertNotIn(b"T", rest)
        theirs = [pair.strip() for pair in pairs if b"T" not in pair]
        found = [pair.strip() for pair in rest.split(b";") if pair.strip()]
        self.assertEqual(found, theirs)


class FindTests(SynchronousTestCase):
    def test_it_is_found_among_others(self) -> None:
        for value in (
            b"__Host-cfos=t",
            b"a=1; __Host-cfos=t; b=2",
            b"a=1;\t__Host-cfos = t",
            b"__Host-cfos-csrf=n; __Host-cfos=t",
            b"a=__Host-cfos=x; __Host-cfos=t",
        ):
            self.assertEqual(find(value, SESSION_TLS), b"t", value)

    def test_what_only_looks_alike_is_not_found(self) -> None:
        for value in (
            b"",
            b"__Host-cfos",
            b"__host-cfos=t",
            b"a=__Host-cfos=t",
            b"x__Host-cfos=t",
            b"__Host-cfos-csrf=t",
            b"__Host-cfos\x0b=t",
        ):
            self.assertIsNone(find(value, SESSION_TLS), value)

    def test_two_that_differ_are_none(self) -> None:
        self.assertIsNone(find(b"cfos=mine; cfos=planted", SESSION_PLAIN))
        self.assertIsNone(find(b"cfos=mine; a=1; cfos=", SESSION_PLAIN))

    def test_two_that_agree_are_one(self) -> None:
        self.assertEqual(find(b"cfos=t; cfos=t", SESSION_PLAIN), b"t")

    def test_all_that_differ_can_be_asked_for(self) -> None:
        cookie = b"cfos-csrf=planted; a=1; cfos-csrf=mine; cfos-csrf=mine"
        self.assertEqual(find_all(cookie, b"cfos-csrf"), [b"planted", b"mine"])
        self.assertEqual(find_all(b"a=1; cfos-csrfx=1", b"cfos-csrf"), [])

    def test_of_very_many_the_last_are_given(self) -> None:
        cookie = b"; ".join(b"cfos-csrf=%d" % number for number in range(1_000))
        found = find_all(cookie, b"cfos-csrf")
        self.assertEqual((len(found), found[-1]), (MAX_FOUND, b"999"))

    @given(st.binary(), st.sampled_from([SESSION_PLAIN, SESSION_TLS]))
    def test_whatever_is_found_would_not_have_reached_a_device(
        self, value: bytes, name: bytes
    ) -> None:
        header = name + b"=token;" + value
        if find(header, name) is not None:
            rest = strip_ours(header)
            self.assertIsNone(find(rest or b"", name))


class SetTests(SynchronousTestCase):
    def test_devices_set_none_of_ours_however_it_is_written(self) -> None:
        for value in (
            b"cfos=x",
            b"__Host-cfos=x; Secure; Path=/",
            b"__HOST-CFOS=x",
            b"CFOS=x",
            b"  \tcfos=x",
            b"cfos",
            b"=cfos=x",
            b"=__Host-cfos=x",
            b" = __Host-cfos=x",
            b"==cfos=x",
            b'"cfos"=x',
            b"cfos-csrf=x; Path=/ui",
            b"\x00cfos=x",
        ):
            self.assertTrue(sets_ours(value), value)

    def test_what_devices_set_for_themselves_passes(self) -> None:
        for value in (b"sid=cfos", b"a=1; Domain=cfos", b"", b"; cfos=1", b"=x"):
            self.assertFalse(sets_ours(value), value)

    def test_ours_have_all_that_protects_them(self) -> None:
        self.assertEqual(
            set_cookie(SESSION_TLS, b"t", secure=True),
            b"__Host-cfos=t; Path=/; Secure; HttpOnly; SameSite=Lax",
        )
        self.assertEqual(
            set_cookie(SESSION_PLAIN, b"t", secure=False, max_age=0),
            b"cfos=t; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        )


class ExpireTests(SynchronousTestCase):
    def test_foreign_cookies_are_expired_by_name_once_for_each_path(self) -> None:
        self.assertEqual(
            expire_foreign(b"b=2; a=1; a=3", [b"/", b"/ui"], secure=True),
            [
                b"a=; Path=/; Max-Age=0; Secure",
                b"a=; Path=/ui; Max-Age=0; Secure",
                b"b=; Path=/; Max-Age=0; Secure",
                b"b=; Path=/ui; Max-Age=0; Secure",
            ],
        )

    def test_ours_stay(self) -> None:
        self.assertEqual(
            expire_foreign(b"__Host-cfos=t; cfos-known=k", [b"/"], secure=False), []
        )

    def test_a_name_that_is_no_token_goes_into_no_field(self) -> None:
        for cookie in (b"a\r\nSet-Cookie: x=1", b"a b=1", b"=x", b"a\x00=1", b"\xff=1"):
            self.assertEqual(expire_foreign(cookie, [b"/"], secure=True), [], cookie)

    def test_their_number_is_bounded(self) -> None:
        cookie = b"; ".join(b"c%d=1" % number for number in range(1_000))
        expired = expire_foreign(cookie, [b"/"], secure=True)
        self.assertEqual(len(expired), MAX_EXPIRED)


class DoubledTests(SynchronousTestCase):
    def test_ours_that_came_twice_go_on_the_paths_that_we_don_t_use(self) -> None:
        self.assertEqual(
            expire_doubled(b"cfos=a; x=1; cfos=b; x=2; cfos-known=k", "en"),
            [
                b"cfos=; Path=/ui; Max-Age=0",
                b"cfos=; Path=/ui/; Max-Age=0",
                b"cfos=; Path=/ui/en; Max-Age=0",
                b"cfos=; Path=/ui/en/; Max-Age=0",
                b"cfos=; Path=/ui/en/cloud-login.htm; Max-Age=0",
                b"cfos=; Path=/ui/en/cloud-logout.htm; Max-Age=0",
                b"cfos=; Path=/ui/en/cloud-admin.htm; Max-Age=0",
                b"cfos=; Path=/ui/en/cloud-keys.htm; Max-Age=0",
            ],
        )

    def test_ours_that_came_once_stay(self) -> None:
        self.assertEqual(expire_doubled(b"cfos=a; cfos-known=k; x=1; x=2", "en"), [])

    def test_their_number_is_bounded_and_no_odd_name_goes_into_a_field(self) -> None:
        cookie = b"; ".join(b"cfos-%d=1" % (number % 100) for number in range(1_000))
        self.assertEqual(len(expire_doubled(cookie, "en")), 8 * 10)
        self.assertEqual(expire_doubled(b"cfos\r\n=1; cfos\r\n=2", "en"), [])
