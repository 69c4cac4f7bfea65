"""The operator's page in a real browser, over real daemons."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.browser.browser import PATIENCE
from tests.browser.people import PeopleTestCase
from tests.end_to_end.daemons import ADMIN_SECRET, OPERATOR_PASSWORD
from tests.end_to_end.processes import ReservedPort
from tests.end_to_end.target import Request
from tests.listener.authority import Authority, pem

PAGE = "/ui/en/cloud-admin.htm"

#: What a device's page tries on the origin that it shares with the operator's.
ATTEMPTS = """
async page => {
  const of = async (address, options) => {
    const answer = await fetch(address, options)
    return [answer.status, /name="csrf"|PRIVATE KEY/.test(await answer.text())]
  }
  const held = async opener => {
    try {
      const document = await opener()
      return document && document.querySelector("meta[name=csrf]") ? "all" : "nothing"
    } catch (error) { return "nothing" }
  }
  const pause = () => new Promise(done => setTimeout(done, 1500))
  const [change] = await of("/cloud/api/v1/systems", {
    method: "POST", body: '{"cloud_id": "New"}',
    headers: {"Content-Type": "application/json", "X-CSRF-Token": "x"},
  })
  return {
    page: await of(page), change, backup: await of("/cloud/api/v1/backup"),
    frame: await held(async () => {
      const frame = document.createElement("iframe")
      frame.src = page
      document.body.append(frame)
      await pause()
      return frame.contentDocument
    }),
    window: await held(async () => {
      const other = window.open(page)
      await pause()
      return other.document
    }),
  }
}
"""


class OperatorTestCase(PeopleTestCase):
    """Each with a server of its own: what is shown is all that there is."""

    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.own = self.make_server("--allow-http", *self.options)
        self.origin = self.own.url

    def operator_page(self, *, language: str = "en", **options: Any) -> Any:
        """A page of somebody who is logged in as the operator."""
        page = self.open_page(**options)
        page.goto(f"{self.origin}/ui/{language}/cloud-admin.htm")
        self.give_password(page)
        self.expect(page, "h1", re.compile("."))
        return page

    def give_password(self, page: Any, password: str = OPERATOR_PASSWORD) -> None:
        page.locator("#password").fill(password)
        page.locator("button[value=login]").click()

    def press(self, page: Any, name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    def add(self, page: Any, cloud_id: str, name: str = "") -> str:
        """The Cloud password that is shown."""
        page.locator("#cloud_id").fill(cloud_id)
        page.locator("#name").fill(name)
        self.press(page, "Add new system")
        self.expect(page, "#access-title", f"{cloud_id} is added")
        password: str = page.locator("#new-password").inner_text()
        return password


class AdminTests(OperatorTestCase):
    def test_a_system_is_added_comes_online_and_is_cut_off(self) -> None:
        page = self.operator_page()
        problems = self.complaints(page)
        self.inspect(page, "admin-empty")
        password = self.add(page, "W00-008J", "Carport Nord")
        self.assertIn(f"--server {self.origin} ", page.inner_text("#new-command"))
        self.inspect(page, "admin-added")
        self.expect(page, "[data-badge]", "Never seen")
        page.reload()
        self.assertNotIn(password, page.content())

        page.get_by_role("link", name="Systems", exact=True).click()
        self.expect(page, "[data-badge]", "Never seen")
        target = self.make_target()
        device = self.make_device(self.own, "W00-008J", password, target.url)
        self.expect(page, "[data-badge]", "Online")
        self.expect(page, "[data-count=online]", "1")
        self.inspect(page, "admin-systems")

        page.get_by_role("link", name="Carport Nord").click()
        self.expect(page, "h1", "Carport Nord")
        self.expect(page, "[data-badge]", "Online")
        self.inspect(page, "admin-system")
        page.get_by_text("Connections as a table").click()
        self.inspect(page, "admin-connections")
        self.press(page, "Disable")
        self.expect(page, "[data-badge]", "Disabled")
        self.assertFalse(self.own.is_online("W00-008J"))
        device.process.wait_for_log("disabled")
        self.press(page, "Enable")
        self.expect(page, "[data-badge]", re.compile("Online|Offline"))

        device.close()
        self.expect(page, "[data-badge]", "Offline")
        self.assertEqual(problems, [])

    def test_a_device_s_page_gets_hold_of_neither_token_nor_window(self) -> None:
        page = self.operator_page()
        password = self.add(page, "Evil-1")
        target = self.make_target()

        def hostile(request: Request) -> None:
            request.respond(
                "200 OK",
                "Content-Type: text/html",
                "Cross-Origin-Opener-Policy: same-origin",
                body=b"<!doctype html><title>Evil</title><h1>Evil</h1>",
            )

        target.routes["/"] = hostile
        self.make_device(self.own, "Evil-1", password, target.url)
        self.expect(page, "[data-badge]", "Online")
        device = page.context.new_page()
        self.log_in(device, ADMIN_SECRET, as_admin=True, cloud_id="Evil-1")
        self.expect(device, "h1", "Evil")
        seen = device.evaluate(ATTEMPTS, PAGE)
        self.assertEqual(
            seen,
            {
                "page": [403, False],
                "change": 403,
                "backup": [403, False],
                "frame": "nothing",
                "window": "nothing",
            },
        )
        self.assertEqual(self.own.ask("GET", "/systems")["total"], 1)

    def test_removing_asks_first(self) -> None:
        self.own.add_system("Depot")
        page = self.operator_page()
        page.get_by_role("link", name="Site Depot").click()
        page.get_by_role("link", name="Remove …").click()
        dialog = page.get_by_role("dialog", name="Remove Site Depot?")
        self.assertTrue(dialog.is_visible())
        self.inspect(page, "admin-remove")
        dialog.get_by_role("link", name="Keep it").click()
        self.assertFalse(dialog.is_visible())
        page.get_by_role("link", name="Remove …").click()
        dialog.get_by_role("button", name="Remove").click()
        self.expect(page, ".done", "Depot is removed.")
        self.assertEqual(self.own.ask("GET", "/systems")["total"], 0)

    def test_a_wrong_password_is_said_beside_its_field(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}{PAGE}")
        self.inspect(page, "admin-login")
        self.give_password(page, "not this one")
        self.expect(page, "#password-problem", "This is not the admin password.")
        self.inspect(page, "admin-wrong")
        self.give_password(page)
        self.expect(page, "h1", "Cloud server admin functions")
        self.press(page, "Log out")
        self.expect(page, "h1", "Operator's log-in")

    def test_a_certificate_is_checked_then_served(self) -> None:
        page = self.operator_page()
        page.get_by_role("link", name="Certificate").click()
        self.expect(page, ".badge >> nth=0", "Self-signed")
        self.inspect(page, "admin-certificate")
        key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        now = datetime.now(UTC)
        issued = Authority().issue(
            key,
            "cloud.example",
            start=now - timedelta(days=1),
            end=now + timedelta(days=90),
        )
        page.locator("#certificate").fill(pem(issued).decode())
        page.locator("#private_key").fill(pem(other).decode())
        self.press(page, "Import")
        self.expect(
            page,
            "#private_key-problem",
            "The private key belongs to another certificate.",
        )
        self.inspect(page, "admin-bad-certificate")
        path = self.directory / "privkey.pem"
        path.write_bytes(pem(key))
        page.locator("#private_key-file").set_input_files(str(path))
        self.press(page, "Import")
        self.expect(page, ".done", re.compile("The new certificate is in use"))
        self.assertIn("cloud.example", page.inner_text(".facts"))
        names = self.own.ask("GET", "/certificate")["names"]
        self.assertEqual(names, ["cloud.example"])

    def test_one_of_several_certificates_is_removed_after_a_question(self) -> None:
        now = datetime.now(UTC)
        for name, days in (("*.cloud.example", 10), ("cloud.example", 90)):
            key = ec.generate_private_key(ec.SECP256R1())
            start, end = now - timedelta(days=1), now + timedelta(days=days)
            issued = Authority().issue(key, name, start=start, end=end)
            document = {
                "certificate": pem(issued).decode(),
                "private_key": pem(key).decode(),
            }
            self.own.ask("PUT", "/certificate", document)
        for java_script, removed, left in (
            (True, "*.cloud.example", "cloud.example"),
            (False, "cloud.example", "localhost"),
        ):
            page = self.operator_page(java_script_enabled=java_script)
            page.goto(f"{self.origin}/ui/en/cloud-admin.htm?page=certificate")
            rows = page.locator("tbody tr")
            if java_script:
                self.assertEqual(rows.count(), 2)
                self.inspect(page, "admin-certificates")
            remove = page.get_by_role("link", name="Remove …")
            (remove.nth(1) if java_script else remove).click()
            question = f"Remove the certificate for {removed}?"
            self.expect(page, "dialog h2" if java_script else "h1", question)
            kind = "script" if java_script else "plain"
            self.take_pictures(page, f"admin-remove-certificate-{kind}")
            self.press(page, "Remove")
            self.expect(page, ".done", re.compile("The certificate is removed"))
            self.expect(page, ".facts dd >> nth=0", re.compile(re.escape(left)))
            self.assertEqual(rows.count(), 0)

    def test_it_works_without_javascript(self) -> None:
        page = self.operator_page(java_script_enabled=False)
        self.add(page, "W00-008J", "Carport")
        self.take_pictures(page, "admin-added-no-script")
        page.locator("#name").fill("Carport Nord")
        self.press(page, "Rename")
        self.expect(page, ".done", "The new name is stored.")
        self.press(page, "Change the password")
        self.expect(page, "#access-title", "W00-008J has a new Cloud password")
        self.press(page, "Disable")
        self.expect(page, "[data-badge]", "Disabled")
        page.get_by_role("link", name="Remove …").click()
        self.expect(page, "h1", "Remove Carport Nord?")
        self.take_pictures(page, "admin-remove-no-script")
        self.press(page, "Remove")
        self.expect(page, ".done", "W00-008J is removed.")

    def test_it_speaks_three_languages(self) -> None:
        for language, title in (
            ("en", "Cloud server admin functions"),
            ("de", "Verwaltung des Cloud-Servers"),
            ("pt", "Administração do servidor da nuvem"),
        ):
            page = self.operator_page(language=language)
            self.expect(page, "h1", title)
            for view in ("", "?page=events", "?page=certificate", "?page=settings"):
                page.goto(f"{self.origin}/ui/{language}/cloud-admin.htm{view}")
                name = f"admin-{language}-{view.partition('=')[2] or 'systems'}"
                self.take_pictures(page, name)

    def test_settings_events_and_import(self) -> None:
        page = self.operator_page()
        page.get_by_role("link", name="Settings").click()
        self.expect(page, ".notice p", re.compile("--admin-password-file"))
        self.inspect(page, "admin-settings")
        page.locator("#operator_name").fill("Stadtwerke")
        page.locator("#imprint_url").fill("https://a b")
        page.locator("#imprint_url").evaluate("each => { each.type = 'text' }")
        self.press(page, "Store")
        self.expect(page, "#imprint_url-problem", re.compile("such as https://"))
        page.locator("#imprint_url").fill("https://example.org/imprint")
        self.press(page, "Store")
        self.expect(page, ".masthead .name", "Stadtwerke")
        page.locator("#loglevel").select_option("4")
        self.press(page, "Change")
        self.expect(page, ".done", re.compile("log level"))
        self.assertEqual(self.own.ask("GET", "/loglevel"), {"loglevel": 4})

        page.get_by_role("link", name="Events").click()
        self.expect(page, "h1", "Events")
        self.inspect(page, "admin-events")
        page.locator("#kind").select_option("settings_changed")
        self.press(page, "Search")
        self.assertEqual(page.locator("tbody tr").count(), 1)

        page.get_by_role("link", name="Systems", exact=True).click()
        page.get_by_role("link", name="Import a table").click()
        page.locator("#table").fill("cloud_id,name\nA-1,One\n--,Two\n")
        self.press(page, "Import")
        self.expect(page, "tbody th", "3")
        self.inspect(page, "admin-import-wrong")
        page.locator("#table").fill("cloud_id,name\nA-1,One\nA-2,Two\n")
        self.press(page, "Import")
        self.expect(page, ".done", "2 systems are added.")
        self.inspect(page, "admin-imported")
        self.assertRegex(page.inner_text("#imported"), r"A-1,.{16}")

    def test_a_lost_server_is_told_and_what_is_shown_once_stays(self) -> None:
        page = self.operator_page()
        password = self.add(page, "W00-008J")
        self.own.process.kill()
        self.expect(page, "[data-said]", re.compile("connection to the server is lost"))
        self.own.restart()
        self.expect(page, "[data-said]", "You are no longer logged in.")
        self.assertEqual(page.inner_text("#new-password"), password)

    def test_an_old_tab_is_told_that_its_session_is_over(self) -> None:
        page = self.operator_page()
        page.context.clear_cookies()
        self.press(page, "Log out")
        said = page.locator("#password-problem")
        said.wait_for(timeout=PATIENCE)
        self.assertIn("no longer logged in", said.inner_text())


class AdminPortTests(PeopleTestCase):
    def test_the_page_is_on_the_operator_s_port_alone(self) -> None:
        reserved = ReservedPort("127.0.0.1")
        self.addCleanup(reserved.close)
        own = self.make_server("--allow-http", f"--admin-port={reserved.number}")
        page = self.open_page()
        answer = page.goto(f"{own.url}{PAGE}")
        self.assertEqual(answer.status, 404)
        page.goto(f"https://127.0.0.1:{reserved.number}/")
        self.expect_path(page, PAGE)
        page.locator("#password").fill(OPERATOR_PASSWORD)
        page.locator("button[value=login]").click()
        page.locator("#cloud_id").fill("W00-008J")
        page.locator("button[value=add]").click()
        self.expect(page, "#access-title", "W00-008J is added")
        command = page.inner_text("#new-command")
        self.assertIn(f"--server {own.url} ", command)
        password = page.inner_text("#new-password")
        target = self.make_target()
        self.make_device(own, "W00-008J", password, target.url, wait=False)
        self.expect(page, "[data-badge]", "Online")
