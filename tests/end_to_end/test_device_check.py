"""``cfos-cloud device-check`` against the real server."""

from __future__ import annotations

import json
import subprocess

from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.daemons import run_tool, write_secret


class DeviceCheckTests(EndToEndTestCase):
    def check(
        self, site: Site, *flags: str, **changed: str
    ) -> subprocess.CompletedProcess[str]:
        device = site.device
        values = {
            "server": self.server.url,
            "cloud-id": device.cloud_id,
            "password-file": str(device.password_file),
            "target": device.target,
            "state-dir": str(device.state_dir),
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        options = [f"--{name}={value}" for name, value in values.items()]
        return run_tool(self.directory, "device-check", *options, *flags)

    def test_all_is_well_and_the_live_tunnel_is_not_disturbed(self) -> None:
        site = self.make_site()
        client = site.device.client()
        wire = self.open_stream(client)
        log = site.device.process.log

        done = self.check(site)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(
            [line.partition(",")[0] for line in done.stdout.splitlines()],
            ["dns: ok", "tcp: ok", "tls: ok", "password: ok", "target: ok"],
        )
        self.assertEqual(site.device.process.log, log)
        wire.socket.settimeout(0.1)
        self.assertRaises(TimeoutError, wire.read_some)
        self.assertEqual(client.get("/").status, 200)
        self.assertEqual(
            self.server.process.log.count(f"tunnel up {site.device.cloud_id} "), 1
        )

    def test_what_is_wrong_is_named(self) -> None:
        site = self.site
        password = write_secret(self.directory / "wrong", "abcdefg-" * 3 + "abcdefg")
        for changed, failing in (
            ({"password_file": str(password)}, ["password"]),
            ({"cloud_id": "No-Such-System"}, ["password"]),
            ({"target": "http://127.0.0.1:1"}, ["target"]),
            ({"server": "https://127.0.0.1:1"}, ["tcp"]),
        ):
            done = self.check(site, "--json", **changed)
            self.assertEqual((done.returncode, done.stderr), (1, ""), changed)
            document = json.loads(done.stdout)
            self.assertFalse(document["ok"])
            failed = [each["check"] for each in document["checks"] if not each["ok"]]
            self.assertEqual(failed, failing, changed)
        self.assertTrue(self.server.is_online(self.cloud_id))
