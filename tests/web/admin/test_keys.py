"""The view "Access keys" of the operator's page, as a browser without scripts."""

from __future__ import annotations

import re
from datetime import timedelta

from twisted.internet.defer import Deferred, fail

from cfos_cloud.keys.key import AccessKey, KeyState
from cfos_cloud.languages import SUPPORTED
from cfos_cloud.registry import DatabaseError
from cfos_cloud.web.operator.session import FRESH
from tests.listener.authority import NOW
from tests.test_pages import check
from tests.web.admin.test_pages import AdminCase
from tests.web.operator_support import PASSWORD
from tests.web.support import Reply

VIEW = "?page=keys"


class KeysCase(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def add(self, name: str = "Monitoring", **form: str) -> AccessKey:
        before = self.keys.of(None)
        form = {"name": name, "role": "api", "expiry": "never", **form}
        reply = self.send("key-add", VIEW, **form)
        self.assertEqual(reply.status, 303, self.text(reply))
        (key,) = [each for each in self.keys.of(None) if each not in before]
        return key

    def view(self, query: str = "", language: str = "en") -> str:
        return self.text(self.open(VIEW + query, language))

    def title(self, reply: Reply) -> str:
        """The heading of a page that asks something."""
        match = re.search(r'<h1 id="title">(.*)</h1>', self.text(reply))
        return "" if match is None else re.sub("<.*?>", "", match[1])

    def state(self, key: AccessKey) -> KeyState:
        found = self.keys.get(key.id)
        assert found is not None
        return found.state(NOW)

    def authorise(self, key: AccessKey, password: str = PASSWORD) -> Reply:
        return self.send("key-authorise", VIEW, key=key.id, operator_password=password)


class AddTests(KeysCase):
    def test_a_new_key_is_shown_once(self) -> None:
        key = self.add("Monitoring <b>")
        page = self.view()
        self.assertIn("The key “Monitoring <b>” is made", page)
        found = re.search(r'id="new-token" class="value">([^<]+)<', page)
        assert found is not None
        self.assertIn(
            f"curl -H 'Authorization: Bearer {found[1]}' "
            "https://cloud.example.org/api/json/systems",
            page,
        )
        self.assertIn("With curl -k", page)
        self.assertNotIn(found[1], self.view())
        self.assertNotIn("<b>", self.open(VIEW).body.decode())
        self.assertIs(self.state(key), KeyState.PENDING)

    def test_its_end_is_a_choice_or_a_day(self) -> None:
        self.assertIsNone(self.add(expiry="never").expires)
        month = self.add(expiry="30").expires
        assert month is not None
        self.assertEqual(month - NOW, timedelta(days=30))
        day = self.add(expiry="date", expires_on="2030-12-31").expires
        assert day is not None
        self.assertEqual(day.isoformat(), "2030-12-31T23:59:59+00:00")

    def test_faults_are_beside_their_fields_and_the_rest_stays(self) -> None:
        for form, field, words in (
            ({"name": " "}, "name", "a name of 1 to 64"),
            ({"name": "x" * 65}, "name", "a name of 1 to 64"),
            ({"expiry": "date"}, "expires_on", "a day after today"),
            (
                {"expiry": "date", "expires_on": "2001-01-01"},
                "expires_on",
                "a day after today",
            ),
        ):
            form = {"name": "Meter", "role": "admin", "expiry": "30", **form}
            reply = self.send("key-add", VIEW, **form)
            self.assertEqual(reply.status, 422)
            check(self, reply.body.decode())
            page = self.text(reply)
            self.assertIn(words, page)
            self.assertRegex(page, rf'id="{field}"[^>]*aria-invalid="true"')
            self.assertRegex(page, r'value="admin" checked')
        self.assertEqual(self.keys.of(None), [])

    def test_there_are_not_more_than_there_may_be(self) -> None:
        for number in range(50):
            self.add(f"Key {number}")
        reply = self.send("key-add", VIEW, name="x", role="api", expiry="never")
        self.assertEqual(reply.status, 409)
        self.assertIn("Revoke one that nobody needs", self.text(reply))


class AuthoriseTests(KeysCase):
    def test_the_password_lets_it_work(self) -> None:
        key = self.add()
        self.view()
        self.assertIn(">Not authorised<", self.view())
        self.assertEqual(self.authorise(key).status, 303)
        page = self.view()
        self.assertIn("“Monitoring” is authorised, and works now.", page)
        self.assertIs(self.state(key), KeyState.AUTHORISED)
        self.assertNotIn(">Not authorised<", page)

    def test_it_is_asked_for_though_it_was_given_just_now(self) -> None:
        key = self.add()
        for password in ("", "wrong"):
            reply = self.authorise(key, password)
            self.assertEqual(reply.status, 422)
            page = self.text(reply)
            self.assertIn("This is not the admin password.", page)
            self.assertEqual(self.title(reply), "Authorise “Monitoring”?")
            self.assertEqual(page.count("<h1"), 1)
            self.assertRegex(page, r'type="password"[^>]*aria-invalid="true"')
        self.assertIs(self.state(key), KeyState.PENDING)

    def test_without_a_script_a_page_asks(self) -> None:
        key = self.add(role="admin")
        self.view()
        page = self.view(f"&ask=key-authorise&key={key.id}")
        self.assertIn("all that you can do here", page)
        self.assertEqual(page.count('value="key-authorise"'), 1)
        self.authorise(key)
        self.view()
        # There is nothing to ask any more.
        page = self.view(f"&ask=key-authorise&key={key.id}")
        self.assertIn("Keys of this server", page)
        self.assertIn("Keys of this server", self.view("&ask=key-authorise&key=x"))

    def test_one_that_is_over_meanwhile_stays_so(self) -> None:
        key = self.add()
        self.successResultOf(self.keys.revoke(key.id))
        reply = self.authorise(key)
        self.assertEqual(reply.status, 409)
        self.assertIn("This key has ended meanwhile", self.text(reply))

    def test_one_that_is_gone_is_said_to_be(self) -> None:
        reply = self.send("key-revoke", VIEW, key="gone")
        self.assertEqual(reply.status, 404)
        self.assertIn("This key is no longer there.", self.text(reply))


class RevokeTests(KeysCase):
    def test_it_asks_and_never_works_again(self) -> None:
        key = self.add()
        self.view()
        reply = self.open(f"{VIEW}&ask=key-revoke&key={key.id}")
        self.assertEqual(self.title(reply), "Revoke “Monitoring”?")
        self.assertEqual(self.text(reply).count('value="key-revoke"'), 1)
        self.assertEqual(self.send("key-revoke", VIEW, key=key.id).status, 303)
        page = self.view()
        self.assertIn("The key is revoked.", page)
        self.assertIn("1 key that no longer works", page)
        self.assertIs(self.state(key), KeyState.REVOKED)

    def test_what_lets_somebody_in_or_can_t_be_undone_needs_the_password(self) -> None:
        key = self.add()
        (signing,) = self.parts_signing()
        self.clock.advance(FRESH + 1)
        for action, form in (
            ("key-add", {"name": "x", "role": "admin", "expiry": "never"}),
            ("key-revoke", {"key": key.id}),
            ("signing-rotate", {}),
            ("signing-drop", {"key": signing}),
        ):
            reply = self.send(action, VIEW, **form)
            self.assertEqual(reply.status, 401, action)
            self.assertIn("password once more", self.text(reply))
            reply = self.send(action, VIEW, operator_password="x", **form)
            self.assertEqual(reply.status, 422, action)
            self.assertIn("not the admin password", self.text(reply))
        self.assertEqual(len(self.keys), 1)
        self.assertIs(self.state(key), KeyState.PENDING)
        self.assertEqual(self.parts_signing(), [signing])

    def parts_signing(self) -> list[str]:
        return re.findall(r"data-dialog=\"drop\" data-key=\"([^\"]+)\"", self.view())


class ListTests(KeysCase):
    def test_nothing_is_said_in_words(self) -> None:
        self.assertIn("There is no key yet.", self.view())
        self.successResultOf(self.keys.revoke(self.add().id))
        self.assertIn("There is no key that works now.", self.view())
        self.assertNotIn("There is no key yet.", self.view())

    def test_use_and_end_are_shown(self) -> None:
        key = self.add(expiry="date", expires_on=str((NOW + timedelta(3)).date()))
        self.keys.used(key.id, "192.0.2.7")
        page = self.view()
        self.assertIn("from 192.0.2.7", page)
        self.assertIn("Expires soon", page)

    def test_every_state_is_well_formed_in_every_language(self) -> None:
        first, second = self.add("One"), self.add("Two", role="admin")
        self.authorise(first)
        third = self.add("Three", expiry="30")
        self.send("key-revoke", VIEW, key=third.id)
        (signing,) = re.findall(
            r"data-dialog=\"drop\" data-key=\"([^\"]+)\"", self.view()
        )
        for language in SUPPORTED:
            for query in (
                "",
                f"&ask=key-authorise&key={second.id}",
                f"&ask=key-revoke&key={first.id}",
                f"&ask=signing-drop&key={signing}",
            ):
                reply = self.open(VIEW + query, language)
                self.assertEqual(reply.body.count(b"<h1"), 1, query)

    def test_a_database_that_is_away_is_said(self) -> None:
        def away(*_: object) -> Deferred[None]:
            return fail(DatabaseError("away"))

        self.patch(self.keys, "add", away)
        reply = self.send("key-add", VIEW, name="x", role="api", expiry="never")
        self.assertEqual(reply.status, 503)
        self.assertIn("so nothing was changed", self.text(reply))


class SigningTests(KeysCase):
    def kids(self) -> list[str]:
        return re.findall(r"data-dialog=\"drop\" data-key=\"([^\"]+)\"", self.view())

    def test_a_new_one_signs_and_the_old_one_stays(self) -> None:
        self.add()
        (old,) = self.kids()
        self.assertEqual(self.send("signing-rotate", VIEW).status, 303)
        self.assertIn("signed with the new signing key", self.view())
        new, kept = self.kids()
        self.assertEqual(kept, old)
        self.assertEqual(self.add("More").kid, new)

    def test_dropping_one_says_what_ends(self) -> None:
        key = self.add()
        (old,) = self.kids()
        page = self.view(f"&ask=signing-drop&key={old}")
        self.assertIn("1 access key under it ends at once", page)
        self.assertEqual(self.send("signing-drop", VIEW, key=old).status, 303)
        self.assertIn("all access keys under it are over", self.view())
        self.assertIs(self.state(key), KeyState.REVOKED)
        self.assertNotIn(old, self.kids())

    def test_one_that_is_gone_is_said_to_be(self) -> None:
        reply = self.send("signing-drop", VIEW, key="gone")
        self.assertEqual(reply.status, 404)
        self.assertIn("This signing key is no longer there.", self.text(reply))
