"""The page of access keys as a browser without scripts uses it."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import fail

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.gateway.hosts import DomainHosts
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.languages import SUPPORTED
from cfos_cloud.pages import LIVE_PAGE_FIELDS
from cfos_cloud.registry_errors import DatabaseUnavailable
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.web.key_wording import SOON
from tests.registry.support import access_key, verifier
from tests.web.hosts.case import OnDevice
from tests.web.keys.case import CLOUD_ID, LOGIN, PAGE, SECRET, KeysCase
from tests.web.support import Browser


class FurtherDeviceTests(KeysCase):
    """Its pages have the origin of its host, and could use whatever is there."""

    host = f"meter--{CLOUD_ID.lower()}.cloud.example.org"

    def setUp(self) -> None:
        super().setUp()
        hosts: Any = SimpleNamespace(
            hosts=DomainHosts("cloud.example.org"), at=self.host
        )
        self.browser = Browser(OnDevice(self.root, hosts))
        self.session_of().host = hosts.hosts.device_of(self.host.encode())

    def test_the_admin_is_led_to_the_main_device(self) -> None:
        reply = self.open()
        self.assertEqual(
            (reply.status, reply.header("location")), (303, "/cloud/open/")
        )

    def test_nothing_can_be_changed(self) -> None:
        reply = self.send("add", name="evcc", role="api")
        self.assertEqual(reply.header("location"), "/cloud/open/")
        self.assertEqual(self.keys.of(CLOUD_ID), [])


class WhoTests(KeysCase):
    def test_nobody_is_sent_to_the_log_in(self) -> None:
        for language in SUPPORTED:
            reply = self.open(language=language)
            self.assertEqual(reply.status, 303)
            login = f"/ui/{language}/cloud-login.htm"
            self.assertEqual(reply.header("location"), login)

    def test_so_is_a_form_of_a_session_that_has_ended(self) -> None:
        session = self.log_in()
        csrf = self.admins.csrf(session)
        self.sessions.end(session)
        reply = self.send("add", name="evcc", csrf=csrf)
        self.assertEqual((reply.status, reply.header("location")), (303, LOGIN))
        self.assertEqual(self.keys.of(CLOUD_ID), [])

    def test_a_user_is_told_what_it_takes(self) -> None:
        self.session_of(role="user", user="Eve")
        reply = self.open()
        self.assertEqual(reply.status, 403)
        self.assertIn("You are logged in as a user.", self.text(reply))
        self.assertIn(f'href="{LOGIN}"', self.text(reply))

    def test_so_is_who_has_come_in_by_a_key(self) -> None:
        self.session_of(key_id="some")
        reply = self.open()
        self.assertEqual(reply.status, 403)
        self.assertIn("You are logged in by an access key.", self.text(reply))

    def test_neither_can_change_anything(self) -> None:
        for how in ({"role": "user"}, {"key_id": "some"}):
            session = self.session_of(**how)
            csrf = self.admins.csrf(session)
            reply = self.send("add", name="evcc", role="api", csrf=csrf)
            self.assertEqual(reply.status, 403)
        self.assertEqual(self.keys.of(CLOUD_ID), [])

    def test_the_admin_sees_whose_page_it_is_and_the_ways_out(self) -> None:
        self.log_in()
        text = self.see()
        self.assertIn("Back to Carport <b>", text)
        self.assertNotIn("Carport <b>", self.open().body.decode())
        self.assertIn(f'href="{LOGIN}">Cloud Login<', text)
        self.assertIn('action="/ui/en/cloud-logout.htm"', text)

    def test_its_log_out_works(self) -> None:
        session = self.log_in()
        match = re.search(
            r'cloud-logout.htm">\s*<input type="hidden" name="csrf" value="([^"]+)"',
            self.see(),
        )
        assert match is not None
        reply = self.browser.post("/ui/en/cloud-logout.htm", {"csrf": match[1]})
        self.assertEqual(reply.status, 303)
        self.assertTrue(session.ended)

    def test_so_it_does_for_who_has_lost_the_cookie_of_our_forms(self) -> None:
        session = self.log_in()
        del self.browser.cookies["__Host-cfos-csrf"]
        match = re.search(r'name="csrf" value="([^"]+)"', self.see())
        assert match is not None
        self.browser.post("/ui/en/cloud-logout.htm", {"csrf": match[1]})
        self.assertTrue(session.ended)


class OriginTests(KeysCase):
    def test_scripts_and_frames_do_not_get_it(self) -> None:
        self.log_in()
        for destination in ("empty", "iframe", "object"):
            reply = self.open(sec_fetch_dest=destination, sec_fetch_site="same-origin")
            self.assertEqual(reply.status, 403, destination)
            self.assertNotIn(b'name="csrf"', reply.body)
        reply = self.open(sec_fetch_dest="document", sec_fetch_site="same-origin")
        self.assertEqual(reply.status, 200)

    def test_without_tls_nobody_knows_who_asks_so_nobody_gets_it(self) -> None:
        self.browser.secure = False
        self.log_in(self.browser)
        for more in ({}, {"sec_fetch_site": "same-origin"}):
            reply = self.open(**more)
            self.assertEqual(reply.status, 403)
            self.assertIn("Not without encryption", self.text(reply))
            link = f'href="https://cloud.example.org{PAGE}"'
            self.assertIn(link, self.text(reply))
            self.assertNotIn(b'<meta name="csrf"', reply.body)
        self.assertEqual(self.open(sec_fetch_dest="document").status, 200)
        # The machine itself: its browsers say it there, and curl may look.
        self.browser.address = "127.0.0.1"
        self.assertEqual(self.open().status, 200)
        self.assertEqual(self.open(sec_fetch_dest="empty").status, 403)

    def test_other_sites_may_link_to_it_and_nothing_else(self) -> None:
        self.log_in()
        fields = {
            "sec_fetch_site": "cross-site",
            "sec_fetch_mode": "navigate",
            "sec_fetch_dest": "document",
        }
        self.assertEqual(self.open(**fields).status, 200)
        self.assertEqual(self.open("?ask=end-sessions", **fields).status, 403)
        form = {"action": "open-pairing", "csrf": "x"}
        self.assertEqual(self.browser.post(PAGE, form, **fields).status, 403)

    def test_a_form_without_the_session_s_token_changes_nothing(self) -> None:
        session = self.log_in()
        other = Browser(self.root)
        self.log_in(other)
        stolen = self.admins.csrf(self.sessions.of_system(CLOUD_ID)[-1])
        self.assertNotEqual(stolen, self.admins.csrf(session))
        for csrf in ("", "x", stolen, self.browser.token()):
            reply = self.send("add", name="evcc", role="api", csrf=csrf)
            self.assertEqual(reply.status, 403)
        self.assertEqual(self.keys.of(CLOUD_ID), [])

    def test_nobody_frames_caches_or_passes_it_on(self) -> None:
        self.log_in()
        reply = self.open()
        for name, value in LIVE_PAGE_FIELDS:
            self.assertEqual(reply.header(name.decode()), value.decode())
        self.assertEqual(reply.header("cross-origin-opener-policy"), "same-origin")

    def test_what_is_no_form_of_ours_is_refused(self) -> None:
        self.log_in()
        self.assertEqual(self.send("no-such-thing").status, 400)
        reply = self.browser.post(PAGE, {}, content_type="application/json")
        self.assertEqual(reply.status, 400)


class AddTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_without_any_the_page_says_what_a_key_is_for(self) -> None:
        self.assertIn("There is no key yet.", self.see())

    def test_where_there_were_some_it_does_not_say_that_there_is_none_yet(self) -> None:
        key, _ = self.add()
        self.send("revoke", key=key.id)
        text = self.see()
        self.assertNotIn("There is no key yet.", text)
        self.assertIn("There is no key that works now.", text)

    def test_a_new_key_is_shown_once_with_a_line_to_try_it(self) -> None:
        self.send("add", name="evcc", role="api", expiry="365")
        (key,) = self.keys.of(CLOUD_ID)
        text = self.see()
        match = re.search(r'id="new-token" class="value">([^<]+)<', text)
        assert match is not None
        self.assertIn(
            f"curl -H 'Authorization: Bearer {match[1]}' "
            "https://cloud.example.org/api/json/local/values/smart-meter<",
            text,
        )
        self.assertIn("shown only this once", text)
        self.assertEqual(consent_of(grant_of(match[1].encode())), key.consent)
        again = self.see()
        self.assertNotIn(match[1], again)
        self.assertIn("Not authorised", again)

    def test_the_step_that_it_still_needs_is_right_there(self) -> None:
        self.send("add", name="evcc", role="api")
        (key,) = self.keys.of(CLOUD_ID)
        text = self.see()
        self.assertIn("One more step: authorise it", text)
        self.assertIn(f'name="key" value="{key.id}"', text)

    def test_the_key_is_in_no_address_cookie_or_log(self) -> None:
        reply = self.send("add", name="evcc", role="api")
        match = re.search(r'id="new-token" class="value">([^<]+)<', self.see())
        assert match is not None
        for name, values in reply.headers.getAllRawHeaders():
            self.assertNotIn(match[1].encode(), b" ".join(values), name)
        self.assertNotIn(match[1], str(self.browser.cookies))
        self.assertNotIn(match[1], repr(self.pages._notes._notes))

    def test_looking_without_a_person_does_not_use_it_up(self) -> None:
        self.send("add", name="evcc", role="api")
        self.assertNotIn(b"new-token", self.open(sec_purpose="prefetch").body)
        self.browser.request("HEAD", PAGE)
        self.assertIn("new-token", self.see())

    def test_it_waits_for_nobody_whose_session_has_ended(self) -> None:
        self.send("add", name="evcc", role="api")
        self.assertEqual(len(self.pages._notes), 1)
        self.sessions.end(self.session)
        self.assertEqual(len(self.pages._notes), 0)

    def test_a_waiting_key_keeps_no_session_alive(self) -> None:
        self.send("add", name="evcc", role="api")
        self.clock.advance(self.sessions.idle + 1)
        self.sessions.sweep()
        self.assertTrue(self.session.ended)
        self.assertEqual(len(self.pages._notes), 0)

    def test_another_session_is_not_shown_it(self) -> None:
        self.send("add", name="evcc", role="api")
        self.browser, first = Browser(self.root), self.browser
        self.log_in()
        self.assertNotIn("new-token", self.see())
        self.browser = first
        self.assertIn("new-token", self.see())

    def test_a_self_signed_certificate_needs_a_word_on_curl(self) -> None:
        self.add()
        self.send("add", name="evcc", role="api")
        self.assertIn("curl -k", self.see())
        self.is_self_signed = False
        self.send("add", name="evcc", role="api")
        self.assertNotIn("curl -k", self.see())

    def test_its_end_is_what_was_chosen(self) -> None:
        for expiry, on, ends in (
            ("30", "", "2026-12-22T12:00:00+00:00"),
            ("365", "", "2027-11-22T12:00:00+00:00"),
            ("never", "", None),
            ("date", "2026-12-31", "2026-12-31T23:59:59+00:00"),
            # What the other choices leave behind does not count.
            ("never", "2026-12-31", None),
        ):
            key, _ = self.add(expiry=expiry, expires_on=on)
            found = None if key.expires is None else key.expires.isoformat()
            self.assertEqual(found, ends, expiry)

    def test_what_is_wrong_is_said_beside_it_and_the_rest_is_kept(self) -> None:
        for form, control, words in (
            ({"name": " "}, "name", "a name of 1 to 64 characters"),
            ({"name": "x" * 65}, "name", "a name of 1 to 64 characters"),
            ({"expiry": "date"}, "expires_on", "choose a day after today"),
            (
                {"expiry": "date", "expires_on": "2026-11-21"},
                "expires_on",
                "choose a day after today",
            ),
            (
                {"expiry": "date", "expires_on": "2046-11-21"},
                "expires_on",
                "at most ten years",
            ),
        ):
            reply = self.send("add", **{"name": "evcc", "role": "admin", **form})
            self.assertEqual(reply.status, 422, form)
            text = self.text(reply)
            problem = rf'id="{control}-problem">.*?{words}'
            self.assertRegex(text, re.compile(problem, re.DOTALL))
            self.assertRegex(text, r'id="role-admin"[^>]* checked')
        self.assertEqual(self.keys.of(CLOUD_ID), [])

    def test_the_fifty_first_is_one_too_many(self) -> None:
        for number in range(50):
            key = access_key(f"k{number}", CLOUD_ID)
            self.successResultOf(self.keys.add(key, Origin("admin")))
        reply = self.send("add", name="evcc", role="api")
        self.assertEqual(reply.status, 409)
        self.assertIn("as many keys as there can be", self.text(reply))


class AuthoriseTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()
        self.key, _ = self.add()

    def test_a_question_comes_first(self) -> None:
        text = self.see(f"?ask=authorise&key={self.key.id}")
        self.assertEqual(self.heading(text), "Authorise “evcc”?")
        self.assertIn("Read only (api)", text)
        self.assertEqual(self.state_of(self.key), "pending")

    def test_the_right_password_makes_it_work(self) -> None:
        reply = self.send("authorise", key=self.key.id, admin_secret=SECRET)
        self.assertEqual(reply.header("location"), f"{PAGE}#said")
        self.assertEqual(self.state_of(self.key), "authorised")
        self.assertEqual(self.tunnel.consents, {self.key.consent})
        text = self.see()
        self.assertIn("“evcc” is authorised, and works now.", text)
        self.assertNotIn("is authorised, and works now.", self.see())

    def test_a_wrong_one_asks_again(self) -> None:
        reply = self.send("authorise", key=self.key.id, admin_secret="wrong")
        self.assertEqual(reply.status, 403)
        text = self.text(reply)
        self.assertIn("This is not the admin password.", text)
        self.assertEqual(self.heading(text), "Authorise “evcc”?")
        self.assertNotIn('value="wrong"', text)
        self.assertEqual(self.state_of(self.key), "pending")

    def test_none_does_too(self) -> None:
        reply = self.send("authorise", key=self.key.id, admin_secret="")
        self.assertEqual(reply.status, 422)
        self.assertIn("Please enter the admin password.", self.text(reply))

    def test_too_many_have_to_wait(self) -> None:
        for _ in range(30):
            reply = self.send("authorise", key=self.key.id, admin_secret="wrong")
            if reply.status == 429:
                break
        self.assertEqual(reply.status, 429)
        self.assertRegex(self.text(reply), r"Please wait \d+ seconds?, then try again")

    def test_a_device_that_is_offline_can_not_be_asked(self) -> None:
        self.exchange.tunnels.clear()
        reply = self.send("authorise", key=self.key.id, admin_secret=SECRET)
        self.assertEqual(reply.status, 409)
        self.assertIn("The device is offline", self.text(reply))

    def test_nor_can_one_that_knows_no_keys(self) -> None:
        self.tunnel.capabilities = frozenset({"http", "login"})
        reply = self.send("authorise", key=self.key.id, admin_secret=SECRET)
        self.assertEqual(reply.status, 409)
        self.assertIn("too old for access keys", self.text(reply))

    def test_nor_does_one_agree_by_whose_clock_the_key_is_over(self) -> None:
        over = RpcError(-32005, "over already")
        self.patch(self.tunnel, "authorize", lambda *_: fail(over))
        reply = self.send("authorise", key=self.key.id, admin_secret=SECRET)
        self.assertEqual(reply.status, 409)
        self.assertIn("Please check the date and time there", self.text(reply))

    def test_a_key_that_has_ended_stays_so(self) -> None:
        self.successResultOf(self.keys.revoke(self.key.id, Origin("admin")))
        reply = self.send("authorise", key=self.key.id, admin_secret=SECRET)
        self.assertEqual(reply.status, 409)
        self.assertIn("This key has ended", self.text(reply))

    def test_there_is_no_such_key(self) -> None:
        self.assertEqual(self.open("?ask=authorise&key=none").status, 404)
        for action in ("authorise", "revoke"):
            reply = self.send(action, key="none", admin_secret=SECRET)
            self.assertEqual(reply.status, 404)
            self.assertIn("There is no such key", self.text(reply))

    def test_another_system_s_key_is_none(self) -> None:
        self.successResultOf(self.systems.add("Other", verifier()))
        other = access_key("theirs", "Other")
        self.successResultOf(self.keys.add(other, Origin("admin")))
        self.assertEqual(self.open("?ask=revoke&key=theirs").status, 404)
        self.assertEqual(self.send("revoke", key="theirs").status, 404)
        self.assertEqual(self.state_of(other), "pending")


class RevokeTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()
        self.key, _ = self.add()
        self.send("authorise", key=self.key.id, admin_secret=SECRET)

    def test_a_question_comes_first(self) -> None:
        text = self.see(f"?ask=revoke&key={self.key.id}")
        self.assertEqual(self.heading(text), "Revoke “evcc”?")
        self.assertEqual(self.state_of(self.key), "authorised")

    def test_it_ends_and_the_device_forgets_it(self) -> None:
        reply = self.send("revoke", key=self.key.id)
        self.assertEqual(reply.header("location"), f"{PAGE}#said")
        self.assertEqual(self.state_of(self.key), "revoked")
        self.assertEqual(self.tunnel.consents, set())
        text = self.see()
        self.assertIn("The key is revoked.", text)
        self.assertIn("1 key that no longer works", text)


class ListTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def put(self, key_id: str, **more: Any) -> None:
        key = access_key(key_id, CLOUD_ID, **more)
        self.successResultOf(self.keys.add(key, Origin("admin")))

    def test_names_of_keys_are_escaped(self) -> None:
        self.put("odd", name='<script>"')
        self.assertNotIn("<script>&#34;", self.open().body.decode())
        self.assertIn("&lt;script&gt;", self.open().body.decode())

    def test_the_end_of_a_key_that_is_near_is_marked(self) -> None:
        self.put("later", expires=self.now() + SOON + timedelta(hours=1))
        self.assertNotIn("Expires soon", self.see())
        self.put("soon", expires=self.now() + SOON - timedelta(hours=1))
        self.assertEqual(self.see().count(">Expires soon<"), 1)

    def test_one_that_is_over_is_folded_away(self) -> None:
        self.put("over", expires=self.now() + timedelta(seconds=1))
        self.clock.advance(1)
        text = self.see()
        self.assertIn(">Expired<", text)
        self.assertIn("1 key that no longer works", text)
        self.assertNotIn("?ask=revoke&key=over", text)

    def test_where_it_was_used_last_is_said(self) -> None:
        self.put("used")
        self.assertIn("not yet", self.see())
        self.keys.used("used", "203.0.113.9")
        self.assertIn("from 203.0.113.9", self.see())


class RequestTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_applications_can_ask_for_ten_minutes(self) -> None:
        text = self.see()
        self.assertIn('data-left="0"', text)
        reply = self.send("open-pairing")
        self.assertEqual(reply.header("location"), f"{PAGE}#requests")
        self.assertIn('data-left="600"', self.see())
        self.clock.advance(60)
        self.assertIn('data-left="540"', self.see())
        self.send("close-pairing")
        self.assertIn('data-left="0"', self.see())

    def test_the_page_says_what_the_application_wants_to_know(self) -> None:
        self.send("open-pairing")
        text = self.see()
        self.assertIn("<code>https://cloud.example.org</code>", text)
        self.assertIn(f"<code>{CLOUD_ID}</code>", text)

    def test_a_request_has_the_code_that_the_application_shows(self) -> None:
        key = self.ask_for_key(name="Home Assistant")
        text = self.see()
        self.assertIn(f'data-slot="code">{key.code}<', text)
        self.assertIn(">Home Assistant<", text)
        self.assertIn("from 198.51.100.7", text)
        self.assertNotIn("data-key-row", text)
        question = self.see(f"?ask=authorise&key={key.id}")
        self.assertIn(f">{key.code}<", question)

    def test_it_waits_when_nobody_can_ask_any_more(self) -> None:
        key = self.ask_for_key()
        self.pairing.close(CLOUD_ID)
        self.assertIn(f'data-slot="code">{key.code}<', self.see())

    def test_it_is_authorised_like_any_other(self) -> None:
        key = self.ask_for_key()
        self.send("authorise", key=key.id, admin_secret=SECRET)
        self.assertEqual(self.state_of(key), "authorised")
        text = self.see()
        self.assertIn(f'data-key-row="{key.id}"', text)
        self.assertNotIn(f'data-request="{key.id}"', text)

    def test_it_is_refused_at_once(self) -> None:
        key = self.ask_for_key()
        self.send("refuse", key=key.id)
        self.assertEqual(self.state_of(key), "revoked")
        self.assertIn("The request is refused.", self.see())


class SessionTests(KeysCase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_all_are_listed_and_one_s_own_is_marked(self) -> None:
        self.sessions.create(CLOUD_ID, "g", "user", "Eve", "203.0.113.5")
        key = access_key("opener", CLOUD_ID, name="Tablet")
        self.successResultOf(self.keys.add(key, Origin("admin")))
        self.sessions.create(
            CLOUD_ID, "g", "admin", "Tablet", "203.0.113.6", key_id="opener"
        )
        text = self.see()
        self.assertIn(">Eve<", text)
        self.assertIn("203.0.113.5", text)
        self.assertIn("key “Tablet”", text)
        self.assertEqual(text.count(">You, here<"), 1)

    def test_everybody_is_logged_out_after_a_question(self) -> None:
        other = self.sessions.create(CLOUD_ID, "g", "user", "Eve", "203.0.113.5")
        self.assertIn("Log out everywhere?", self.see("?ask=end-sessions"))
        self.assertFalse(other.ended)
        reply = self.send("end-sessions")
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.header("location"), f"{LOGIN}#logged_out")
        self.assertTrue(other.ended)
        self.assertTrue(self.session.ended)
        self.assertNotIn("__Host-cfos", self.browser.cookies)
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')

    def test_log_ins_are_listed_with_their_outcome(self) -> None:
        self.events.note(
            EventKind.LOGIN_FAILED, Origin("nobody", "203.0.113.8"), CLOUD_ID
        )
        self.successResultOf(self.events.flush())
        text = self.see()
        self.assertIn(">Logged in<", text)
        self.assertIn(">Failed<", text)
        self.assertIn("203.0.113.8", text)

    def test_more_than_a_few_are_folded(self) -> None:
        for _ in range(8):
            self.events.note(
                EventKind.LOGGED_IN, Origin("user:Eve", "203.0.113.8"), CLOUD_ID
            )
        self.successResultOf(self.events.flush())
        self.assertIn("4 before these", self.see())

    def test_without_the_database_the_rest_is_there(self) -> None:
        self.break_database()
        text = self.see()
        self.assertIn("the log-ins can't be shown", text)
        self.assertIn("You, here", text)

    def break_database(self) -> None:
        def page(*_: object, **__: object) -> Any:
            return fail(DatabaseUnavailable("no answer"))

        self.patch(self.events, "page", page)


class LanguageTests(KeysCase):
    def test_it_is_well_formed_in_all_languages_and_states(self) -> None:
        self.log_in()
        self.add(role="admin")
        self.ask_for_key(name="A & <b>B</b>")
        ended, _ = self.add(name="ended")
        self.send("revoke", key=ended.id)
        self.see()
        for language in SUPPORTED:
            text = self.see(language=language)
            self.assertEqual(text.count("<h1"), 1)
            for query in ("?ask=end-sessions", f"?ask=revoke&key={ended.id}"):
                self.see(query, language)

    def test_in_each_it_speaks_that_language(self) -> None:
        self.log_in()
        for language, words in (
            ("de", "Wie lange gilt er?"),
            ("pt", "Durante quanto tempo funciona?"),
        ):
            self.assertIn(words, self.see(language=language))
