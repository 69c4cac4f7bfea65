"""People log in with a real browser, and use their device's page."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.people import PeopleTestCase, home, stop_time
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID
from tests.end_to_end.target import Request

LOGIN = "/ui/en/cloud-login.htm"
#: Failed log-ins of a system after which the next one has to wait.
FREE_GUESSES = 7


def spoken_name(page: Any, selector: str) -> str:
    """What a screen reader calls a control, by the browser's own reckoning."""
    session = page.context.new_cdp_session(page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    query = {"nodeId": root, "selector": selector}
    node = session.send("DOM.querySelector", query)["nodeId"]
    session.send("Accessibility.enable")
    tree = session.send("Accessibility.getPartialAXTree", {"nodeId": node})
    name: str = tree["nodes"][0]["name"]["value"]
    session.detach()
    return name


class LoginTests(PeopleTestCase):
    def test_the_admin_sees_a_living_page_and_logs_out(self) -> None:
        page = self.open_page()
        problems = self.complaints(page)
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), LOGIN)
        self.inspect(page, "login")
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.assertEqual(self.path(page), "/")
        self.expect(page, "#who", "admin (admin)")
        self.expect(page, "#event", "11 kW")
        self.expect(page, "#socket", "through the tunnel")
        self.expect(page, "#posted", "100000")
        color = page.locator("h1").evaluate("h1 => getComputedStyle(h1).color")
        self.assertEqual(color, "rgb(0, 128, 0)")

        page.get_by_text("Cloud").click()
        self.expect(
            page, "#session-title", f"You are logged in to Site {self.cloud_id}"
        )
        self.inspect(page, "session")
        page.get_by_role("link", name="Back to").click()
        self.expect(page, "#who", "admin (admin)")
        page.go_back()
        names = {cookie["name"] for cookie in page.context.cookies()}
        self.assertLessEqual({"__Host-cfos", "device"}, names)
        page.get_by_role("button", name="Log out").click()
        self.expect_path(page, LOGIN)
        self.assertEqual(page.locator("#session-title").count(), 0)
        names = {cookie["name"] for cookie in page.context.cookies()}
        self.assertFalse({"__Host-cfos", "__Host-cfos-last", "device"} & names)
        page.goto(f"{self.origin}/anything")
        self.assertEqual(self.path(page), LOGIN)
        self.assertEqual(problems, [])

    def test_a_user_does_so_in_german_and_over_plain_http(self) -> None:
        self.origin = self.origin.replace("https", "http")
        page = self.open_page(locale="de-DE")
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), "/ui/de/cloud-login.htm")
        self.inspect(page, "login-de")
        self.log_in(page, USER_ID, as_admin=False)
        self.expect(page, "#who", "guest (user)")
        self.expect(page, "#event", "11 kW")
        self.expect(page, "#socket", "through the tunnel")
        self.expect(page, "#posted", "100000")

    def test_all_of_it_works_without_javascript(self) -> None:
        page = self.open_page(java_script_enabled=False)
        page.goto(f"{self.origin}/")
        self.take_pictures(page, "login-no-script")
        self.assertFalse(page.get_by_role("button", name="Show").is_visible())
        self.log_in(page, USER_ID, as_admin=False)
        self.expect(page, "#who", "guest (user)")
        self.expect(page, "#event", "-")
        page.get_by_text("Cloud").click()
        page.get_by_role("button", name="Log out").click()
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), LOGIN)

    def test_all_of_it_works_by_keyboard_alone(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}/")
        press, typed = page.keyboard.press, page.keyboard.type
        press("Tab")
        typed(self.cloud_id)
        press("Tab")
        press("Space")
        press("Tab")
        typed(ADMIN_SECRET)
        press("Tab")
        focused = "document.activeElement"
        self.assertEqual(page.evaluate(f"{focused}.textContent"), "Show")
        style = page.evaluate(f"getComputedStyle({focused}).outlineStyle")
        self.assertEqual(style, "solid")
        press("Enter")
        self.assertEqual(page.evaluate(f"{focused}.type"), "text")
        press("Enter")
        self.expect(page, "#who", "admin (admin)")
        page.goto(f"{self.origin}{LOGIN}")
        # "Back to …", "Devices of this site", "Access keys", "Log out".
        for _ in range(4):
            press("Tab")
        self.assertEqual(page.evaluate(f"{focused}.textContent"), "Log out")
        press("Enter")
        self.expect(page, "#login-title", "Log in")
        self.assertEqual(page.locator("#session-title").count(), 0)

    def test_the_language_follows_the_browser_and_then_the_link(self) -> None:
        for locale, language, title in (
            ("pt-BR", "pt", "Iniciar sessão"),
            ("de-AT", "de", "Anmelden"),
            ("fr-FR", "en", "Log in"),
        ):
            page = self.open_page(locale=locale)
            page.goto(f"{self.origin}/")
            self.assertEqual(self.path(page), f"/ui/{language}/cloud-login.htm")
            self.expect(page, "#login-title", title)
        page.get_by_role("link", name="Português").click()
        self.expect(page, "#login-title", "Iniciar sessão")
        self.assertEqual(page.locator("html").get_attribute("lang"), "pt")
        self.inspect(page, "login-pt")
        page.get_by_role("link", name="Deutsch").click()
        self.expect(page, "#login-title", "Anmelden")

    def test_the_name_of_the_field_follows_the_box(self) -> None:
        for has_script in (True, False):
            page = self.open_page(java_script_enabled=has_script)
            page.goto(f"{self.origin}/")
            label = page.locator("label[for=cloud_user_id]")
            self.assertEqual(label.inner_text(), "User ID")
            self.assertEqual(spoken_name(page, "#cloud_user_id"), "User ID")
            page.get_by_text("Log in as").click()
            self.assertEqual(label.inner_text(), "Admin password")
            self.assertEqual(spoken_name(page, "#cloud_user_id"), "Admin password")

    def test_the_operator_is_named_and_linked(self) -> None:
        server = self.make_server(
            "--operator-name=Stadtwerke Beispielstadt",
            "--imprint-url=https://example.org/imprint",
            "--privacy-url=https://example.org/privacy",
        )
        page = self.open_page()
        page.goto(f"{server.url}/")
        self.expect(page, ".masthead .name", "Stadtwerke Beispielstadt")
        self.assertIn("Stadtwerke Beispielstadt operates", page.inner_text("aside"))
        for name in ("Imprint", "Privacy"):
            link = page.get_by_role("link", name=name).get_attribute("href")
            self.assertEqual(link, f"https://example.org/{name.lower()}")
        self.inspect(page, "login-operator")


class ComingBackTests(PeopleTestCase):
    """Who has been here before has less to type."""

    def test_the_last_log_in_is_in_the_form(self) -> None:
        page = self.open_page()
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.expect(page, "#who", "admin (admin)")
        page.context.clear_cookies(name="__Host-cfos")  # as when the browser ended
        page.goto(f"{self.origin}/")
        self.assertEqual(page.locator("#cloud_id").input_value(), self.cloud_id)
        self.assertTrue(page.locator("#admin").is_checked())
        self.assertEqual(page.locator("#cloud_user_id").input_value(), "")

    def test_a_link_can_bring_the_cloud_id_where_nobody_logs_it(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}/#{self.cloud_id}")
        self.assertEqual(self.path(page), LOGIN)
        self.assertEqual(page.locator("#cloud_id").input_value(), self.cloud_id)
        page.goto("about:blank")
        page.goto(f"{self.origin}/#<b>%%")
        self.assertEqual(page.locator("#cloud_id").input_value(), "")


class FailureTests(PeopleTestCase):
    def test_a_wrong_secret_is_said_and_then_the_right_one_works(self) -> None:
        site = self.make_site()
        site.target.routes["/"] = home
        cloud_id = site.device.cloud_id
        page = self.open_page()
        self.log_in(page, "0000000000", as_admin=False, cloud_id=cloud_id)
        self.expect(page, "#cloud_user_id-problem", re.compile("did not work"))
        self.assertEqual(page.get_by_text("did not work").count(), 1)
        # What was typed is there again, but for the secret, which has the focus.
        self.assertEqual(page.locator("#cloud_id").input_value(), cloud_id)
        self.assertFalse(page.locator("#admin").is_checked())
        secret = page.locator("#cloud_user_id")
        self.assertEqual(secret.input_value(), "")
        self.assertTrue(secret.evaluate("each => each === document.activeElement"))
        described = secret.get_attribute("aria-describedby")
        self.assertEqual(described, "cloud_user_id-problem")
        self.inspect(page, "login-failed")
        secret.type("1")
        self.assertFalse(page.locator("#cloud_user_id-problem").is_visible())
        self.log_in(page, ADMIN_SECRET, as_admin=True, cloud_id=cloud_id)
        self.expect(page, "#who", "admin (admin)")

    def test_without_javascript_too_and_nothing_typed_comes_back(self) -> None:
        site = self.make_site()
        cloud_id = site.device.cloud_id
        page = self.open_page(java_script_enabled=False)
        self.log_in(page, "0000000000", as_admin=True, cloud_id=cloud_id)
        self.expect(page, "#cloud_user_id-problem", re.compile("did not work"))
        self.assertEqual(page.locator("#cloud_id").input_value(), "")
        self.assertNotIn(cloud_id, page.content())

    def test_one_sees_that_the_device_is_asked_and_asks_it_once(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}/")
        page.locator("#cloud_id").fill("Nobody")
        page.locator("#cloud_user_id").fill("0000000000")
        sent: list[Any] = []
        page.on(
            "request",
            lambda request: sent.append(1) if request.method == "POST" else None,
        )
        # What shows until the answer comes; Playwright itself waits for that.
        seen = page.evaluate(
            """() => {
              const button = document.querySelector(".login-form [type=submit]")
              button.click()
              button.click()
              const status = document.querySelector(".login-form [role=status]")
              return [button.textContent, status.textContent]
            }"""
        )
        self.assertEqual(seen, ["Asking the device…"] * 2)
        self.expect(page, "#cloud_user_id-problem", re.compile("did not work"))
        self.assertEqual(len(sent), 1)

    def test_what_is_missing_is_said_beside_its_field_and_nothing_is_sent(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}/")
        button = page.locator(".login-form button[type=submit]")
        button.click()
        self.expect(page, "#cloud_id-problem", "Please enter the Cloud ID.")
        self.expect(page, "#cloud_user_id-problem", re.compile("enter your user ID"))
        field = page.locator("#cloud_id")
        self.assertTrue(field.evaluate("each => each === document.activeElement"))
        self.assertEqual(field.get_attribute("aria-invalid"), "true")
        described = field.get_attribute("aria-describedby")
        self.assertEqual(described, "cloud_id-problem cloud_id-hint")
        self.inspect(page, "login-missing")
        field.fill("not an ID")
        button.click()
        self.expect(page, "#cloud_id-problem", re.compile("single hyphens only"))
        field.fill(" W00-008J ")
        self.assertFalse(page.locator("#cloud_id-problem").is_visible())
        self.assertIsNone(field.get_attribute("aria-invalid"))

    def test_a_secret_can_be_looked_at_and_is_hidden_before_it_is_sent(self) -> None:
        page = self.open_page()
        page.goto(f"{self.origin}/")
        page.locator("#cloud_id").fill(self.cloud_id)
        secret = page.locator("#cloud_user_id")
        secret.fill(USER_ID)
        page.get_by_role("button", name="Show").click()
        self.assertEqual(secret.get_attribute("type"), "text")
        page.get_by_role("button", name="Hide").click()
        self.assertEqual(secret.get_attribute("type"), "password")
        page.get_by_role("button", name="Show").click()
        # As far as the last moment before it is sent.
        page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
        secret.press("Enter")
        self.assertEqual(secret.get_attribute("type"), "password")

    def test_after_too_many_tries_one_sees_how_long_to_wait(self) -> None:
        site = self.make_site()
        cloud_id = site.device.cloud_id
        page = self.open_page()
        stop_time(page)
        page.goto(f"{self.origin}/")
        page.locator("#cloud_id").fill(cloud_id)
        page.locator("#admin").check()
        page.locator("#cloud_user_id").fill(ADMIN_SECRET)
        # As many as are free; they count from when they come, not when they fail.
        threads = self.threads(FREE_GUESSES)
        for _ in range(FREE_GUESSES):
            client = self.server.client(source=self.new_source())
            threads.submit(client.log_in, cloud_id, "guess", as_admin=True)
        self.server.process.wait_for_log(
            f"to {cloud_id} failed: wrong secret", count=FREE_GUESSES
        )
        page.locator("#cloud_user_id").press("Enter")
        self.expect(page, "#cloud_user_id-problem", re.compile("one try too many"))
        submit = ".login-form button[type=submit]"
        self.expect(page, submit, re.compile(r"^Log in \(0:\d\d\)$"))
        button = page.locator(submit)
        self.assertTrue(button.is_disabled())
        self.assertTrue(page.locator("#admin").is_checked())
        self.take_pictures(page, "login-throttled")
        page.clock.run_for(60_000)
        self.assertTrue(button.is_enabled())
        self.assertEqual(button.inner_text(), "Log in")
        page.clock.resume()
        self.inspect(page, "login-after-wait")
        line = f"log-in from 127.0.0.1 to {cloud_id} was not tried"
        self.server.process.wait_for_log(line)


class OtherSiteTests(PeopleTestCase):
    def test_a_link_of_another_site_opens_the_device_but_changes_nothing(self) -> None:
        def elsewhere(request: Request) -> None:
            links = (
                f'<a id="plain" href="{self.origin}/">plain</a>'
                f'<a id="query" href="{self.origin}/cnf?cmd=reset">query</a>'
                f'<form method="post" action="{self.origin}/cnf"><button>go</button>'
                "</form>"
            )
            request.respond("200 OK", "Content-Type: text/html", body=links.encode())

        # Another name is another site, which another port is not.
        foreign = self.make_target()
        foreign.routes["/"] = elsewhere
        url = f"http://localhost:{foreign.port}/"
        page = self.open_page()
        self.log_in(page, ADMIN_SECRET, as_admin=True)
        self.expect(page, "#who", "admin (admin)")

        before = len(self.target.requests)
        page.goto(url)
        page.locator("#plain").click()
        self.expect(page, "#who", "admin (admin)")
        page.goto(url)
        page.locator("#query").click()
        self.assertIn("Another website", page.locator("main").inner_text())
        self.inspect(page, "cross-site")
        page.get_by_role("link", name="To your device").click()
        self.expect(page, "#who", "admin (admin)")
        page.goto(url)
        page.get_by_role("button").click()
        self.assertEqual(page.locator("#who").count(), 0)
        self.assertNotIn("/cnf", self.target.paths()[before:])

    def test_an_address_of_ours_that_is_none_says_so(self) -> None:
        page = self.open_page(locale="pt-PT")
        page.goto(f"{self.origin}/cloud/nothing")
        self.expect(page, "h1", "Esta página não existe")
        self.inspect(page, "not-found")
