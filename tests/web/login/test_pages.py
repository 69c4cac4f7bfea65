"""The log-in page, from the outside."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.web.csrf import Csrf
from tests.web.support import LOGIN, LOGOUT, Browser, PagesTestCase, Planted

SESSION = "__Host-cfos"
FORM = "application/x-www-form-urlencoded"


class FormTests(PagesTestCase):
    """What GET shows."""

    def test_the_form_has_the_fields_that_scripts_rely_on(self) -> None:
        page = self.browser.get().body.decode()
        for name in ("cloud_id", "cloud_user_id", "admin", "csrf"):
            self.assertIn(f'name="{name}"', page)

    def test_a_password_manager_knows_its_fields(self) -> None:
        page = self.browser.get().body.decode()
        self.assertIn('autocomplete="username"', page)
        self.assertIn('autocomplete="current-password"', page)

    def test_the_address_decides_the_language(self) -> None:
        german = self.browser.get("/ui/de/cloud-login.htm", accept_language="pt")
        self.assertIn(b'<html lang="de">', german.body)
        self.assertIn(b"Melden Sie sich nur an", german.body)

    def test_an_address_in_another_language_follows_the_browser(self) -> None:
        page = self.browser.get("/ui/fr/cloud-login.htm", accept_language="fr, pt")
        self.assertIn(b'<html lang="pt">', page.body)

    def test_the_page_is_closed_to_scripts_frames_and_caches(self) -> None:
        page = self.browser.get()
        policy = page.header("content-security-policy") or ""
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertIn("form-action 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(page.header("cache-control"), "no-store")
        self.assertEqual(page.header("x-content-type-options"), "nosniff")
        self.assertEqual(page.header("referrer-policy"), "same-origin")
        self.assertIn("script-src 'self'", policy)
        # Nobody but this server can be asked by our own script.
        self.assertIn("connect-src 'self'", policy)
        self.assertNotIn(b"style=", page.body)

    def test_nobody_learns_what_the_server_is_made_of(self) -> None:
        self.assertIsNone(self.browser.get().header("server"))

    def test_the_nonce_stays_from_page_to_page(self) -> None:
        self.assertEqual(self.browser.token(), self.browser.token())

    def test_head_is_get_without_a_body(self) -> None:
        reply = self.browser.request("HEAD", LOGIN)
        self.assertEqual((reply.status, reply.body), (200, b""))


class PrefillTests(PagesTestCase):
    """What the form has in it for who has logged in by this browser before."""

    LAST = "__Host-cfos-last"

    def form(self) -> tuple[str, bool]:
        """Cloud ID, and whether the box is ticked."""
        page = self.browser.get().body.decode()
        value = re.search(r'name="cloud_id"[^>]* value="([^"]*)"', page)
        assert value is not None
        return value[1], bool(re.search(r'name="admin"[^>]* checked', page))

    def test_a_stranger_s_form_is_empty(self) -> None:
        self.assertEqual(self.form(), ("", False))

    def test_it_has_the_last_log_in_when_the_session_is_over(self) -> None:
        self.browser.log_in("w00-008j", as_admin=True)
        del self.browser.cookies[SESSION]
        self.assertEqual(self.form(), ("W00-008J", True))
        self.browser.log_in("other", "0123456789", as_admin=False)
        self.assertEqual(self.form(), ("other", False))

    def test_no_script_reads_the_cookie_and_it_holds_no_secret(self) -> None:
        reply = self.browser.log_in(secret="0123456789", as_admin=False)
        [line] = [c for c in reply.all("set-cookie") if c.startswith(self.LAST)]
        self.assertTrue(line.startswith(f"{self.LAST}=u.W00-008J; "), line)
        self.assertIn("; Secure; HttpOnly; SameSite=Lax", line)

    def test_log_out_forgets_it(self) -> None:
        self.browser.log_in()
        self.browser.post(LOGOUT, {"csrf": self.browser.token()})
        self.assertEqual(self.form(), ("", False))

    def test_a_failure_neither_sets_nor_changes_it(self) -> None:
        self.browser.log_in("other")
        before = self.browser.cookies[self.LAST]
        reply = self.failure(self.browser.log_in("W00-008J", "wrong"))
        self.assertEqual(reply.all("set-cookie"), [])
        self.assertEqual(self.browser.cookies[self.LAST], before)
        self.assertIn(b'value="other"', reply.body)

    def test_a_cookie_that_is_none_of_ours_fills_in_nothing(self) -> None:
        for value in ("", "a", "a.", "x.W00-008J", 'a."><b>', "a.--", "a." + "x" * 41):
            self.browser.cookies[self.LAST] = value
            self.assertEqual(self.form(), ("", False), value)


class SuccessTests(PagesTestCase):
    def test_the_admin_gets_a_session_and_the_device(self) -> None:
        reply = self.browser.log_in("w00-008j", "right", as_admin=True)
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.header("location"), "/")
        session = self.sessions.find(self.browser.cookies[SESSION].encode())
        assert session is not None
        self.assertEqual((session.cloud_id, session.role), ("W00-008J", "admin"))
        self.assertEqual(session.language, "en")
        thirty_days = 30 * 24 * 3600
        asked = ("admin", "right", "192.0.2.1", thirty_days)
        self.assertEqual(self.tunnel.asked, [asked])

    def test_a_user_is_asked_for_as_user_without_stray_blanks(self) -> None:
        self.browser.log_in(" W00-008J ", " 0123456789 ", as_admin=False)
        self.assertEqual(self.tunnel.asked[0][:2], ("user", "0123456789"))

    def test_an_admin_password_is_passed_on_as_it_is(self) -> None:
        self.browser.log_in(secret=" pass wörd ")
        self.assertEqual(self.tunnel.asked[0][:2], ("admin", " pass wörd "))

    def test_the_cookie_is_bound_to_this_host_and_tls(self) -> None:
        reply = self.browser.log_in()
        cookie = reply.all("set-cookie")[0]
        self.assertTrue(cookie.startswith(f"{SESSION}="))
        self.assertEqual(
            cookie.split("; ")[1:], ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]
        )

    def test_plain_http_has_a_cookie_of_its_own(self) -> None:
        browser = Browser(self.root, secure=False)
        cookie = browser.log_in().all("set-cookie")[0]
        self.assertTrue(cookie.startswith("cfos="))
        self.assertNotIn("Secure", cookie)

    def test_a_prefixed_cookie_is_not_read_on_plain_http_nor_the_other_way(
        self,
    ) -> None:
        self.browser.log_in()
        token = self.browser.cookies[SESSION]
        for secure, name in ((False, SESSION), (True, "cfos")):
            browser = Browser(self.root, secure=secure)
            browser.cookies[name] = token
            self.assertNotIn(b"Log out", browser.get().body)

    def test_with_a_session_the_page_leads_back_and_out(self) -> None:
        self.browser.log_in()
        page = self.browser.get().body
        self.assertIn(b"Back to Carport &lt;b&gt;", page)
        self.assertIn(b"Log out", page)
        self.assertIn(b'name="cloud_id"', page)

    def test_logging_in_again_ends_the_old_session(self) -> None:
        self.browser.log_in()
        first = self.browser.cookies[SESSION].encode()
        self.browser.log_in()
        self.assertIsNone(self.sessions.find(first))
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])

    def test_a_failed_try_leaves_the_session_alone(self) -> None:
        self.browser.log_in()
        self.failure(self.browser.log_in(secret="wrong"))
        self.assertIsNotNone(self.sessions.find(self.browser.cookies[SESSION].encode()))

    def test_the_same_user_again_keeps_what_the_device_stored(self) -> None:
        self.browser.log_in()
        self.browser.cookies["theme"] = "dark"
        again = self.browser.log_in()
        self.assertIsNone(again.header("clear-site-data"))
        self.assertIn("theme", self.browser.cookies)

    def test_so_does_one_whose_session_has_expired(self) -> None:
        self.browser.log_in()
        self.clock.advance(31 * 24 * 3600)
        self.assertIsNone(self.browser.log_in().header("clear-site-data"))

    def test_another_system_finds_nothing_of_the_one_before(self) -> None:
        self.browser.log_in()
        self.browser.cookies["theme"] = "dark"
        reply = self.browser.log_in("other")
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')
        self.assertNotIn("theme", self.browser.cookies)
        self.assertIn(SESSION, self.browser.cookies)

    def test_nor_does_it_after_the_session_before_has_expired(self) -> None:
        self.browser.log_in()
        self.clock.advance(31 * 24 * 3600)
        reply = self.browser.log_in("other")
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')

    def test_nor_does_another_user_of_the_same_system(self) -> None:
        self.browser.log_in()
        reply = self.browser.log_in(secret="0123456789", as_admin=False)
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')


class FailureTests(PagesTestCase):
    """All of them look the same, and take the same time."""

    def setUp(self) -> None:
        super().setUp()
        self.token = self.browser.token()

    def test_every_failure_has_the_same_body_after_the_same_time(self) -> None:
        good = {"cloud_id": "W00-008J", "cloud_user_id": "wrong", "csrf": self.token}
        self.exchange.tunnels["no-password"] = self.tunnel
        forms: list[tuple[dict[str, str], dict[str, str]]] = [
            (good, {}),
            ({**good, "admin": "1"}, {}),
            ({**good, "cloud_id": "unknown"}, {}),
            ({**good, "cloud_id": "offline"}, {}),
            ({**good, "cloud_id": "disabled"}, {}),
            ({**good, "cloud_id": "-no-id-"}, {}),
            ({**good, "cloud_id": ""}, {}),
            ({**good, "cloud_user_id": ""}, {}),
            ({**good, "cloud_user_id": "x" * 1001}, {}),
            ({**good, "csrf": "wrong"}, {}),
            ({"cloud_id": "W00-008J", "csrf": self.token}, {}),
            ({"cloud_user_id": "right", "csrf": self.token}, {}),
            ({"cloud_id": "W00-008J", "cloud_user_id": "right"}, {}),
            ({}, {}),
            (good, {"content_type": "application/json"}),
            (good, {"sec_fetch_site": "cross-site"}),
            (good, {"origin": "https://evil.example"}),
        ]
        first = self.failure(self.browser.post(LOGIN, good))
        self.assertEqual(first.status, 401)
        self.assertEqual(first.header("cache-control"), "no-store")
        self.assertIn(b"did not work", first.body)
        fields = sorted(first.headers.getAllRawHeaders())
        for form, headers in forms:
            self.clock.advance(60)
            reply = self.failure(self.browser.post(LOGIN, form, **headers))
            self.assertEqual(reply.status, 401, form)
            self.assertEqual(reply.body, first.body, form)
            same = [f for f in reply.headers.getAllRawHeaders() if f[0] != b"Date"]
            self.assertEqual(sorted(same), [f for f in fields if f[0] != b"Date"])

    def test_bodies_that_are_no_form_fail_alike(self) -> None:
        first = self.failure(self.browser.log_in(secret="wrong"))
        twice = urlencode([("csrf", self.token), ("cloud_id", "a"), ("cloud_id", "b")])
        for body in (b"\xff\xfe", b"&&&", b"%ff=%fe", b"a=1&" * 100, twice.encode()):
            self.clock.advance(60)
            reply = self.browser.request("POST", LOGIN, body, content_type=FORM)
            self.assertEqual(self.failure(reply).body, first.body, body)

    def test_secrets_in_the_address_count_for_nothing(self) -> None:
        query = urlencode(
            {"cloud_id": "W00-008J", "cloud_user_id": "right", "csrf": self.token}
        )
        self.failure(self.browser.post(f"{LOGIN}?{query}", {}))
        self.assertEqual(self.tunnel.asked, [])

    def test_a_browser_without_the_cookie_gets_one_body_too_and_a_way_on(self) -> None:
        form = {"cloud_id": "W00-008J", "cloud_user_id": "right", "csrf": self.token}
        bodies = set()
        for cloud_id in ("W00-008J", "unknown"):
            stranger = Browser(self.root)
            reply = self.failure(stranger.post(LOGIN, {**form, "cloud_id": cloud_id}))
            self.assertEqual(reply.status, 401)
            bodies.add(reply.body)
        self.assertEqual(len(bodies), 1)
        self.assertIn(f'href="{LOGIN}"'.encode(), bodies.pop())
        self.assertEqual(self.tunnel.asked, [])

    def test_anothers_token_does_not_fit(self) -> None:
        stranger = Browser(self.root)
        stranger.get()
        form = {"cloud_id": "W00-008J", "cloud_user_id": "right", "csrf": self.token}
        self.assertEqual(self.failure(stranger.post(LOGIN, form)).status, 401)

    def test_a_slow_device_does_not_make_the_answer_later(self) -> None:
        self.tunnel.is_slow = True
        reply = self.browser.log_in()
        self.assertEqual(self.failure(reply).status, 401)

    def test_a_device_that_agrees_too_late_is_told_to_forget(self) -> None:
        self.tunnel.is_slow = True
        reply = self.browser.log_in()
        self.clock.advance(2.6)
        self.tunnel.answer(True)
        self.clock.advance(0.4)
        reply.flush()
        self.assertEqual(reply.status, 401)
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])
        self.assertEqual(len(self.sessions), 0)

    def test_a_device_that_agrees_in_time_lets_in(self) -> None:
        self.tunnel.is_slow = True
        reply = self.browser.log_in()
        self.clock.advance(2.4)
        self.tunnel.answer(True)
        reply.flush()
        self.assertEqual(reply.status, 303)


class ThrottleTests(PagesTestCase):
    def guess(self, browser: Browser, times: int, cloud_id: str = "W00-008J") -> int:
        """How many of ``times`` guesses at once got to an answer of their own."""
        tried = 0
        for _ in range(times):
            reply = browser.log_in(cloud_id, "wrong")
            tried += reply.status == 0
        return tried

    def test_guesses_are_let_through_seven_times_and_then_told_to_wait(self) -> None:
        self.assertEqual(self.guess(self.browser, 20), 7)
        reply = self.browser.log_in(secret="wrong")
        self.assertEqual(reply.status, 429)
        self.assertEqual(reply.header("retry-after"), "5")
        self.assertIn(b"Please wait 5 seconds", reply.body)
        self.assertEqual(len(self.tunnel.asked), 7)

    def test_the_log_names_who_has_to_wait_and_never_the_secret(self) -> None:
        with capturedLogs() as events:
            self.guess(self.browser, 20)
        text = "\n".join(str(formatEvent(event)) for event in events)
        line = "log-in from 192.0.2.1 to W00-008J was not tried"
        self.assertEqual(text.count(line), 1)
        self.assertNotIn("wrong", text.replace("wrong secret", ""))

    def test_nor_what_may_be_a_secret_in_the_field_of_the_cloud_id(self) -> None:
        with capturedLogs() as events:
            self.guess(self.browser, 20, "hunter2")
        text = "\n".join(str(formatEvent(event)) for event in events)
        self.assertIn("log-in from 192.0.2.1 was not tried", text)
        self.assertNotIn("hunter2", text)

    def test_guesses_count_while_they_are_on_their_way(self) -> None:
        self.tunnel.is_slow = True
        self.assertEqual(self.guess(self.browser, 20), 7)

    def test_a_success_costs_nothing(self) -> None:
        for _ in range(20):
            self.assertEqual(self.browser.log_in().status, 303)

    def test_one_success_does_not_pay_for_guesses(self) -> None:
        for _ in range(10):
            guesser = Browser(self.root)
            self.guess(guesser, 1, "other")
            Browser(self.root).log_in()
        self.assertEqual(Browser(self.root).log_in().status, 429)

    def test_an_unknown_system_is_throttled_like_a_known_one(self) -> None:
        self.assertEqual(self.guess(self.browser, 20, "unknown"), 7)

    def test_forms_that_are_not_ours_are_charged_to_their_source(self) -> None:
        for _ in range(7):
            self.browser.post(LOGIN, {})
        self.assertEqual(self.browser.post(LOGIN, {}).status, 429)

    def test_another_site_can_not_lock_its_visitors_out(self) -> None:
        for _ in range(50):
            self.browser.post(LOGIN, {}, sec_fetch_site="cross-site")
        self.assertEqual(self.browser.log_in().status, 303)

    def test_strangers_do_not_lock_out_who_has_logged_in_before(self) -> None:
        owner = Browser(self.root, "198.51.100.7")
        owner.log_in()
        del owner.cookies[SESSION]
        for number in range(50):
            self.guess(Browser(self.root, f"203.0.113.{number}"), 1)
        self.guess(Browser(self.root, owner.address), 10)
        newcomer = Browser(self.root, owner.address)
        self.assertEqual(newcomer.log_in().status, 429)
        self.assertEqual(owner.log_in().status, 303)

    def test_who_has_logged_in_before_may_not_guess_either(self) -> None:
        self.browser.log_in(secret="0123456789", as_admin=False)
        self.assertEqual(self.guess(self.browser, 20), 7)

    def test_a_second_log_in_gives_no_second_round_of_guesses(self) -> None:
        second = Browser(self.root, "198.51.100.7")
        self.browser.log_in()
        second.log_in()
        self.assertEqual(self.guess(self.browser, 20), 7)
        self.assertEqual(self.guess(second, 20), 0)

    def test_a_forged_cookie_does_not_make_anybody_known(self) -> None:
        self.browser.cookies["__Host-cfos-known"] = "A" * 32
        self.guess(self.browser, 20)
        self.assertGreater(self.throttle.wait(["system w00-008j"]), 0)

    def test_the_wait_ends(self) -> None:
        self.guess(self.browser, 20)
        self.clock.advance(5)
        self.assertEqual(self.browser.log_in().status, 303)


class GoneTests(PagesTestCase):
    def test_a_log_in_whose_browser_has_gone_is_undone(self) -> None:
        self.tunnel.is_slow = True
        reply = self.browser.log_in()
        reply.deferred.addErrback(lambda _: None)
        reply.deferred.cancel()
        reply.flush()
        self.tunnel.answer(True)
        self.assertEqual(len(self.sessions), 0)
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_waits_for_a_browser_that_has_gone(self) -> None:
        reply = self.browser.log_in(secret="wrong")
        reply.deferred.addErrback(lambda _: None)
        reply.deferred.cancel()
        reply.flush()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class LogoutTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser.log_in()
        self.token = self.browser.token()
        self.session = self.browser.cookies[SESSION].encode()

    def test_log_out_ends_the_session_and_leads_to_the_log_in(self) -> None:
        self.browser.cookies["theme"] = "dark"
        reply = self.browser.post(LOGOUT, {"csrf": self.token})
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.header("location"), f"{LOGIN}#logged_out")
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')
        self.assertNotIn(SESSION, self.browser.cookies)
        self.assertNotIn("theme", self.browser.cookies)
        self.assertIsNone(self.sessions.find(self.session))
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])

    def test_cookies_of_every_usual_path_are_expired(self) -> None:
        self.browser.cookies["theme"] = "dark"
        reply = self.browser.post("/ui/de/cloud-logout.htm", {"csrf": self.token})
        paths = {
            value.split("; ")[1]
            for value in reply.all("set-cookie")
            if value.startswith("theme=;")
        }
        expected = {"Path=/", "Path=/ui", "Path=/ui/", "Path=/ui/de", "Path=/ui/de/"}
        self.assertEqual(paths, expected)

    def test_it_takes_a_form_of_ours(self) -> None:
        for form, headers in (
            ({}, {}),
            ({"csrf": "wrong"}, {}),
            ({"csrf": self.token}, {"sec_fetch_site": "cross-site"}),
            ({"csrf": self.token}, {"origin": "null"}),
        ):
            reply = self.browser.post(LOGOUT, form, **headers)
            self.assertEqual(reply.status, 403)
            self.assertIn(b"Please try again", reply.body)
        self.assertIsNotNone(self.sessions.find(self.session))

    def test_get_leads_to_the_log_in_and_ends_nothing(self) -> None:
        reply = self.browser.get(LOGOUT)
        self.assertEqual((reply.status, reply.header("location")), (303, LOGIN))
        self.assertIsNotNone(self.sessions.find(self.session))


class PlantedTests(PagesTestCase):
    """On plain HTTP a device's page sets cookies of our names for a path."""

    def setUp(self) -> None:
        super().setUp()
        self.browser: Planted = Planted(self.root)

    def test_planted_ones_lock_nobody_out(self) -> None:
        nonce = Csrf(b"x" * 32).new_nonce().decode()
        for value in ("", "junk", nonce):
            self.browser.planted["cfos-csrf"] = value
            self.assertEqual(self.browser.log_in().status, 303, value)

    def test_a_form_that_was_open_before_them_is_good(self) -> None:
        token = self.browser.token()
        self.browser.planted["cfos-csrf"] = Csrf(b"x" * 32).new_nonce().decode()
        form = {"cloud_id": "W00-008J", "cloud_user_id": "right", "csrf": token}
        self.assertEqual(self.browser.post(LOGIN, {**form, "admin": "1"}).status, 303)

    def test_the_page_has_them_removed(self) -> None:
        self.browser.get()
        self.browser.planted["cfos-csrf"] = "junk"
        self.browser.planted["cfos"] = "junk"
        cookies = self.browser.get().all("set-cookie")
        self.assertIn("cfos-csrf=; Path=/ui; Max-Age=0", cookies)
        self.assertNotIn("cfos=; Path=/ui; Max-Age=0", cookies)

    def test_a_session_that_came_twice_is_none_until_the_page_was_opened(self) -> None:
        self.browser.log_in()
        self.browser.planted["cfos"] = "junk"
        reply = self.browser.get()
        self.assertNotIn(b"cloud-logout.htm", reply.body)
        self.assertIn("cfos=; Path=/ui; Max-Age=0", reply.all("set-cookie"))
        self.browser.planted.clear()
        self.assertIn(b"cloud-logout.htm", self.browser.get().body)
