"""``cfos-cloud key``: against the real API in memory."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from twisted.internet.defer import Deferred

from cfos_cloud.keys.key import KeyState
from cfos_cloud.operator_tool import commands
from cfos_cloud.operator_tool.credentials import Credentials
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.output import Output
from tests.operator_tool.support import CommandCase, Terminal, parse
from tests.web.cloud_keys import key_resources
from tests.web.operator_support import PASSWORD


class KeyCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.stderr = io.StringIO()
        self.patch(sys, "stderr", self.stderr)

    def resources(self) -> tuple[object, ...]:
        return (*super().resources(), *key_resources(self))

    def create(self, name: str = "monitoring", *words: str) -> Any:
        return self.document("key", "create", name, "--role", "api", *words)

    def answered(self, typed: str, *words: str) -> str:
        """What a command prints for somebody who types this."""
        self.patch(sys, "stdin", Terminal(typed))
        return self.output(*words)

    def state(self, key_id: str) -> KeyState:
        key = self.keys.get(key_id)
        assert key is not None
        return key.state(self.keys._now())


class CreateTests(KeyCase):
    def test_the_key_alone_is_printed_and_the_rest_is_said(self) -> None:
        text = self.output("key", "create", "monitoring", "--role", "api")
        token = text.removesuffix("\n")
        self.assertRegex(token, r"\A[\w-]+\.[\w-]+\.[\w-]+\Z")
        (key,) = self.keys.of(None)
        self.assertEqual((key.name, key.role.value), ("monitoring", "api"))
        said = self.stderr.getvalue()
        self.assertIn(f"cfos-cloud key authorize {key.id}", said)
        self.assertIn("shown this once", said)

    def test_a_ready_line_of_curl_is_said(self) -> None:
        token = self.output(
            "key", "create", "monitoring", "--role", "api", terminal=True
        ).strip()
        trusts = "curl --cacert 'my ca.pem'"
        field = f'-H "Authorization: Bearer {token}"'
        address = "https://cloud.example:4443/api/json/systems"
        self.assertIn(f"{trusts} {field} {address}\n", self.stderr.getvalue())

    def test_what_goes_into_a_file_is_not_said_as_well(self) -> None:
        token = self.output("key", "create", "x", "--role", "admin").strip()
        said = self.stderr.getvalue()
        self.assertNotIn(token, said)
        self.assertIn("Bearer $(cat FILE)", said)
        self.assertIn("/cloud/api/v1/status\n", said)

    def test_json_is_all_that_the_api_said_and_nothing_else(self) -> None:
        made = self.create("monitoring", "--expires", "1970-02-01")
        self.assertEqual(made["expires"], "1970-02-01T23:59:59Z")
        self.assertEqual(made["state"], "pending")
        self.assertIn("key", made)
        self.assertEqual(self.stderr.getvalue(), "")

    def test_it_can_be_authorised_in_one_go(self) -> None:
        made = self.create("monitoring", "--authorize")
        self.assertEqual(made["state"], "authorised")
        self.assertIn("key", made)
        self.output("key", "create", "more", "--role", "api", "--authorize")
        self.assertNotIn("key authorize", self.stderr.getvalue())

    def test_a_key_that_can_t_be_authorised_is_not_lost(self) -> None:
        file = io.StringIO()
        arguments = parse("key", "create", "x", "--role", "api", "--authorize")
        session = self.session(Output(False, file))
        object.__setattr__(session, "password", lambda: "wrong")
        work = arguments.prepare(arguments)
        deferred = Deferred.fromCoroutine(commands.perform(work, session))
        error = self.failureResultOf(deferred, ToolError)
        self.assertIn("not the admin password", str(error.value))
        self.assertEqual(file.getvalue().count("."), 2)
        self.assertIn("key authorize", self.stderr.getvalue())

    def test_what_is_wrong_with_it_is_said_in_a_line(self) -> None:
        for words, line in (
            (("x" * 65,), "name: a key's name is 1 to 64 visible characters"),
            (("x", "--expires", "1969-01-01"), "expires: expires is in the past"),
            (("x", "--expires", "soon"), "expires: expires is a date like"),
        ):
            refusal = self.refusal("key", "create", *words, "--role", "api")
            self.assertIn(line, refusal)
        self.assertEqual(self.keys.of(None), [])


class ListTests(KeyCase):
    def test_a_list_of_nothing_says_what_it_would_be_of(self) -> None:
        self.assertEqual(self.document("key", "list"), {"items": [], "next": None})
        self.assertTrue(self.output("key", "list").startswith("ID\tSTATE\t"))

    def test_it_has_no_key_in_it(self) -> None:
        made = self.create()
        token = made.pop("key")
        self.assertEqual(self.document("key", "list")["items"], [made])
        for terminal in (False, True):
            text = self.output("key", "list", terminal=terminal, width=200)
            self.assertIn("monitoring", text)
            self.assertNotIn(token, text)

    def test_what_uses_a_key_is_named(self) -> None:
        made = self.create("monitoring", "--authorize")
        self.clock.advance(3600)
        self.keys.used(made["id"], "192.0.2.7")
        row = self.output("key", "list").splitlines()[1].split("\t")
        self.assertEqual(row[1:4], ["authorised", "api", "monitoring"])
        self.assertEqual(row[5:7], ["1970-01-01T01:00:00Z", "192.0.2.7"])

    def test_names_move_no_cursor(self) -> None:
        self.create("a name")
        for name in ("tab\there", "\x1b[2J"):
            self.refusal("key", "create", name, "--role", "api")


class AuthorizeTests(KeyCase):
    def test_it_works_from_then_on(self) -> None:
        made = self.create()
        self.assertIs(self.state(made["id"]), KeyState.PENDING)
        line = self.output("key", "authorize", made["id"])
        self.assertEqual(line, "monitoring works now\n")
        self.assertIs(self.state(made["id"]), KeyState.AUTHORISED)
        again = self.document("key", "authorize", made["id"])
        self.assertEqual(again["state"], "authorised")

    def test_its_name_does_if_it_is_the_only_one(self) -> None:
        first = self.create()
        self.output("key", "authorize", "monitoring")
        second, third = self.create(), self.create()
        refusal = self.refusal("key", "authorize", "monitoring")
        for key in (second, third):
            self.assertIn(key["id"], refusal)
        self.assertNotIn(first["id"], refusal)

    def test_one_that_is_over_or_not_there_is_refused(self) -> None:
        made = self.create()
        self.output("key", "revoke", made["id"], "--yes")
        refusal = self.refusal("key", "authorize", made["id"])
        self.assertIn("revoked or has expired", refusal)
        refusal = self.refusal("key", "authorize", "monitoring")
        self.assertIn("no pending access key", refusal)
        self.assertIn(": nobody", self.refusal("key", "authorize", "nobody"))


class RevokeTests(KeyCase):
    def test_a_person_is_asked_first(self) -> None:
        made = self.create()
        for typed in ("", "no\n", "y\n"):
            self.patch(sys, "stdin", Terminal(typed))
            refusal = self.refusal("key", "revoke", "monitoring")
            self.assertEqual(refusal, "monitoring is not revoked")
            self.assertIs(self.state(made["id"]), KeyState.PENDING)
        line = self.answered("yes\n", "key", "revoke", "monitoring")
        self.assertEqual(line, "monitoring is revoked\n")
        self.assertIs(self.state(made["id"]), KeyState.REVOKED)
        self.assertIn(f"Revoke monitoring (api, {made['id']})?", self.stderr.getvalue())

    def test_a_script_is_not_asked(self) -> None:
        made = self.create()
        self.patch(sys, "stdin", io.StringIO("no\n"))
        self.output("key", "revoke", made["id"])
        self.assertIs(self.state(made["id"]), KeyState.REVOKED)

    def test_json_says_which(self) -> None:
        made = self.create()
        self.assertEqual(
            self.document("key", "revoke", made["id"], "--yes"),
            {"revoked": made["id"]},
        )


class SigningTests(KeyCase):
    def signing(self) -> list[Any]:
        return list(self.document("key", "signing")["items"])

    def test_a_new_one_signs_and_the_old_one_vouches_on(self) -> None:
        (old,) = self.signing()
        made = self.create("monitoring", "--authorize")
        text = self.output("key", "rotate-signing")
        new, kept = self.signing()
        self.assertIn(new["kid"], text)
        self.assertIn("already go on", text)
        self.assertEqual(
            [(new["current"], new["keys"]), (kept["current"], kept["keys"])],
            [(True, 0), (False, 1)],
        )
        self.assertEqual(kept["kid"], old["kid"])
        self.assertIs(self.state(made["id"]), KeyState.AUTHORISED)
        rows = self.output("key", "signing").splitlines()
        self.assertEqual(rows[1].split("\t")[:3], [new["kid"], "yes", "0"])

    def test_dropping_says_how_many_keys_end_and_asks(self) -> None:
        for name in ("one", "two"):
            self.create(name)
        (old,) = self.signing()
        words = ("key", "drop-signing", old["kid"])
        self.patch(sys, "stdin", Terminal("no\n"))
        self.assertIn("is not dropped", self.refusal(*words))
        self.assertIn("2 access keys under it", self.stderr.getvalue())
        self.assertEqual(self.signing(), [old])
        line = self.answered("yes\n", *words)
        self.assertIn("2 access keys under it are over", line)
        (new,) = self.signing()
        self.assertNotEqual(new["kid"], old["kid"])
        states = {self.state(key.id) for key in self.keys.of(None)}
        self.assertEqual(states, {KeyState.REVOKED})

    def test_one_that_is_not_there_ends_nothing(self) -> None:
        self.assertEqual(
            self.refusal("key", "drop-signing", "nope", "--yes"),
            "there is no signing key nope",
        )

    def test_json_says_how_many_were_under_it(self) -> None:
        self.create()
        (old,) = self.signing()
        self.assertEqual(
            self.document("key", "drop-signing", old["kid"], "--yes"),
            {"dropped": old["kid"], "keys": 1},
        )
        self.assertIn("kid", self.document("key", "rotate-signing"))


class RefusedKeyTests(KeyCase):
    def credentials(self, password: str) -> Credentials:
        if password == PASSWORD:
            return super().credentials(password)
        return Credentials.by_key(password)

    def test_a_key_that_is_not_good_is_named_but_not_said(self) -> None:
        refusal = self.refusal("key", "list", password="no.such.key")
        self.assertEqual(refusal, "https://cloud.example:4443 refuses the access key")
        self.assertNotIn("no.such.key", json.dumps(refusal))
