"""The site's cloud service with a real server: connected, refused, waiting, off."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.demo.test_site_command import PASSWORD, SiteProcess
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import Server
from tests.end_to_end.processes import Process, wait_until
from tests.end_to_end.websocket import TEXT, Reader, new_key

CLOUD_ID = "Site-1"
SCRIPT = ("X-Requested-With", "site")


class CloudServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.processes: list[Process] = []

    def start_server(self) -> Server:
        server = Server(self.directory)
        self.addCleanup(server.close)
        return server

    def start_site(self, *options: str) -> SiteProcess:
        site = SiteProcess(self.directory / "site", *options)
        self.addCleanup(site.process.kill)
        return site

    def connect(
        self, site: SiteProcess, server: Server, password: str, **more: object
    ) -> Any:
        document = {
            "enabled": True,
            "server": server.url,
            "cloud_id": CLOUD_ID,
            "password": password,
            **more,
        }
        status, answer = site.ask("POST", "/api/site/cloud", document=document)
        self.assertEqual(status, 200, answer)
        return answer

    def wait_for(self, site: SiteProcess, state: str) -> Any:
        def cloud() -> Any:
            return site.ask("GET", "/api/site/cloud")[1]

        wait_until(lambda: cloud()["state"] == state, f"{state}: {cloud()}")
        return cloud()

    def log_in(self, server: Server, secret: str, *, as_admin: bool) -> Client:
        client = server.client()
        answer = client.log_in(CLOUD_ID, secret, as_admin=as_admin)
        self.assertEqual(answer.status, 303, answer)
        return client

    def test_the_settings_connect_and_tell_the_truth_about_it(self) -> None:
        server, site = (
            self.start_server(),
            self.start_site("--admin-password", PASSWORD),
        )
        password = server.add_system(CLOUD_ID)

        # a wrong password: refused, and why
        answer = self.connect(site, server, "not this password")
        self.assertIn(answer["state"], ("connecting", "refused"))
        cloud = self.wait_for(site, "refused")
        self.assertEqual(cloud["cause"], "wrong-password")
        self.assertIn(CLOUD_ID, cloud["reason"])
        self.assertIsNotNone(cloud["retry_at"])
        self.assertFalse(server.is_online(CLOUD_ID))

        # the right one: connected
        self.connect(site, server, password)
        cloud = self.wait_for(site, "connected")
        self.assertTrue(server.is_online(CLOUD_ID))
        self.assertTrue(cloud["login_url"].startswith("https://"))
        self.assertEqual((cloud["retry_at"], cloud["cause"]), (None, None))

        # switched off: off, and offline at the server
        site.ask("POST", "/api/site/cloud", document={"enabled": False})
        self.wait_for(site, "off")
        wait_until(lambda: not server.is_online(CLOUD_ID), "offline at the server")

        # and on again, with what is kept
        site.ask("POST", "/api/site/cloud", document={"enabled": True})
        self.wait_for(site, "connected")

        # the server goes down: waiting, and back by itself
        server.process.stop()
        cloud = self.wait_for(site, "waiting")
        self.assertIn(cloud["cause"], ("shutdown", "unreachable"))
        server.restart()
        self.wait_for(site, "connected")

        # the operator disables it: refused, and why
        server.ask("PATCH", f"/systems/{CLOUD_ID}", {"enabled": False})
        cloud = self.wait_for(site, "refused")
        self.assertEqual(cloud["cause"], "disabled")

    def test_the_meter_is_a_device_of_its_own_for_the_admin(self) -> None:
        server, site = (
            self.start_server(),
            self.start_site("--admin-password", PASSWORD),
        )
        self.connect(site, server, server.add_system(CLOUD_ID))
        self.wait_for(site, "connected")
        user_id = site.said(r"user, password (\d+)")
        for secret, as_admin, status in ((PASSWORD, True, 200), (user_id, False, 403)):
            who = self.log_in(server, secret, as_admin=as_admin)
            at_meter = server.client(authority=f"meter--{CLOUD_ID}.cloud.test")
            at_meter.cookies = who.cookies
            page = at_meter.get("/")
            self.assertEqual(page.status, status)
            self.assertEqual(b"1.8.0" in page.body, as_admin)
        values = json.loads(self.admin_of_meter(server).get("/values").body)
        self.assertIn("active_power_+", values["smart-meter"]["values"])

    def admin_of_meter(self, server: Server) -> Client:
        client = server.client(authority=f"meter--{CLOUD_ID}.cloud.test")
        client.cookies = self.log_in(server, PASSWORD, as_admin=True).cookies
        return client

    def test_people_come_through_the_cloud_as_who_they_are(self) -> None:
        server, site = (
            self.start_server(),
            self.start_site("--admin-password", PASSWORD),
        )
        self.connect(site, server, server.add_system(CLOUD_ID))
        self.wait_for(site, "connected")
        user_id = site.said(r"user, password (\d+)")

        admin = self.log_in(server, PASSWORD, as_admin=True)
        state = json.loads(admin.get("/api/site/state").body)
        self.assertEqual((state["role"], len(state["wallboxes"])), ("admin", 2))
        page = admin.get("/ui/en/settings.htm").body.decode()
        self.assertIn(f'href="{admin.origin}/ui/en/cloud-login.htm"', page)

        guest = self.log_in(server, user_id, as_admin=False)
        state = json.loads(guest.get("/api/site/state").body)
        self.assertEqual((state["user"], len(state["wallboxes"])), ("guest", 1))
        self.assertEqual(guest.get("/ui/en/settings.htm").status, 403)
        self.assertEqual(guest.get("/api/site/users").status, 403)

        # a user who is removed loses the session as well
        self.assertEqual(site.ask("DELETE", "/api/site/users/guest")[0], 204)
        wait_until(
            lambda: guest.get("/api/site/state").status in (303, 401),
            "the session of the user ends",
        )
        self.assertEqual(admin.get("/api/site/state").status, 200)

        # without an admin password nobody logs in, and the page's data says so
        site.ask(
            "POST", "/api/site/admin-password", document={"old": PASSWORD, "new": ""}
        )
        status, cloud = site.ask("GET", "/api/site/cloud", "")
        self.assertEqual((status, cloud["admin_password_set"]), (200, False))
        self.assertEqual(cloud["state"], "connected")
        wait_until(
            lambda: admin.get("/api/site/state").status in (303, 401),
            "the session of the admin ends",
        )
        client = server.client()
        answer = client.log_in(CLOUD_ID, "", as_admin=True)
        self.assertEqual(answer.status, 401)

    def test_uploads_live_values_and_forms_go_through_the_cloud(self) -> None:
        server, site = (
            self.start_server(),
            self.start_site("--admin-password", PASSWORD),
        )
        self.connect(site, server, server.add_system(CLOUD_ID))
        self.wait_for(site, "connected")
        admin = self.log_in(server, PASSWORD, as_admin=True)

        body = bytes(range(256)) * 4096 * 16
        answer = admin.request("POST", "/api/site/firmware", body, [SCRIPT])
        uploaded = json.loads(answer.body)
        self.assertEqual(
            (uploaded["size"], uploaded["sha256"]),
            (len(body), hashlib.sha256(body).hexdigest()),
        )

        own = ("Origin", admin.origin)
        form = ("Content-Type", "application/x-www-form-urlencoded")
        answer = admin.request(
            "POST",
            "/api/site/wallboxes/E1",
            b"enabled=0&back=/ui/de/index.htm",
            [own, form],
        )
        self.assertEqual(
            (answer.status, answer.field("Location")),
            (303, "/ui/de/index.htm?done=wallbox-saved"),
        )

        wire = admin.wire()
        self.addCleanup(wire.close)
        wire.send(
            admin.head(
                "GET",
                "/api/site/live",
                [
                    own,
                    ("Connection", "Upgrade"),
                    ("Upgrade", "websocket"),
                    ("Sec-WebSocket-Version", "13"),
                    ("Sec-WebSocket-Key", new_key()),
                ],
            )
        )
        self.assertEqual(wire.read_head()[0], 101)
        code, text = Reader(wire.read_some).read_frame()
        self.assertEqual(code, TEXT)
        self.assertFalse(json.loads(text)["wallboxes"][0]["enabled"])

        # the page that switches the service off may lose its own connection
        with contextlib.suppress(OSError, http.client.HTTPException):
            admin.request(
                "POST", "/api/site/cloud", b'{"enabled": false}', [SCRIPT, own]
            )
        self.wait_for(site, "off")

    def test_it_connects_again_after_a_restart_of_the_site(self) -> None:
        server, site = (
            self.start_server(),
            self.start_site("--admin-password", PASSWORD),
        )
        self.connect(site, server, server.add_system(CLOUD_ID))
        self.wait_for(site, "connected")
        site.process.kill()
        again = self.start_site()
        self.wait_for(again, "connected")
        self.log_in(server, PASSWORD, as_admin=True)
