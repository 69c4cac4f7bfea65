"""Two systems one after another in a browser, on one origin: what stays behind."""

from __future__ import annotations

from typing import Any

from tests.browser.people import PeopleTestCase
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import ADMIN_SECRET
from tests.end_to_end.target import Request

PAGE = b"<!doctype html><title>Device</title><p></p><script src=/app.js></script>"


def page_of(site: Site, name: str) -> None:
    """A page whose script the browser may keep for a year."""

    def home(request: Request) -> None:
        request.respond("200 OK", "Content-Type: text/html", body=PAGE)

    def script(request: Request) -> None:
        request.respond(
            "200 OK",
            "Content-Type: text/javascript",
            "Cache-Control: public, max-age=31536000, immutable",
            body=b'document.querySelector("p").textContent = "%b"' % name.encode(),
        )

    site.target.routes.update({"/": home, "/app.js": script, "/worker.js": script})


class OneOriginTests(PeopleTestCase):
    # Of an answer that came over a doubtful connection the browser clears nothing.
    flags = (*PeopleTestCase.flags, "--ignore-certificate-errors")

    def enter(self, page: Any, site: Site) -> None:
        self.log_in(page, ADMIN_SECRET, as_admin=True, cloud_id=site.device.cloud_id)
        self.expect_path(page, "/")

    def test_the_next_system_gets_no_script_of_the_one_before(self) -> None:
        first, second = self.make_site(), self.make_site()
        page_of(first, "first")
        page_of(second, "second")
        page = self.open_page()
        self.enter(page, first)
        self.expect(page, "p", "first")
        # What the old tab itself still holds in memory is the documents' warning.
        page = page.context.new_page()
        page.context.pages[0].close()
        page.goto(f"{self.origin}/ui/en/cloud-login.htm")
        page.locator("#cloud_id").fill(second.device.cloud_id)
        page.locator("#admin").set_checked(True)
        page.locator("#cloud_user_id").fill(ADMIN_SECRET)
        page.locator(".login-form button[type=submit]").click()
        self.expect_path(page, "/")
        self.expect(page, "p", "second")

    def test_no_script_of_a_device_outlives_its_session(self) -> None:
        site = self.make_site()
        page_of(site, "first")
        page = self.open_page()
        self.enter(page, site)
        outcome = page.evaluate(
            "navigator.serviceWorker.register('/worker.js')"
            ".then(() => 'registered', (error) => error.name)"
        )
        self.assertNotEqual(outcome, "registered")
        self.assertNotIn("/worker.js", site.target.paths())
