"""Access keys that a door makes itself: what they may do, what ends them, who sees."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from twisted.internet.threads import deferToThread

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import ConsentFile, Kept
from cfos_cloud.device.door import DoorError
from cfos_cloud.device.password_mark import make_mark
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.signing import FILE as SIGNING_FILE
from cfos_cloud.site_door.key_file import FILE_NAME, KeyFile
from tests.device.tunnel_server import CLOUD_ID
from tests.end_to_end.client import LOGIN
from tests.site_door.case import ADMIN
from tests.site_door.keys import KEYS, PAGE, KeysPage, MadeKey, call
from tests.site_door.server import HOST
from tests.site_door.test_endings import EndingCase

T = TypeVar("T")

OTHER_ADMIN = "canary of another admin password"
#: As a server signs them, which is of no interest here.
OF_THE_SERVER = b"canary-head.canary-payload.canary-signature"


class KeysCase(EndingCase):
    async def open(self, **end_to_end: object) -> KeysPage:
        """The page, by who is logged in as admin."""
        await self.start(**end_to_end)
        return KeysPage(await self.logged_in())

    async def make(self, page: KeysPage, role: str = "api") -> MadeKey:
        return await deferToThread(page.make, role)

    async def status(self, key: MadeKey, path: str = "/api/json/x") -> int:
        answer = await deferToThread(self.browser().get, path, key.bearer)
        if answer.status == 401:
            self.assertEqual(answer.body, b"")
        return answer.status

    async def during(self, work: Callable[[], T]) -> T:
        return await deferToThread(work)


class LifeTests(KeysCase):
    async def test_one_from_the_page_works_once_authorised_and_no_one_else_sees_it(
        self,
    ) -> None:
        page = await self.open()
        key = await deferToThread(page.add)
        self.assertEqual(await self.status(key), 401)
        wrong = await deferToThread(page.authorise, key, "a canary of a guess")
        self.assertEqual(wrong, 403)
        self.assertEqual(await self.status(key), 401)
        self.assertEqual(await deferToThread(page.authorise, key), 303)
        answer = await deferToThread(self.browser().get, "/api/json/x", key.bearer)
        self.assertEqual(answer.status, 200)
        # Not the device's to have either.
        self.assertNotIn(key.token.encode(), answer.body)
        self.assertIn(b"Cfos-Role: api", answer.body)
        again = await deferToThread(page.see)
        self.assertIn("“evcc” is authorised", again)
        self.assertNotIn(key.token, again)

        grant = grant_of(key.token.encode())
        heard = bytes(self.heard)
        head, claims, signature = key.token.encode().split(b".")
        for secret in (head, claims, signature, grant.encode(), ADMIN.encode()):
            self.assertNotIn(secret, heard)
        self.assertNotIn(consent_of(grant).encode(), heard)
        for kept in self.state_directory.rglob("*"):
            if kept.is_file():
                self.assertNotIn(signature, kept.read_bytes(), kept)
                self.assertNotIn(grant.encode(), kept.read_bytes(), kept)
        for name in (FILE_NAME, "door-consents.json", SIGNING_FILE):
            mode = (self.state_directory / name).stat().st_mode & 0o777
            self.assertEqual(mode, 0o600, name)
        self.assertNotIn(signature.decode(), self.log)
        self.assertNotIn("canary", self.log)

    async def test_revoking_ends_what_it_has_open_and_its_sessions_at_once(
        self,
    ) -> None:
        page = await self.open()
        key = await self.make(page, "admin")
        browser = self.browser()
        entered = await deferToThread(browser.post_form, LOGIN, {"key": key.token})
        self.assertEqual(entered.status, 303, entered.body)
        self.assertEqual((await deferToThread(browser.get, "/page")).status, 200)
        # Who came by a key has no say in keys.
        self.assertEqual((await deferToThread(browser.get, PAGE)).status, 403)
        by_key = await self.listening(self.browser(), key.bearer)
        by_session = await self.listening(browser)
        revoked = await deferToThread(page.send, "revoke", key=key.id)
        self.assertEqual(revoked.status, 303)
        await self.ends(by_key)
        await self.ends(by_session)
        self.assertEqual(await self.status(key, "/page"), 401)
        self.assertEqual((await deferToThread(browser.get, "/page")).status, 303)
        self.assertEqual(await deferToThread(page.authorise, key), 409)
        self.assertEqual(len(self.end._consents), 0)

    async def test_another_admin_password_makes_it_pending_until_that_is_given(
        self,
    ) -> None:
        page = await self.open()
        key = await self.make(page)
        wire = await self.listening(self.browser(), key.bearer)
        self.admin_file.write_text(OTHER_ADMIN)
        await self.ends(wire)
        self.assertEqual(await self.status(key), 401)
        browser = self.browser()
        await deferToThread(browser.log_in, CLOUD_ID, OTHER_ADMIN, as_admin=True)
        anew = KeysPage(browser)
        self.assertIn("Authorise …", await deferToThread(anew.see))
        self.assertEqual(await deferToThread(anew.authorise, key, OTHER_ADMIN), 303)
        self.assertEqual(await self.status(key), 200)

    async def test_it_ends_when_its_time_has_come(self) -> None:
        page = await self.open()
        key = await self.make(page)
        wire = await self.listening(self.browser(), key.bearer)
        two_years = timedelta(days=730).total_seconds()
        self.patch(self.end, "_now", lambda: time.time() + two_years)
        await self.ends(wire)
        self.assertEqual(await self.status(key), 401)


class RuleTests(KeysCase):
    async def test_each_may_what_its_role_says(self) -> None:
        page = await self.open()
        reader, admin = await self.make(page), await self.make(page, "admin")
        for path in ("/page", "/api/json/%2e%2e/page", "/api/json"):
            self.assertEqual(await self.status(reader, path), 401, path)
        for path in ("/page", "/api/json/x"):
            self.assertEqual(await self.status(admin, path), 200, path)
        answers = await self.during(
            lambda: [
                self.browser().request("POST", "/api/json/x", b"1", [each.bearer])
                for each in (reader, admin)
            ]
        )
        self.assertEqual([answer.status for answer in answers], [401, 200])
        self.assertEqual(answers[0].body, b"")
        # The admin's own session, of which a key takes nothing away.
        both = await deferToThread(page.browser.get, "/page", reader.bearer)
        self.assertEqual(both.status, 200)
        self.assertNotIn(reader.token.encode(), both.body)

    async def test_what_is_no_key_is_refused_alike(self) -> None:
        page = await self.open()
        key = await self.make(page)
        head, claims, signature = key.token.split(".")
        spoilt = f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
        long = "a" * 3000 + ".b.c"
        for token in ("x", "a.b", spoilt, f"{key.token}=", f"{key.token}.x", long):
            self.assertEqual(await self.status(MadeKey("", token)), 401, token)
        nothing = await deferToThread(self.browser().get, "/api/json/x")
        self.assertEqual((nothing.status, nothing.body), (401, b""))

    async def test_keys_of_the_server_are_none_here_and_it_has_no_say_in_others(
        self,
    ) -> None:
        self.state_directory.mkdir()
        agreed = Consent(consent_of(grant_of(OF_THE_SERVER)), "theirs", Role.ADMIN)
        mark = make_mark(AdminPassword(plain=ADMIN), bytes(16))
        kept = Kept((agreed,), mark)
        before = ConsentFile(self.state_directory)
        before.write(kept)
        page = await self.open()
        self.assertIn("1 access keys of the server", self.log)
        theirs = MadeKey("", OF_THE_SERVER.decode())
        self.assertEqual(await self.status(theirs, "/page"), 401)
        self.assertIsNone(self.end.key_grants.find(grant_of(OF_THE_SERVER)))
        # They are there for when the server passes requests on again.
        self.assertEqual(before.read(), kept)
        ours = await self.make(page)
        control = self.servers[-1].control
        assert control is not None
        known = consent_of(grant_of(ours.token.encode()))
        control.notify("forget", {"keys": [known]})
        await control.request("nothing", {}, 5.0).addErrback(lambda _: None)
        self.assertEqual(await self.status(ours), 200)


class PageTests(KeysCase):
    async def test_it_is_for_who_is_admin_by_password_and_for_no_other_site(
        self,
    ) -> None:
        page = await self.open()
        stranger = await deferToThread(self.browser().get, PAGE)
        self.assertEqual(stranger.status, 303)
        self.assertEqual(stranger.field("Location"), LOGIN)
        for field in (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "empty")):
            answer = await deferToThread(page.browser.get, PAGE, field)
            self.assertEqual(answer.status, 403, field)
        forged = await deferToThread(
            page.browser.request,
            "POST",
            PAGE,
            b"action=add&name=x&role=admin",
            [("Content-Type", "application/x-www-form-urlencoded")],
        )
        self.assertEqual(forged.status, 403)
        shown = await deferToThread(page.see)
        self.assertIn("There is no key yet", shown)
        self.assertIn("You, here", shown)

    async def test_it_shows_who_has_come_in_and_who_has_tried(self) -> None:
        page = await self.open()
        await self.during(
            lambda: self.browser().log_in(CLOUD_ID, "canary", as_admin=True)
        )
        shown = await deferToThread(page.see)
        logins = shown.partition('id="logins"')[2].partition("</section>")[0]
        self.assertEqual(logins.count("Logged in"), 1)
        self.assertEqual(logins.count("Failed"), 1)
        self.assertNotIn("canary", shown)

    async def test_the_command_that_it_shows_reaches_this_device_and_no_other(
        self,
    ) -> None:
        page = await self.open()
        key = await deferToThread(page.add)
        command = shlex.split(page.command)
        self.assertEqual(await deferToThread(page.authorise, key), 303)

        def run(*changed: str) -> subprocess.CompletedProcess[str]:
            to = f"{HOST}:443:127.0.0.1:{self.port}"
            line = [*(changed or command), "-sS", "-i", "--connect-to", to]
            return subprocess.run(
                line, capture_output=True, text=True, timeout=60, check=False
            )

        done = await deferToThread(run)
        self.assertIn("200 OK", done.stdout, done.stderr)
        self.assertIn("Cfos-Role: api", done.stdout)
        # Somebody stands between, with a certificate and a key of their own.
        [at] = [i for i, each in enumerate(command) if each.startswith("sha256//")]
        other = f"sha256//{'A' * 43}="
        refused = await deferToThread(run, *command[:at], other, *command[at + 1 :])
        self.assertIn("public key does not match", refused.stderr)
        self.assertNotIn("HTTP/", refused.stdout)


class APITests(KeysCase):
    async def test_the_admin_s_session_makes_lists_authorises_and_revokes(self) -> None:
        page = await self.open()
        browser = page.browser

        def use() -> tuple[list[int], MadeKey]:
            made = call(browser, "POST", KEYS, {"name": "script", "role": "api"})
            key = MadeKey(made.json()["id"], made.json()["key"])
            one = f"{KEYS}/{key.id}"
            listed = call(browser, "GET", KEYS)
            self.assertEqual(
                [(each["id"], each["state"]) for each in listed.json()["items"]],
                [(key.id, "pending")],
            )
            wrong = call(browser, "POST", f"{one}/authorize", {"admin_secret": "x"})
            right = call(browser, "POST", f"{one}/authorize", {"admin_secret": ADMIN})
            self.assertEqual(right.json()["state"], "authorised")
            worked = self.browser().get("/api/json/x", key.bearer)
            used = call(browser, "GET", one).json()["last_client"]
            self.assertEqual(used, "127.0.0.1")
            gone = call(browser, "DELETE", one)
            answers = (made, wrong, right, worked, gone)
            return [answer.status for answer in answers], key

        statuses, key = await deferToThread(use)
        self.assertEqual(statuses, [201, 403, 200, 200, 204])
        self.assertEqual(await self.status(key), 401)

    async def test_nobody_else_has_a_say(self) -> None:
        page = await self.open()
        key = await self.make(page, "admin")

        def try_it() -> list[int]:
            of_key = call(self.browser(), "GET", KEYS, None, key.bearer)
            nobody = call(self.browser(), "GET", KEYS)
            other = call(page.browser, "GET", "/cloud/api/v1/systems/Other-1/keys")
            operators = call(page.browser, "GET", "/cloud/api/v1/events")
            self.assertEqual(of_key.body, b"")
            return [each.status for each in (of_key, nobody, other, operators)]

        self.assertEqual(await deferToThread(try_it), [401, 401, 403, 404])

    async def test_an_application_asks_for_its_key_while_the_admin_lets_it(
        self,
    ) -> None:
        page = await self.open()
        asking = f"/cloud/api/v1/systems/{CLOUD_ID}/key-requests"
        wanted = {"name": "asks itself", "role": "api"}

        def ask() -> MadeKey:
            application = self.browser()
            self.assertEqual(call(application, "POST", asking, wanted).status, 403)
            page.send("open-pairing")
            asked = call(application, "POST", asking, wanted)
            self.assertEqual(asked.status, 201, asked.body)
            key = MadeKey(asked.json()["id"], asked.json()["key"])
            self.assertIn(asked.json()["code"], page.see())
            self.assertEqual(page.authorise(key), 303)
            own = call(application, "GET", f"{asking}/{key.id}", None, key.bearer)
            self.assertEqual(own.json()["state"], "authorised")
            return key

        key = await deferToThread(ask)
        self.assertEqual(await self.status(key), 200)

    async def test_a_disk_that_is_full_is_said_and_nothing_has_changed(self) -> None:
        page = await self.open()
        key = await self.make(page)

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(KeyFile, "write", fail)

        def change() -> list[tuple[int, str]]:
            wanted = {"name": "script", "role": "api"}
            answers = [
                call(page.browser, "POST", KEYS, wanted),
                call(page.browser, "DELETE", f"{KEYS}/{key.id}"),
            ]
            return [(each.status, each.json()["detail"]) for each in answers]

        said = (503, "the access keys stay as they were: No space left on device")
        self.assertEqual(await deferToThread(change), [said, said])
        self.assertEqual(await self.status(key), 200)


class FileTests(KeysCase):
    def test_a_file_that_can_not_be_used_is_named_at_the_start(self) -> None:
        self.state_directory.mkdir()
        for name in (SIGNING_FILE, FILE_NAME):
            path = self.state_directory / name
            path.mkdir()
            error = self.assertRaises(DoorError, self.make_end, 1)
            self.assertIn(str(path), str(error))
            self.assertEqual(len(str(error).splitlines()), 1)
            path.rmdir()
