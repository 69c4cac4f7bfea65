"""What else ends a key than its revocation, and what its application is told then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cfos_cloud.device.consent_file import FILE_NAME
from tests.end_to_end.case import Site
from tests.end_to_end.client import Wire
from tests.end_to_end.daemons import OPERATOR_PASSWORD
from tests.end_to_end.keys import METER, STREAM, Key, KeyAdmin, KeyTestCase, bearer
from tests.end_to_end.processes import wait_until


class KeyEndTests(KeyTestCase):
    def stream(self, site: Site, key: Key) -> Wire:
        """The connection on which an answer has begun that never ends."""
        fields = [bearer(key.token)]
        wire = self.begin(STREAM, fields, client=self.application(site))
        wire.read_until(b"data: 1\n\n\r\n")
        return wire

    def test_a_download_ends_when_its_key_expires(self) -> None:
        site = self.make_key_site()
        expires = datetime.now(UTC) + timedelta(seconds=5)
        key = KeyAdmin(site).make(expires=expires.isoformat())
        self.stream(site, key).read_all()
        # Of when it expires, the part of a second is cut off.
        self.assertGreaterEqual(datetime.now(UTC), expires.replace(microsecond=0))
        self.assert_refused(self.read(site, key))

    def test_a_system_that_is_disabled_has_no_keys_that_work(self) -> None:
        site = self.make_key_site()
        server, path = site.device.server, f"/systems/{site.device.cloud_id}"
        key = KeyAdmin(site).make()
        wire = self.stream(site, key)
        server.ask("PATCH", path, {"enabled": False})
        wire.read_all()
        self.assert_refused(self.read(site, key))

    def test_a_device_that_has_forgotten_a_key_makes_it_pending(self) -> None:
        site = self.make_key_site()
        key = KeyAdmin(site).make()
        wire = self.stream(site, key)
        site.device.process.kill()
        wire.read_all()
        (site.device.state_dir / FILE_NAME).unlink()
        site.device.restart()
        admin = KeyAdmin(site)
        self.assertEqual(admin.state(key), "authorised")
        self.assert_refused(self.read(site, key))
        admin.wait_for_state(key, "pending")
        self.assert_refused(self.read(site, key))
        self.assertEqual(site.target.paths().count(METER), 0)
        self.assertEqual(admin.authorise(key).status, 200)
        self.assert_reads(self.read(site, key))

    def test_an_offline_device_is_json_whatever_is_accepted(self) -> None:
        site = self.make_key_site()
        key = KeyAdmin(site).make("admin")
        site.device.process.kill()
        wait_until(lambda: not self.server.is_online(site.device.cloud_id), "offline")
        for path in ("/", METER):
            answer = self.application(site).get(
                path, bearer(key.token), ("Accept", "text/html")
            )
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.field("Content-Type"), "application/problem+json")
            self.assertIsNotNone(answer.field("Retry-After"))

    def test_what_the_cloud_tells_an_application_ends_with_its_key(self) -> None:
        document = {"name": "Monitoring", "role": "api"}
        made = self.server.ask("POST", "/keys", document)
        password = {"password": OPERATOR_PASSWORD}
        self.server.ask("POST", f"/keys/{made['id']}/authorize", password)
        fields = [bearer(made["key"]), ("Accept", "text/event-stream")]
        client = self.server.client()
        live = self.begin("/api/json/events", fields, client=client)
        live.read_until(b"event: hello")
        self.server.ask("DELETE", f"/keys/{made['id']}")
        # A page of ours ends as it should: the connection may stay.
        live.read_until(b"\r\n0\r\n\r\n")
        self.assert_refused(client.get("/api/json/events", *fields))
