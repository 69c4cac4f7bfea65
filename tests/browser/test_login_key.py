"""People log in with an access key, and the browser keeps it for them if they wish."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from tests.browser.people import PeopleTestCase, stop_time
from tests.end_to_end.case import Site
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import ADMIN_SECRET

LOGIN = "/ui/en/cloud-login.htm"
KEPT = "cfos-cloud-key"
#: The tab's note of when it logged in by itself.
TRIED = "cfos-cloud-key-tried"


class KeyTestCase(PeopleTestCase):
    def make_key(
        self, name: str = "Tablet", role: str = "admin", site: Site | None = None
    ) -> tuple[str, str]:
        """ID and token of a key that works."""
        device = (site or self.site).device
        client = self.admin if site is None else device.client()
        ask = partial(self.ask, client, device.cloud_id)
        made = ask("POST", "", {"name": name, "role": role})
        self.addCleanup(ask, "DELETE", f"/{made['id']}")
        ask("POST", f"/{made['id']}/authorize", {"admin_secret": ADMIN_SECRET})
        return made["id"], made["key"]

    def revoke(self, key_id: str) -> None:
        self.ask(self.admin, self.cloud_id, "DELETE", f"/{key_id}")

    def ask(
        self,
        client: Client,
        cloud_id: str,
        method: str,
        path: str,
        document: Any = None,
    ) -> Any:
        """What the API of a system's keys answers to its admin."""
        answer = client.request(
            method,
            f"/cloud/api/v1/systems/{cloud_id}/keys{path}",
            json.dumps(document).encode() if method == "POST" else b"",
            [("Content-Type", "application/json")] if method == "POST" else [],
        )
        self.assertIn(answer.status, (200, 201, 204), answer.body)
        return json.loads(answer.body) if answer.body else None

    def present(self, page: Any, token: str, *, keep: bool = False) -> None:
        """By the second form of the log-in page that is open."""
        page.locator(".fold > summary").click()
        page.locator("#key").fill(token)
        if keep:
            page.locator("#keep").check()
        page.locator(".key-form button[type=submit]").click()

    def log_in_by_key(self, page: Any, token: str, *, keep: bool = False) -> None:
        page.goto(f"{self.origin}/")
        self.present(page, token, keep=keep)
        self.expect(page, "#who", "Tablet (admin)")

    def kept(self, page: Any) -> Any:
        return page.evaluate("name => localStorage.getItem(name)", KEPT)

    def start_anew(self, page: Any) -> Any:
        """A tab as after the browser was closed and opened."""
        for name in ("__Host-cfos", "cfos"):
            page.context.clear_cookies(name=name)
        page.close()
        return page.context.new_page()

    def stay(self, page: Any, token: str) -> None:
        """Have the key kept as if its log-in had been long ago."""
        page.goto(f"{self.origin}{LOGIN}#Nobody")
        page.evaluate("([name, key]) => localStorage.setItem(name, key)", [KEPT, token])
        page.evaluate("name => sessionStorage.removeItem(name)", TRIED)
        page.goto("about:blank")


class FormTests(KeyTestCase):
    def test_a_key_opens_the_device_and_stays_nowhere_unless_one_wishes(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        problems = self.complaints(page)
        page.goto(f"{self.origin}/")
        self.assertFalse(page.locator("#key").is_visible())
        page.locator(".fold > summary").click()
        self.inspect(page, "login-key")
        page.locator("#key").fill(token)
        page.keyboard.press("Enter")
        self.expect(page, "#who", "Tablet (admin)")
        self.assertEqual(self.path(page), "/")
        self.expect(page, "#event", "11 kW")
        self.assertIsNone(self.kept(page))
        page = self.start_anew(page)
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), LOGIN)
        self.assertTrue(page.locator(".login-form").is_visible())
        self.assertFalse(page.locator("[data-kept-key]").is_visible())
        self.assertEqual(page.locator("#cloud_id").input_value(), self.cloud_id)
        self.assertEqual(problems, [])

    def test_what_is_no_such_key_is_said_beside_the_field(self) -> None:
        _, reads = self.make_key(role="api")
        _, token = self.make_key()
        sent: list[Any] = []
        page = self.open_page()
        page.goto(f"{self.origin}/")
        page.on(
            "request",
            lambda request: sent.append(1) if request.method == "POST" else None,
        )
        self.present(page, "")
        problem = "#key-problem"
        self.expect(page, problem, "Please enter the access key.")
        button = page.locator(".key-form button[type=submit]")
        for text, said in (
            ("hunter2", "not a whole access key"),
            (token[: len(token) // 2], "not a whole access key"),
            (reads, "not for logging in"),
        ):
            page.locator("#key").fill(text)
            self.assertFalse(page.locator(problem).is_visible())
            button.click()
            self.expect(page, problem, re.compile(said))
        self.inspect(page, "login-key-wrong")
        self.assertEqual(sent, [])
        page.locator("#key").fill(token[:-8] + "AAAAAAAA")
        button.click()
        self.expect(page, problem, re.compile("does not work"))
        self.assertEqual(button.inner_text(), "Log in with the key")
        field = page.locator("#key")
        self.assertTrue(field.evaluate("each => each === document.activeElement"))
        field.fill(f"  {token[:50]} {token[50:]} ")
        button.click()
        self.expect(page, "#who", "Tablet (admin)")

    def test_it_works_without_javascript_and_then_keeps_nothing(self) -> None:
        _, token = self.make_key()
        page = self.open_page(java_script_enabled=False)
        page.goto(f"{self.origin}/")
        page.locator(".fold > summary").click()
        self.assertFalse(page.locator("#keep").is_visible())
        self.take_pictures(page, "login-key-no-script")
        page.locator("#key").fill("no.such.key")
        page.locator(".key-form button[type=submit]").click()
        self.expect(page, "#cloud_user_id-problem", re.compile("did not work"))
        self.present(page, token)
        self.expect(page, "#who", "Tablet (admin)")

    def test_it_speaks_german_and_portuguese(self) -> None:
        _, token = self.make_key()
        for locale, button, kept in (
            ("de-DE", "Mit Schlüssel anmelden", "In diesem Browser liegt"),
            ("pt-PT", "Iniciar sessão com a chave", "Este navegador guarda"),
        ):
            page = self.open_page(locale=locale)
            page.goto(f"{self.origin}/")
            page.locator(".fold > summary").click()
            submit = page.locator(".key-form button[type=submit]")
            self.assertEqual(submit.inner_text(), button)
            self.inspect(page, f"login-key-{locale[:2]}")
            submit.click()
            self.inspect(page, f"login-key-missing-{locale[:2]}")
            page.locator("#key").fill(token)
            page.locator("#keep").check()
            submit.click()
            self.expect(page, "#who", "Tablet (admin)")
            page.context.clear_cookies(name="__Host-cfos")
            page.goto(f"{self.origin}/")
            self.expect(page, ".what", re.compile(kept))
            self.inspect(page, f"login-key-kept-{locale[:2]}")

    def test_a_device_that_is_offline_keeps_nobody_out(self) -> None:
        site = self.furnished_site()
        _, token = self.make_key(site=site)
        site.device.process.kill()
        page = self.open_page()
        page.goto(f"{self.origin}/")
        self.present(page, token)
        self.expect(page, "h1", re.compile("offline"))


class KeptTests(KeyTestCase):
    def test_it_logs_in_by_itself_until_one_logs_out(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        problems = self.complaints(page)
        self.log_in_by_key(page, token, keep=True)
        self.assertEqual(self.kept(page), token)
        for _ in range(2):
            page = self.start_anew(page)
            page.goto(f"{self.origin}/")
            self.expect(page, "#who", "Tablet (admin)")
        page.get_by_text("Cloud").click()
        page.get_by_role("button", name="Log out").click()
        self.expect(page, "#login-title", "Log in")
        self.assertIsNone(self.kept(page))
        self.assertEqual(page.url, f"{self.origin}{LOGIN}")
        page = self.start_anew(page)
        page.goto(f"{self.origin}/")
        self.assertEqual(self.path(page), LOGIN)
        self.assertTrue(page.locator(".login-form").is_visible())
        self.assertEqual(problems, [])

    def test_it_does_so_over_plain_http(self) -> None:
        self.origin = self.origin.replace("https", "http")
        _, token = self.make_key()
        page = self.open_page()
        self.log_in_by_key(page, token, keep=True)
        page = self.start_anew(page)
        page.goto(f"{self.origin}/")
        self.expect(page, "#who", "Tablet (admin)")
        page.get_by_text("Cloud").click()
        page.get_by_role("button", name="Log out").click()
        self.expect(page, "#login-title", "Log in")
        self.assertIsNone(self.kept(page))

    def test_a_key_that_was_revoked_is_removed_and_one_learns_it(self) -> None:
        key_id, token = self.make_key()
        page = self.open_page()
        self.log_in_by_key(page, token, keep=True)
        page.evaluate("name => sessionStorage.removeItem(name)", TRIED)
        self.revoke(key_id)
        page.reload()
        self.expect(page, ".what", re.compile(f"Logging in to {self.cloud_id}"))
        self.assertFalse(page.locator(".login-form").is_visible())
        self.expect(page, "#kept-key-problem", re.compile("does not work any more"))
        self.assertTrue(page.locator(".login-form").is_visible())
        self.assertIsNone(self.kept(page))
        self.inspect(page, "login-key-dead")
        page.reload()
        self.assertFalse(page.locator("[data-kept-key]").is_visible())

    def test_a_session_that_ends_at_once_does_not_lead_round_in_circles(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.log_in_by_key(page, token, keep=True)
        page.context.clear_cookies(name="__Host-cfos")
        page.goto(f"{self.origin}/")
        self.expect(page, ".what", re.compile("keeps an access key"))
        self.assertTrue(page.locator(".login-form").is_visible())
        self.inspect(page, "login-key-kept")
        page.get_by_role("button", name="Log in with it").click()
        self.expect(page, "#who", "Tablet (admin)")
        page.context.clear_cookies(name="__Host-cfos")
        page.goto(f"{self.origin}/")
        page.get_by_role("button", name="Remove it").click()
        self.assertFalse(page.locator("[data-kept-key]").is_visible())
        self.assertIsNone(self.kept(page))

    def test_who_follows_a_link_to_another_system_is_asked(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        page.goto(f"{self.origin}/#Other-1")
        self.expect(page, ".what", re.compile(f"an access key for {self.cloud_id}"))
        self.assertEqual(page.locator("#cloud_id").input_value(), "Other-1")
        page.goto("about:blank")
        page.goto(f"{self.origin}/#{self.cloud_id.lower()}")
        self.expect(page, "#who", "Tablet (admin)")

    def test_nor_does_it_cut_in_after_a_log_in_that_failed(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        page.goto(f"{self.origin}{LOGIN}#Nobody")
        page.locator("#cloud_user_id").fill("0000000000")
        page.locator(".login-form button[type=submit]").click()
        self.expect(page, "#cloud_user_id-problem", re.compile("did not work"))
        self.expect(page, ".what", re.compile("keeps an access key"))

    def test_the_page_that_log_out_leads_to_forgets_it_too(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        page.goto(f"{self.origin}{LOGIN}#logged_out")
        self.assertTrue(page.locator(".login-form").is_visible())
        self.assertIsNone(self.kept(page))
        # Who brings a key now and comes back has not logged out again.
        self.assertEqual(page.url, f"{self.origin}{LOGIN}")

    def test_another_key_takes_the_place_of_the_one_before(self) -> None:
        _, first = self.make_key()
        _, second = self.make_key()
        page = self.open_page()
        self.log_in_by_key(page, first, keep=True)
        page.goto(f"{self.origin}{LOGIN}")
        self.present(page, second)
        self.expect(page, "#who", "Tablet (admin)")
        self.assertIsNone(self.kept(page))

    def test_what_is_stored_there_and_is_no_key_is_removed(self) -> None:
        page = self.open_page()
        problems = self.complaints(page)
        for junk in ("", "junk", "a.b.c", "a.bnVsbA.c"):
            self.stay(page, junk)
            page.goto(f"{self.origin}/")
            self.assertTrue(page.locator(".login-form").is_visible())
            self.assertFalse(page.locator("[data-kept-key]").is_visible())
            self.assertIsNone(self.kept(page))
        self.assertEqual(problems, [])


class TroubleTests(KeyTestCase):
    """The key is kept as long as nobody says that it does not work."""

    def hinder(self, page: Any, do: Any) -> None:
        """Whatever the log-in page sends comes to ``do``."""

        def route(route: Any) -> None:
            if route.request.method == "POST":
                do(route)
            else:
                route.continue_()

        page.route(f"**{LOGIN}", route)

    def test_a_server_that_can_not_be_reached_is_asked_again(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        self.hinder(page, lambda route: route.abort())
        page.goto(f"{self.origin}/")
        self.expect(page, ".what", re.compile("can't be reached"))
        self.inspect(page, "login-key-unreachable")
        self.assertEqual(self.kept(page), token)
        page.unroute(f"**{LOGIN}")
        page.get_by_role("button", name="Try again").click()
        self.expect(page, "#who", "Tablet (admin)")
        self.assertEqual(self.kept(page), token)

    def test_an_answer_of_somebody_else_is_none(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        for status, body in ((200, "<h1>Welcome to our hotel"), (502, "oops")):
            self.hinder(
                page,
                lambda route, status=status, body=body: route.fulfill(
                    status=status, body=body
                ),
            )
            page.goto(f"{self.origin}/#{self.cloud_id}")
            self.expect(page, ".what", re.compile("can't be reached"))
            self.assertEqual(self.kept(page), token)
            page.unroute(f"**{LOGIN}")
            page.evaluate("name => sessionStorage.removeItem(name)", TRIED)
            page.goto("about:blank")

    def test_one_sees_how_long_to_wait(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        stop_time(page)
        too_many = {"Retry-After": "7"}
        self.hinder(page, lambda route: route.fulfill(status=429, headers=too_many))
        page.goto(f"{self.origin}/")
        self.expect(
            page, ".what", "Too many tries. Please wait 7 seconds, then try again."
        )
        again = page.get_by_role("button", name="Try again")
        self.assertTrue(again.is_disabled())
        page.unroute(f"**{LOGIN}")
        page.clock.run_for(7_000)
        self.assertTrue(again.is_enabled())
        again.click()
        self.expect(page, "#who", "Tablet (admin)")

    def test_one_can_stop_it(self) -> None:
        _, token = self.make_key()
        page = self.open_page()
        self.stay(page, token)
        self.hinder(page, lambda route: None)  # never answered
        page.goto(f"{self.origin}/")
        self.expect(page, ".what", re.compile("Logging in to"))
        self.inspect(page, "login-key-trying")
        page.get_by_role("button", name="Cancel").click()
        self.expect(page, ".what", re.compile("keeps an access key"))
        self.assertTrue(page.locator(".login-form").is_visible())
        focused = page.evaluate("document.activeElement.textContent")
        self.assertEqual(focused, "Log in with it")
