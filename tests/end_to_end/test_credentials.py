"""The files that say who may log in, changed while the device end runs."""

from __future__ import annotations

import time

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN
from tests.end_to_end.daemons import ADMIN_SECRET, USER, USER_ID

#: A change takes effect within a second; more is left for a busy machine.
SECONDS = 3.0


class CredentialsTests(EndToEndTestCase):
    def test_a_user_who_is_removed_is_out_at_once_and_others_stay(self) -> None:
        site = self.make_site()
        site.device.allow_users({USER: USER_ID, "other": "9876543210"})
        site.device.process.wait_for_log("the users have changed, 2 now")
        users = [site.device.user_client(), site.device.user_client()]
        other = site.device.log_in("9876543210", as_admin=False)
        admin = site.device.client()
        theirs = [self.open_stream(user) for user in users]
        kept = [self.open_stream(other), self.open_stream(admin)]

        changed = time.monotonic()
        site.device.allow_users({"other": "9876543210"})
        for wire in theirs:
            wire.read_all()
        self.assertLess(time.monotonic() - changed, SECONDS)
        for user in users:
            self.assertEqual(user.get("/").field("Location"), LOGIN)
        for client, wire in zip((other, admin), kept, strict=True):
            self.assertEqual(client.get("/").status, 200)
            wire.socket.settimeout(0.1)
            self.assertRaises(TimeoutError, wire.read_some)

    def test_a_new_admin_password_ends_the_admins_sessions_alone(self) -> None:
        site = self.make_site()
        admin, user = site.device.client(), site.device.user_client()
        wire = self.open_stream(admin)
        site.device.set_admin_password("another one")
        wire.read_all()
        self.assertEqual(admin.get("/").field("Location"), LOGIN)
        self.assertEqual(user.get("/").status, 200)
        client = site.device.log_in("another one", as_admin=True)
        self.assertEqual(client.get("/").status, 200)

    def test_an_empty_one_ends_everybodys(self) -> None:
        site = self.make_site()
        clients = [site.device.client(), site.device.user_client()]
        wires = [self.open_stream(client) for client in clients]
        site.device.set_admin_password("")
        for wire in wires:
            wire.read_all()
        for client in clients:
            self.assertEqual(client.get("/").field("Location"), LOGIN)

    def test_the_newline_at_the_end_of_a_secret_file_does_no_harm(self) -> None:
        site = self.make_site()
        site.device.set_admin_password(f"{ADMIN_SECRET}2\r\n")
        site.device.process.wait_for_log("the admin password has changed")
        client = site.device.log_in(f"{ADMIN_SECRET}2", as_admin=True)
        self.assertEqual(client.get("/").status, 200)
