"""Access keys of a system, from the first request for one to its end."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.keys.token import Claims, encode
from cfos_cloud.server_secret import ServerSecret, issuer_name
from tests.end_to_end.client import LOGIN
from tests.end_to_end.daemons import ADMIN_SECRET, write_secret
from tests.end_to_end.keys import METER, STREAM, Key, KeyAdmin, KeyTestCase, bearer
from tests.end_to_end.processes import wait_until


class LifeTests(KeyTestCase):
    def test_a_key_works_from_its_authorisation_until_it_is_revoked(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.create()
        self.assert_refused(self.read(site, key))
        self.assertEqual(admin.authorise(key, "wrong").status, 403)
        self.assert_refused(self.read(site, key))
        self.assertEqual(admin.authorise(key).status, 200)
        self.assert_reads(self.read(site, key))

        request = site.target.wait_for(METER)
        self.assertEqual(request.all("Authorization"), [])
        self.assertEqual(request.field("Cfos-Role"), "api")
        self.assertEqual(request.field("Cfos-User"), "meter")

        application = self.application(site)
        stream = self.begin(STREAM, [bearer(key.token)], client=application)
        stream.read_until(b"data: 1\n\n\r\n")
        self.assertEqual(admin.revoke(key).status, 204)
        stream.read_all()
        self.assert_refused(self.read(site, key))
        self.assertEqual(admin.state(key), "revoked")

    def test_its_end_is_its_end_for_what_runs_by_it_too(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        end = datetime.now(UTC) + timedelta(seconds=6)
        key = admin.make(expires=end.isoformat(timespec="seconds"))
        self.assert_reads(self.read(site, key))
        application = self.application(site)
        stream = self.begin(STREAM, [bearer(key.token)], client=application)
        stream.read_until(b"data: 1\n\n\r\n")
        stream.read_all()
        self.assertGreaterEqual(datetime.now(UTC) + timedelta(seconds=1), end)
        self.assert_refused(self.read(site, key))
        self.assertEqual(admin.state(key), "expired")

    def test_a_websocket_of_an_admin_s_key_ends_with_it(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make("admin", "app")
        upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "echo"),
            bearer(key.token),
        ]
        wire = self.begin("/upgrade", upgrade, client=self.application(site))
        self.assertEqual(wire.read_head()[0], 101)
        wire.send(b"hello")
        self.assertEqual(wire.read(5), b"hello")
        admin.revoke(key)
        wire.read_all()

    def test_who_uses_it_last_is_shown(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make()
        source = self.new_source()
        client = self.application(site, source=source)
        self.assert_reads(client.get(METER, bearer(key.token)))
        shown = json.loads(admin.ask("GET", f"/keys/{key.id}").body)
        self.assertEqual(shown["last_client"], source)
        self.assertIsNotNone(shown["last_used"])


class RequestTests(KeyTestCase):
    """An application asks for a key by itself."""

    def ask(self, site_id: str, **more: object) -> tuple[int, dict[str, str]]:
        body = json.dumps({"name": "evcc", "role": "api", **more}).encode()
        fields = [("Content-Type", "application/json")]
        path = f"/cloud/api/v1/systems/{site_id}/key-requests"
        answer = self.server.client(source=self.new_source()).request(
            "POST", path, body, fields
        )
        return answer.status, json.loads(answer.body)

    def test_only_while_the_admin_lets_it_and_the_codes_are_the_same(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        cloud_id = site.device.cloud_id
        closed = self.ask(cloud_id)
        unknown = self.ask("No-such-system")
        self.assertEqual((closed[0], closed[1]["type"]), (403, unknown[1]["type"]))
        self.assertEqual(unknown[0], 403)

        self.assertEqual(admin.ask("POST", "/pairing").status, 200)
        status, made = self.ask(cloud_id)
        self.assertEqual(status, 201)
        key = Key(made["id"], made["key"])
        shown = json.loads(admin.ask("GET", f"/keys/{key.id}").body)
        self.assertEqual(shown["code"], made["code"])
        self.assertEqual(shown["state"], "pending")
        poll = f"/cloud/api/v1/systems/{cloud_id}/key-requests/{key.id}"
        asked = self.server.client().get(poll, bearer(key.token))
        self.assertEqual(json.loads(asked.body)["state"], "pending")
        self.assert_refused(self.server.client().get(poll, bearer("a.b.c")))
        self.assert_refused(self.read(site, key))
        self.assertEqual(admin.authorise(key).status, 200)
        asked = self.server.client().get(poll, bearer(key.token))
        self.assertEqual(json.loads(asked.body)["state"], "authorised")
        self.assert_reads(self.read(site, key))

        admin.ask("DELETE", "/pairing")
        self.assertEqual(self.ask(cloud_id)[0], 403)


class DurabilityTests(KeyTestCase):
    def test_what_was_answered_outlives_a_kill_of_either_side(self) -> None:
        server = self.make_server()
        site = self.make_key_site(server=server)
        admin = KeyAdmin(site)
        kept, revoked = admin.make(name="kept"), admin.make(name="revoked")
        self.assertEqual(admin.revoke(revoked).status, 204)
        server.process.kill()
        site.device.process.kill()
        server.restart()
        site.device.restart()
        self.assert_reads(self.read(site, kept))
        self.assert_refused(self.read(site, revoked))

    def test_another_admin_password_ends_the_device_s_consent(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make()
        self.assert_reads(self.read(site, key))
        application = self.application(site)
        stream = self.begin(STREAM, [bearer(key.token)], client=application)
        stream.read_until(b"data: 1\n\n\r\n")
        site.device.set_admin_password("another one")
        stream.read_all()
        self.assert_refused(self.read(site, key))
        again = KeyAdmin(site, site.device.log_in("another one", as_admin=True))
        again.wait_for_state(key, "pending")
        self.assertEqual(again.authorise(key).status, 403)
        self.assertEqual(again.authorise(key, "another one").status, 200)
        self.assert_reads(self.read(site, key))

    def test_so_it_does_while_the_device_end_was_off(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make()
        site.device.process.kill()
        write_secret(site.device.admin_file, "another one")
        site.device.restart()
        self.assert_refused(self.read(site, key))

    def test_a_key_works_again_when_its_device_is_back(self) -> None:
        site = self.make_key_site()
        key = KeyAdmin(site).make()
        site.device.process.kill()
        wait_until(
            lambda: not site.device.server.is_online(site.device.cloud_id), "offline"
        )
        answer = self.read(site, key)
        self.assertEqual(answer.status, 503)
        self.assertNotIn(b"<html", answer.body)
        site.device.restart()
        self.assert_reads(self.read(site, key))


class AdminKeyTests(KeyTestCase):
    """An admin's key opens what its person may open."""

    def test_it_logs_in_and_the_session_ends_with_it(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make("admin", "app")
        client = self.application(site)
        answer = client.post_form(
            LOGIN, {"key": f" {key.token[:20]}\n{key.token[20:]}"}
        )
        self.assertEqual((answer.status, answer.field("Location")), (303, "/"))
        self.assertEqual(client.get("/").status, 200)
        self.assertEqual(site.target.wait_for("/").field("Cfos-Role"), "admin")
        stream = self.open_stream(client)
        # It may do what the admin may at the device, and no more at the cloud.
        by_key = KeyAdmin(site, client)
        self.assertIn(by_key.ask("GET", "/keys").status, (401, 403))
        admin.revoke(key)
        stream.read_all()
        self.assertEqual(client.get("/", ("Accept", "text/html")).status, 303)

    def test_a_session_that_ends_leaves_the_key_as_it_is(self) -> None:
        site = self.make_key_site()
        key = KeyAdmin(site).make("admin", "app")
        client = self.application(site)
        self.assertEqual(client.post_form(LOGIN, {"key": key.token}).status, 303)
        self.assertEqual(client.log_out().status, 303)
        self.assertEqual(self.read(site, key).status, 200)

    def test_a_key_to_read_does_not_log_in(self) -> None:
        site = self.make_key_site()
        key = KeyAdmin(site).make("api")
        client = self.application(site, source=self.new_source())
        self.assertEqual(client.post_form(LOGIN, {"key": key.token}).status, 401)
        self.assertNotIn("__Host-cfos", client.cookies)


class SecretTests(KeyTestCase):
    def test_neither_database_nor_log_has_any_of_the_secrets(self) -> None:
        server = self.make_server("--loglevel=4")
        site = self.make_key_site(server=server)
        admin = KeyAdmin(site)
        key, full = admin.make(), admin.make("admin", "app")
        self.read(site, key)
        self.read(site, full, "/?secret=canary-in-a-query")
        client = self.application(site)
        client.post_form(LOGIN, {"key": full.token})
        cookie = client.cookies["__Host-cfos"]
        server.process.stop()
        site.device.process.stop()
        secrets = {
            "a token": key.token,
            "an admin's token": full.token,
            "a signature": key.token.rpartition(".")[2],
            "a grant": grant_of(key.token.encode()),
            "a session": cookie,
            "the admin secret": ADMIN_SECRET,
            "a query": "canary-in-a-query",
        }
        files = [path for path in server.data_dir.rglob("*") if path.is_file()]
        files += [path for path in site.device.state_dir.rglob("*") if path.is_file()]
        logs = [server.process.log_file, site.device.process.log_file]
        # A test that finds nothing because there is nothing to look at is none.
        database = [path for path in files if path.suffix == ".sqlite3"]
        consent = consent_of(grant_of(key.token.encode())).encode()
        self.assertTrue(any(consent in path.read_bytes() for path in database))
        for path in (*files, *logs):
            data = path.read_bytes()
            for what, secret in secrets.items():
                self.assertNotIn(secret.encode(), data, f"{what} is in {path.name}")

    def test_who_steals_all_the_cloud_has_opens_no_device(self) -> None:
        server = self.make_server()
        site = self.make_key_site(server=server)
        key = KeyAdmin(site).make("admin", "app")
        self.assertEqual(self.read(site, key).status, 200)
        seen = len(site.target.requests)
        server.process.signal(signal.SIGTERM)
        server.process.wait()
        # The thief has the database, the signing keys and the certificate's key, and
        # is the server from now on; but never saw a token.
        forged = self.forge(server.data_dir, key)
        server.restart()
        site.device.wait_online(times=2)
        self.assert_refused(self.read(site, forged))
        self.assertEqual(len(site.target.requests), seen)

    def forge(self, data_dir: Path, key: Key) -> str:
        """A token of the same claims, which the stolen database is made to accept."""
        with closing(sqlite3.connect(data_dir / "cfos-cloud.sqlite3")) as database:
            (cloud_id,) = database.execute(
                "SELECT cloud_id FROM access_key JOIN system USING (folded)"
                " WHERE id = ?",
                [key.id],
            ).fetchone()
            signing = SigningKeys.in_directory(data_dir, lambda: datetime.now(UTC))
            claims = Claims(
                kid=signing.current.kid,
                issuer=issuer_name(ServerSecret.in_directory(data_dir)),
                subject=cloud_id,
                role=Role.ADMIN,
                id=key.id,
                issued=datetime.now(UTC).replace(microsecond=0),
                expires=None,
            )
            forged = encode(claims, signing.current.private_key)
            self.assertNotEqual(forged, key.token)
            consent = consent_of(grant_of(forged.encode()))
            changed = database.execute(
                "UPDATE access_key SET consent = ? WHERE id = ?", [consent, key.id]
            )
            self.assertEqual(changed.rowcount, 1)
            database.commit()
        return forged
