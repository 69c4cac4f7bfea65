"""Whoever is shown an id finds it in the log."""

from __future__ import annotations

import re

from twisted.logger import LogLevel, capturedLogs, formatEvent

from tests.web.support import LOGIN, PagesTestCase


class AddressTests(PagesTestCase):
    def test_an_address_that_is_no_text_is_a_bad_request_and_no_error_of_ours(
        self,
    ) -> None:
        for path in ("/cloud/%ff", "/ui/en/%c3", "/robots.txt%ff", "/cloud/assets/%80"):
            with capturedLogs() as events:
                self.assertEqual(self.browser.get(path).status, 400, path)
            levels = {event["log_level"] for event in events}
            self.assertFalse(levels & {LogLevel.error, LogLevel.critical}, path)


class ErrorIdTests(PagesTestCase):
    def test_page_and_log_have_the_same_id(self) -> None:
        for method, path, kind in (
            ("GET", "/cloud/nothing", "not-found"),
            ("GET", "/cloud/assets/none.css", "not-found"),
            ("DELETE", LOGIN, "method-not-allowed"),
        ):
            for accept in ("text/html", "application/json"):
                with capturedLogs() as events:
                    reply = self.browser.request(
                        method, f"{path}?secret=1", accept=accept
                    )
                [event] = [each for each in events if "id" in each]
                self.assertIn(event["id"].encode(), reply.body)
                self.assertEqual(event["log_level"], LogLevel.info)
                line = formatEvent(event)
                self.assertRegex(
                    line,
                    rf"^{kind} {event['id']} for {re.escape(self.browser.address)}, "
                    rf"no system: {method} {re.escape(path)}$",
                )
                self.assertNotIn("secret", str(event))
