"""Access keys: the whole life of one, from the page of a real site's admin."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from tests.browser import curl as curls
from tests.browser.browser import PATIENCE
from tests.browser.charging_site import ADMIN_PASSWORD
from tests.browser.people import PeopleTestCase
from tests.browser.site_case import SiteTestCase
from tests.browser.test_admin import ATTEMPTS
from tests.end_to_end.daemons import ADMIN_SECRET
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Request

#: What the page says in each language, where a test looks for it.
WORDS = {
    "en": {
        "title": "Access keys",
        "pending": "Not authorised",
        "active": "Active",
        "wrong": "This is not the admin password.",
        "works": "It is authorised, and works now.",
        "revoked": "The key is revoked. It no longer works.",
        "ended": "1 key that no longer works",
        "authorised": "“Wallbox App” is authorised, and works now.",
        "log_in": "Log in",
    },
    "de": {
        "title": "Zugangsschlüssel",
        "pending": "Nicht freigegeben",
        "active": "Aktiv",
        "wrong": "Das ist nicht das Admin-Passwort.",
        "works": "Er ist freigegeben und gilt ab sofort.",
        "revoked": "Der Schlüssel ist widerrufen. Er gilt nicht mehr.",
        "ended": "1 Schlüssel, der nicht mehr gilt",
        "authorised": "„Wallbox App“ ist freigegeben und gilt ab sofort.",
        "log_in": "Anmelden",
    },
    "pt": {
        "title": "Chaves de acesso",
        "pending": "Não autorizada",
        "active": "Ativa",
        "wrong": "Esta não é a palavra-passe de administrador.",
        "works": "Está autorizada e já funciona.",
        "revoked": "A chave foi revogada. Já não funciona.",
        "ended": "1 chave que já não funciona",
        "authorised": "“Wallbox App” está autorizada e já funciona.",
        "log_in": "Iniciar sessão",
    },
}


def curl(*arguments: str) -> tuple[int, str]:
    """Status and body."""
    return try_it(shlex.join(["curl", *arguments]))


def try_it(command: str) -> tuple[int, str]:
    """The line that the page proposes, and what a self-signed certificate takes."""
    return curls.try_it(command, "-k")


class KeysCase(SiteTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.charging_site, self.system = self.make_connected_site()

    @property
    def api(self) -> str:
        return f"{self.server.url}/cloud/api/v1/systems/{self.system}"

    def admin_page(self, language: str = "en", **options: Any) -> Any:
        """The page of access keys, of who has just logged in as admin."""
        page = self.log_in_through_cloud(
            self.system, ADMIN_PASSWORD, as_admin=True, **options
        )
        page.goto(self.address(language))
        self.expect(page, "h1", WORDS[language]["title"])
        return page

    def address(self, language: str = "en") -> str:
        return f"{self.server.url}/ui/{language}/cloud-keys.htm"

    def send(self, page: Any, action: str) -> None:
        """By the form's own button, to the answer."""
        with page.expect_navigation():
            page.locator(f"button[value={action}]:visible").first.click()

    def add(self, page: Any, name: str, *, role: str = "api") -> str:
        """The line to try the new key with."""
        page.fill("#name", name)
        page.check(f"#role-{role}")
        self.send(page, "add")
        command: str = page.locator("#new-command").inner_text()
        return command

    def authorise_here(self, page: Any, secret: str) -> None:
        """In the step that follows the making of a key."""
        page.fill("#new-admin_secret", secret)
        page.locator("form[data-authorise] button[type=submit]").click()

    def ask_for_key(self, **wanted: str) -> tuple[int, Any]:
        """As an application does, with nothing but the server and the Cloud ID."""
        status, body = curl("--json", json.dumps(wanted), f"{self.api}/key-requests")
        return status, json.loads(body)

    def asked_key(self, name: str, role: str = "api") -> Any:
        status, asked = self.ask_for_key(name=name, role=role)
        self.assertEqual(status, 201)
        return asked

    def state_of(self, asked: Any) -> Any:
        """What the application is told of the key that it has asked for."""
        bearer = f"Authorization: Bearer {asked['key']}"
        _, body = curl("-H", bearer, f"{self.api}/key-requests/{asked['id']}")
        return json.loads(body)["state"]

    def reads(self, token: str) -> tuple[int, str]:
        address = f"{self.server.url}/api/json/local/values/smart-meter"
        return curl("-H", f"Authorization: Bearer {token}", address)

    def no_complaints(self, *expected: str) -> None:
        """But for what the browser says of answers that are to be errors."""
        expected = (*expected, "Clear-Site-Data")
        odd = [
            each
            for each in self.complaints
            if not any(part in each for part in expected)
        ]
        self.assertEqual(odd, [])


class LifeTests(KeysCase):
    """In each language: made, seen once, authorised, used, revoked."""

    def live(self, language: str) -> None:
        words = WORDS[language]
        page = self.log_in_through_cloud(
            self.system, ADMIN_PASSWORD, as_admin=True, locale=language
        )
        page.goto(f"{self.server.url}/ui/{language}/index.htm")
        page.locator("#cloud-keys").click()
        page.wait_for_url(self.address(language))
        self.expect(page, "h1", words["title"])
        if language == "de":
            self.inspect(page, "keys-empty")

        command = self.add(page, "Home Assistant")
        token = page.locator("#new-token").inner_text()
        self.assertIn(token, command)
        self.assertIn("curl -k", page.locator("#new-key").inner_text())
        self.expect(page, "#keys .badge", words["pending"])
        self.assertEqual(try_it(command), (401, ""))
        if language == "en":
            self.inspect(page, "keys-new")

        self.authorise_here(page, "wrong")
        self.expect(page, "#new-admin_secret-problem", words["wrong"])
        self.assertEqual(page.locator("#new-token").inner_text(), token)
        self.assertEqual(try_it(command), (401, ""))
        self.authorise_here(page, ADMIN_PASSWORD)
        self.expect(page, "[data-done]", words["works"])
        self.expect(page, "#keys .badge", words["active"])
        self.assertEqual(page.locator("#new-token").inner_text(), token)
        status, body = try_it(command)
        self.assertEqual(status, 200)
        self.assertIn("active_power_+", json.loads(body)["smart-meter"]["values"])

        page.reload()
        self.expect(page, "h1", words["title"])
        self.assertNotIn(token, page.content())
        self.expect(page, "#keys .badge", words["active"])
        self.assertIn("127.0.0.1", page.locator("#keys tbody").inner_text())

        page.locator("#keys [data-dialog=revoke]").click()
        dialog = page.get_by_role("dialog")
        self.assertIn("Home Assistant", dialog.inner_text())
        if language == "pt":
            self.inspect(page, "keys-revoke")
        with page.expect_navigation():
            dialog.locator("button[value=revoke]").click()
        self.expect(page, "#said", words["revoked"])
        self.expect(page, "#keys summary", words["ended"])
        self.assertEqual(try_it(command), (401, ""))
        self.no_complaints("403")

    def test_in_english(self) -> None:
        self.live("en")

    def test_in_german(self) -> None:
        self.live("de")

    def test_in_portuguese(self) -> None:
        self.live("pt")


class RequestTests(KeysCase):
    def test_an_application_gets_the_key_that_shows_its_code(self) -> None:
        for language in WORDS:
            with self.subTest(language):
                self.ask_and_authorise(language)

    def ask_and_authorise(self, language: str) -> None:
        page = self.admin_page(language)
        self.assertEqual(self.ask_for_key(name="Early", role="api")[0], 403)
        self.send(page, "open-pairing")
        self.until(
            page, "/^(9|10):/.test(document.querySelector('[data-clock]').innerText)"
        )
        wanted = self.asked_key("Wallbox App")
        other = self.asked_key("Stranger", "admin")
        row = page.locator(f"[data-request='{wanted['id']}']")
        row.wait_for(timeout=PATIENCE)
        self.assertEqual(row.locator(".pairing-code").inner_text(), wanted["code"])
        stranger = page.locator(f"[data-request='{other['id']}']")
        stranger.wait_for(timeout=PATIENCE)
        said = page.locator("[data-said]").inner_text()
        self.assertIn(other["code"], said)
        if language == "de":
            self.inspect(page, "keys-requests")

        with page.expect_navigation():
            stranger.locator("button[value=refuse]").click()
        self.assertEqual(self.state_of(other), "revoked")
        row.locator("[data-dialog]").click()
        dialog = page.get_by_role("dialog")
        self.assertIn(wanted["code"], dialog.inner_text())
        if language == "en":
            self.inspect(page, "keys-authorise")
        dialog.locator("input[name=admin_secret]").fill(ADMIN_PASSWORD)
        with page.expect_navigation():
            dialog.locator("button[value=authorise]").click()
        self.expect(page, "#said", WORDS[language]["authorised"])
        self.assertEqual(self.state_of(wanted), "authorised")
        self.assertEqual(self.reads(wanted["key"])[0], 200)
        self.assertEqual(self.reads(other["key"]), (401, ""))

        self.send(page, "close-pairing")
        self.assertEqual(self.ask_for_key(name="Late", role="api")[0], 403)
        self.no_complaints()

    def test_a_request_that_somebody_else_has_settled_goes_away(self) -> None:
        page, colleague = self.admin_page(), self.admin_page()
        self.send(page, "open-pairing")
        asked = self.asked_key("Wallbox App")
        row = page.locator(f"[data-request='{asked['id']}']")
        row.wait_for(timeout=PATIENCE)
        colleague.reload()
        self.send(colleague, "refuse")
        row.wait_for(state="detached", timeout=PATIENCE)
        # Opened anew, it stays open for longer.
        before = page.locator("#requests time").get_attribute("datetime")
        self.until(
            page, "!/^10:/.test(document.querySelector('[data-clock]').innerText)"
        )
        self.send(colleague, "close-pairing")
        self.send(colleague, "open-pairing")
        self.until(
            page,
            "(before) => document.querySelector('#requests time').dateTime !== before",
            before,
        )
        self.send(colleague, "close-pairing")
        page.locator("button[value=open-pairing]").wait_for(timeout=PATIENCE)

    def test_who_was_logged_out_meanwhile_is_told(self) -> None:
        page, colleague = self.admin_page(), self.admin_page()
        self.send(page, "open-pairing")
        colleague.locator("[data-dialog=end-sessions]").click()
        with colleague.expect_navigation():
            colleague.get_by_role("dialog").locator("button").click()
        self.expect(page, "[data-trouble]", "You are no longer logged in.")


class SessionTests(KeysCase):
    def test_everybody_is_logged_out(self) -> None:
        page = self.admin_page()
        guest = self.log_in_through_cloud(
            self.system, self.charging_site.user_id, as_admin=False
        )
        page.reload()
        self.assertEqual(page.locator("#sessions tbody tr").count(), 2)
        self.assertIn("guest", page.locator("#sessions tbody").inner_text())
        self.expect(page, "#sessions .badge", "You, here")
        self.inspect(page, "keys-sessions")
        page.get_by_role("link", name="Log out everywhere …").click()
        with page.expect_navigation():
            page.get_by_role("dialog").locator("button").click()
        self.expect(page, "h1", "Log in")
        guest.goto(f"{self.server.url}/")
        self.assertEqual(self.path(guest), "/ui/en/cloud-login.htm")
        page.goto(self.address())
        self.assertEqual(self.path(page), "/ui/en/cloud-login.htm")

    def test_the_log_in_page_leads_there_too(self) -> None:
        page = self.admin_page()
        page.get_by_role("link", name="Cloud Login").click()
        page.get_by_role("link", name="Access keys").click()
        self.expect(page, "h1", "Access keys")
        page.get_by_role("link", name=re.compile("Back to")).click()
        page.wait_for_url(re.compile(r"/index\.htm$"))
        self.no_complaints()

    def test_a_user_is_told_what_it_takes(self) -> None:
        page = self.log_in_through_cloud(
            self.system, self.charging_site.user_id, as_admin=False
        )
        page.goto(self.address())
        self.expect(page, "h1", "This page is for the admin")
        self.inspect(page, "keys-refused")


class NoScriptTests(KeysCase):
    """All of it without JavaScript."""

    def test_a_key_lives_without_a_script(self) -> None:
        page = self.admin_page(java_script_enabled=False)
        command = self.add(page, "evcc", role="admin")
        self.take_pictures(page, "keys-no-script")
        self.assertEqual(try_it(command), (401, ""))
        page.fill("#new-admin_secret", "wrong")
        self.send(page, "authorise")
        self.expect(page, "h1", "Authorise “evcc”?")
        self.expect(page, "#admin_secret-problem", "This is not the admin password.")
        self.take_pictures(page, "keys-question")
        page.fill("#admin_secret", ADMIN_PASSWORD)
        self.send(page, "authorise")
        self.expect(page, "#said", "“evcc” is authorised, and works now.")
        self.assertEqual(try_it(command)[0], 200)
        page.locator("#keys a", has_text="Revoke").click()
        self.expect(page, "h1", "Revoke “evcc”?")
        self.send(page, "revoke")
        self.expect(page, "#said", "The key is revoked. It no longer works.")
        self.assertEqual(try_it(command), (401, ""))

    def test_an_application_s_request_is_seen_by_looking_again(self) -> None:
        page = self.admin_page(java_script_enabled=False)
        self.send(page, "open-pairing")
        asked = self.asked_key("Wallbox App")
        page.get_by_role("link", name="Look again").click()
        self.expect(page, ".requests .pairing-code", asked["code"])
        page.get_by_role("link", name="Authorise …").click()
        self.expect(page, ".pairing-code", asked["code"])
        page.fill("#admin_secret", ADMIN_PASSWORD)
        self.send(page, "authorise")
        self.assertEqual(self.state_of(asked), "authorised")


class DeviceTests(KeysCase):
    def test_without_its_device_no_key_is_authorised(self) -> None:
        page = self.admin_page()
        self.add(page, "Home Assistant")
        self.charging_site.close()
        wait_until(
            lambda: not self.server.is_online(self.system), "the site is offline"
        )
        self.authorise_here(page, ADMIN_PASSWORD)
        problem = re.compile("The device is offline")
        self.expect(page, "#new-admin_secret-problem", problem)
        self.expect(page, "#keys .badge", "Not authorised")


class HostileTests(PeopleTestCase):
    """A device's page, on the origin that it shares with ours."""

    def test_it_gets_hold_of_neither_token_nor_window(self) -> None:
        site = self.make_site()

        def hostile(request: Request) -> None:
            request.respond(
                "200 OK",
                "Content-Type: text/html",
                "Cross-Origin-Opener-Policy: same-origin",
                body=b"<!doctype html><title>Evil</title><h1>Evil</h1>",
            )

        site.target.routes["/"] = hostile
        page = self.open_page()
        cloud_id = site.device.cloud_id
        self.log_in(page, ADMIN_SECRET, as_admin=True, cloud_id=cloud_id)
        self.expect(page, "h1", "Evil")
        seen = page.evaluate(ATTEMPTS, "/ui/en/cloud-keys.htm")
        self.assertEqual(seen["page"], [403, False])
        self.assertEqual((seen["frame"], seen["window"]), ("nothing", "nothing"))
        status = page.evaluate(
            """async address => (await fetch(address, {
              method: "POST", body: '{"name": "Evil", "role": "admin"}',
              headers: {"Content-Type": "application/json", "X-CSRF-Token": "x"},
            })).status""",
            f"/cloud/api/v1/systems/{cloud_id}/keys",
        )
        self.assertEqual(status, 403)
        page.goto(f"{self.origin}/ui/en/cloud-keys.htm")
        self.expect(page, "#keys p", re.compile("There is no key yet"))
