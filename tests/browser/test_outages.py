"""What people see while their device is away, and how it comes back to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, cast

from tests.browser.line import Line
from tests.browser.people import PeopleTestCase, furnish, stop_time
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID, Server
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Request

OFFLINE = "The device is offline"
DOWN = "The device does not answer"
LOGIN = "/ui/en/cloud-login.htm"


class OverLine:
    """The server as a device end sees it whose line can be cut."""

    def __init__(self, server: Server, line: Line) -> None:
        self._server = server
        self.url = line.url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class OutageTestCase(PeopleTestCase):
    def site_on_a_line(self) -> tuple[Site, Line]:
        """A site whose connection to the server can be cut and mended."""
        line = Line(self.server.port)
        self.addCleanup(line.close)
        site = self.furnished_site(server=cast(Server, OverLine(self.server, line)))
        return site, line

    def user_of(self, site: Site, **options: Any) -> Any:
        """A page on which the site's user looks at the device."""
        page = self.open_page(**options)
        self.log_in(page, USER_ID, as_admin=False, cloud_id=site.device.cloud_id)
        self.expect(page, "#who", "guest (user)")
        return page

    def lose(self, site: Site, line: Line) -> None:
        line.cut()
        cloud_id = site.device.cloud_id
        wait_until(lambda: not self.server.is_online(cloud_id), "the loss is noticed")


class OfflineTests(OutageTestCase):
    def test_the_page_comes_back_by_itself_when_the_device_does(self) -> None:
        site, line = self.site_on_a_line()
        page = self.user_of(site)
        self.lose(site, line)
        page.goto(f"{self.origin}/#chapter-2")
        page.reload()
        self.expect(page, "h1", OFFLINE)
        self.expect(page, ".eyebrow", f"Site {site.device.cloud_id}")
        self.expect(page, ".progress .what", re.compile("Waiting for the device"))
        self.inspect(page, "offline")
        line.mend()
        self.expect(page, "#who", "guest (user)")
        self.assertEqual(page.url, f"{self.origin}/#chapter-2")
        # It took the place of the error page: "back" does not lead there.
        page.go_back()
        self.assertNotIn(OFFLINE, page.inner_text("body"))

    def test_after_a_restart_of_the_device_end_it_leads_to_the_log_in(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site)
        site.device.process.kill()
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", OFFLINE)
        site.device.restart()
        self.expect(page, "#login-title", "Log in")
        # The device end has forgotten who is logged in; the browser has not.
        self.assertEqual(page.locator("#cloud_id").input_value(), site.device.cloud_id)
        page.locator("#cloud_user_id").fill(USER_ID)
        page.locator("#cloud_user_id").press("Enter")
        self.expect(page, "#who", "guest (user)")

    def test_the_time_is_the_reader_s_own_with_javascript_and_utc_without(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site, timezone_id="Asia/Tokyo", locale="en-GB")
        plain = self.user_of(site, java_script_enabled=False)
        site.device.process.kill()
        now = datetime.now(UTC)
        for each in (page, plain):
            each.goto(f"{self.origin}/")
            self.expect(each, "h1", OFFLINE)
        since = page.locator("time")
        self.expect(page, "time", re.compile(r"^(today|yesterday), \d\d:\d\d$"))
        when = datetime.fromisoformat(since.get_attribute("datetime"))
        self.assertLess(abs((now - when).total_seconds()), 60)
        in_tokyo = f"{(when.hour + 9) % 24:02}:{when.minute:02}"
        self.assertTrue(since.inner_text().endswith(in_tokyo), since.inner_text())
        self.assertRegex(page.inner_text(".since"), r"\(\d+ seconds?\)")
        self.assertRegex(plain.inner_text("time"), rf"{when:%H:%M}\sUTC\Z")

    def test_without_javascript_it_looks_again_every_30_seconds(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site, java_script_enabled=False, locale="de-DE")
        site.device.process.kill()
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", "Das Gerät ist offline")
        refresh = page.locator("meta[http-equiv=refresh]")
        self.assertEqual(refresh.get_attribute("content"), "30")
        self.expect(page, "noscript .progress", re.compile("alle 30 Sekunden"))
        self.assertTrue(page.locator("noscript .progress").is_visible())
        self.take_pictures(page, "offline-no-script")

    def test_what_may_change_the_device_is_not_repeated_by_itself(self) -> None:
        site, line = self.site_on_a_line()
        page = self.user_of(site)
        self.lose(site, line)
        page.locator("form button").click()
        self.expect(page, "h1", OFFLINE)
        self.assertIn("did not reach the device", page.inner_text("main"))
        self.inspect(page, "offline-post")
        query = page.context.new_page()
        query.goto(f"{self.origin}/cnf?cmd=start")
        self.expect(query, "h1", OFFLINE)
        line.mend()
        for each in (page, query):
            self.expect(each, "[role=status]", "The device is back.")
            self.expect(each, "h1", "The device is back.")
            self.assertFalse(each.get_by_text("no connection").is_visible())
        self.take_pictures(query, "offline-back")
        self.assertFalse({"/settings", "/cnf"} & set(site.target.paths()))
        # Who wants it can have it.
        query.get_by_role("link", name="Try again").click()
        site.target.wait_for("/cnf")
        page.get_by_role("link", name="To your device").click()
        self.expect(page, "#who", "guest (user)")
        self.assertNotIn("/settings", site.target.paths())

    def test_it_asks_ever_less_often_and_not_at_all_while_nobody_looks(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site)
        site.device.process.kill()
        stop_time(page)
        asked: list[str] = []
        page.on(
            "response",
            lambda answer: (
                asked.append(answer.url)
                if answer.url.endswith("/cloud/session")
                else None
            ),
        )
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", OFFLINE)

        def pass_time(seconds: int) -> int:
            """How often it asks in the meantime."""
            before = len(asked)
            for _ in range(seconds):
                page.clock.run_for(1_000)
                # What it asked is answered in real time, and before this is.
                page.evaluate("fetch('/anything').then((answer) => answer.text())")
            return len(asked) - before

        first = pass_time(15)
        self.assertGreaterEqual(first, 3)
        pass_time(60)
        later = pass_time(60)
        self.assertIn(later, range(3, 6))
        page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", {get: () => window.isAway})
              window.isAway = true
            }"""
        )
        self.assertLessEqual(pass_time(60), 1)
        page.evaluate(
            """() => {
              window.isAway = false
              document.dispatchEvent(new Event("visibilitychange"))
            }"""
        )
        self.assertGreaterEqual(pass_time(10), 2)

    def test_a_browser_without_network_is_told_so(self) -> None:
        site, line = self.site_on_a_line()
        page = self.user_of(site)
        self.lose(site, line)
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", OFFLINE)
        page.context.set_offline(True)
        self.expect(page, ".progress .what", re.compile("can't reach the server"))
        line.mend()
        page.context.set_offline(False)
        self.expect(page, "#who", "guest (user)")

    def test_in_the_language_of_the_log_in(self) -> None:
        site = self.furnished_site()
        page = self.open_page(locale="en-GB")
        page.goto(f"{self.origin}/ui/pt/cloud-login.htm")
        page.locator("#cloud_id").fill(site.device.cloud_id)
        page.locator("#cloud_user_id").fill(USER_ID)
        page.locator("#cloud_user_id").press("Enter")
        self.expect(page, "#who", "guest (user)")
        site.device.process.kill()
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", "O dispositivo está offline")
        self.inspect(page, "offline-pt")


class TargetDownTests(OutageTestCase):
    def test_it_tries_again_by_itself_visibly_and_the_page_comes(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site)
        port = site.target.port
        site.target.close()
        stop_time(page)
        page.goto(f"{self.origin}/")
        self.expect(page, "h1", DOWN)
        self.expect(page, "[data-left]", "15 s")
        self.assertIn("switched on", page.inner_text(".checks"))
        self.take_pictures(page, "target-down")
        page.clock.run_for(5_000)
        self.expect(page, "[data-left]", "10 s")
        page.clock.run_for(10_000)
        # Still down: the next wait is longer.
        self.expect(page, "[data-left]", "30 s")
        furnish(self.make_target(port))
        page.clock.run_for(30_000)
        self.expect(page, "#who", "guest (user)")

    def test_that_can_be_stopped(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site)
        port = site.target.port
        site.target.close()
        stop_time(page)
        page.goto(f"{self.origin}/")
        page.get_by_role("button", name="Stop").click()
        self.expect(page, ".trying", "Stopped. You can try again whenever you like.")
        page.clock.resume()
        self.inspect(page, "target-down-stopped")
        target = self.make_target(port)
        furnish(target)
        page.clock.fast_forward(120_000)
        self.expect(page, "h1", DOWN)
        self.assertEqual(target.requests, [])
        page.get_by_role("link", name="Try again").click()
        self.expect(page, "#who", "guest (user)")

    def test_a_request_with_a_query_is_never_repeated_by_itself(self) -> None:
        site = self.furnished_site()
        page = self.user_of(site)
        port = site.target.port
        site.target.close()
        stop_time(page)
        page.goto(f"{self.origin}/cnf?cmd=start")
        self.expect(page, "h1", DOWN)
        self.assertEqual(page.locator("[data-retry]").count(), 0)
        target = self.make_target(port)
        page.clock.run_for(120_000)
        self.assertEqual(target.requests, [])

    def test_a_device_that_takes_too_few_connections_is_called_busy(self) -> None:
        site = self.furnished_site("--max-connections=1")

        def never(request: Request) -> None:
            request.wait_for_close()

        site.target.routes["/slow"] = never
        page = self.open_page()
        cloud_id = site.device.cloud_id
        self.log_in(page, ADMIN_SECRET, as_admin=True, cloud_id=cloud_id)
        self.expect(page, "#who", "admin (admin)")
        client = site.device.client()
        self.begin("/slow", client=client)
        site.target.wait_for("/slow")
        page.goto(f"{self.origin}/page")
        self.expect(page, "h1", "The device is busy")
        self.assertIn("Close other pages", page.inner_text(".checks"))
        self.inspect(page, "busy")
