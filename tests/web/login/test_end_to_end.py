"""The log-in page and systems whose TLS ends at their device."""

from __future__ import annotations

from dataclasses import replace

from cfos_cloud.events import EventKind
from cfos_cloud.web.public_address import PublicAddress
from tests.web.support import PagesTestCase


class EndToEndTests(PagesTestCase):
    address = PublicAddress("cloud.example.org")

    def set_end_to_end(self) -> None:
        known = self.systems.systems
        known["w00-008j"] = replace(known["w00-008j"], end_to_end=True)

    def test_its_device_is_not_asked_and_the_answer_is_that_of_all_failures(
        self,
    ) -> None:
        unknown = self.failure(self.browser.log_in("unknown"))
        self.clock.advance(60)
        self.set_end_to_end()
        reply = self.failure(self.browser.log_in())
        self.assertEqual((reply.status, reply.body), (401, unknown.body))
        self.assertEqual(self.tunnel.asked, [])
        self.assertEqual(len(self.sessions), 0)
        kind, _, cloud_id, detail = self.kept.events[-1]
        failed = (EventKind.LOGIN_FAILED, "W00-008J", "end to end")
        self.assertEqual((kind, cloud_id, detail), failed)

    def test_everybody_who_fails_is_told_of_addresses_of_their_own(self) -> None:
        reply = self.failure(self.browser.log_in("unknown"))
        self.assertIn(b"https://CLOUD-ID.cloud.example.org", reply.body)

    def test_one_that_becomes_so_while_its_device_is_asked(self) -> None:
        self.tunnel.is_slow = True
        reply = self.browser.log_in()
        self.set_end_to_end()
        self.tunnel.answer(True)
        self.assertEqual(self.failure(reply).status, 401)
        self.assertEqual(len(self.sessions), 0)
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])
        kinds = [kind for kind, *_ in self.kept.events]
        self.assertNotIn(EventKind.LOGGED_IN, kinds)


class OneOriginTests(PagesTestCase):
    def test_without_hosts_of_their_own_nobody_is_told_of_any(self) -> None:
        reply = self.failure(self.browser.log_in("unknown"))
        self.assertNotIn(b"CLOUD-ID", reply.body)
