"""What a device end feels of a new Cloud password, and of being cut off."""

from __future__ import annotations

import json

from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.daemons import write_secret
from tests.end_to_end.processes import wait_until


class RotateTests(EndToEndTestCase):
    def rotate(self, site: Site, *more: str) -> dict[str, object]:
        done = self.server.tool("system", "rotate", site.device.cloud_id, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        document: dict[str, object] = json.loads(done.stdout)
        return document

    def test_who_has_the_old_password_is_cut_off_and_stays_so(self) -> None:
        site = self.make_site()
        device = site.device
        wire = self.open_stream(device.client())
        rotated = self.rotate(site)
        # At once, with all that ran through it.
        wire.read_all()
        self.assertFalse(self.server.is_online(device.cloud_id))
        device.process.wait_for_log("the server refuses this Cloud ID with this")
        self.assertFalse(self.server.is_online(device.cloud_id))

        device.process.kill()
        write_secret(device.password_file, str(rotated["password"]))
        device.restart()
        self.assertEqual(device.client().get("/").status, 200)
        self.assertNotIn(str(rotated["password"]), self.server.process.log)

    def test_a_chosen_password_opens_too(self) -> None:
        site = self.make_site()
        chosen = write_secret(self.directory / "chosen", "a chosen password")
        self.assertNotIn("password", self.rotate(site, "--password-file", str(chosen)))
        site.device.process.kill()
        write_secret(site.device.password_file, "a chosen password")
        site.device.restart()


class DisconnectTests(EndToEndTestCase):
    def test_who_is_cut_off_comes_back_by_itself_and_sessions_stay(self) -> None:
        site = self.make_site()
        client = site.device.client()
        wire = self.open_stream(client)
        done = self.server.tool("system", "disconnect", site.device.cloud_id)
        self.assertEqual(json.loads(done.stdout)["disconnected"], True)
        wire.read_all()
        site.device.wait_online(times=2)
        wait_until(lambda: client.get("/").status == 200, "the session goes on")

        site.device.process.kill()
        wait_until(
            lambda: not self.server.is_online(site.device.cloud_id), "it is offline"
        )
        done = self.server.tool("system", "disconnect", site.device.cloud_id)
        self.assertEqual(
            (done.returncode, json.loads(done.stdout)["disconnected"]), (0, False)
        )
