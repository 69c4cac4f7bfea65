"""Log-in by an access key, to the host of its device."""

from __future__ import annotations

import json

from tests.web.hosts.case import A, HostsCase
from tests.web.login import test_key_logins
from tests.web.support import LOGIN


class KeyTests(HostsCase, test_key_logins.KeyLoginTestCase):
    def test_the_script_is_told_the_host_and_stores_nothing_there(self) -> None:
        token = self.issue()
        reply = self.browser.post(
            f"{LOGIN}?system=w00-008j&back=/a",
            {"key": token, "csrf": self.browser.token()},
            accept="application/json",
        )
        self.assertEqual(reply.status, 200)
        self.assertIsNone(reply.header("clear-site-data"))
        location = json.loads(reply.body)["location"]
        self.assertTrue(location.startswith(f"https://{A}/cloud/enter/"), location)
        self.assertEqual(self.goes_on_to(self.browser.follow(location)), "/a")
        session = self.browser.at(A).session()
        assert session is not None
        self.assertEqual(session.key_id, self.id_of(token))
        self.revoke(token)
        self.assertTrue(session.ended)

    def test_a_form_without_a_script_leads_there_too(self) -> None:
        reply = self.present(self.issue())
        self.assertEqual(reply.status, 303)
        self.assertIn(f"https://{A}/cloud/enter/", reply.header("location") or "")
