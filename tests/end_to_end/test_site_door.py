"""A real server and a real device end, end to end: who sees what."""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.fingerprint_tool import read_fingerprints
from cfos_cloud.listener.certificate_pem import read_chain
from cfos_cloud.listener.fingerprints import Fingerprints
from tests.end_to_end.client import LOGIN
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID, DeviceEnd, Server
from tests.end_to_end.target import Target
from tests.end_to_end.visitor import Visitor
from tests.site_door.keys import KeysPage, MadeKey

SYSTEM = "Site-7"
HOST = "site-7.localhost"
DOCUMENT = ("Sec-Fetch-Dest", "document")


class SiteDoorTests(SynchronousTestCase):
    timeout = 240

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-door-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.server = Server(self.directory, "--domain=localhost")
        self.addCleanup(self.server.close)
        self.target = Target()
        self.addCleanup(self.target.close)
        self.meter = Target()
        self.addCleanup(self.meter.close)
        password = self.server.add_system(SYSTEM)
        self.device = DeviceEnd(
            self.server,
            SYSTEM,
            password,
            self.target.url,
            self.directory,
            "--end-to-end",
            f"--also=meter={self.meter.url}",
        )
        self.addCleanup(self.device.close)

    def test_a_visit(self) -> None:
        visitor = Visitor(self.server.port, authority=f"{HOST}:{self.server.port}")
        page = visitor.get(LOGIN)
        self.assertIn(b"compare the fingerprint", page.body)
        served = ssl.DER_cert_to_PEM_cert(visitor.certificate or b"")
        [certificate] = read_chain(served.encode())
        kept = read_fingerprints(self.device.state_dir, None)
        self.assertEqual(Fingerprints.of(certificate), kept)
        self.assertEqual(visitor.log_in(SYSTEM, "wrong", as_admin=True).status, 401)
        self.assertEqual(
            visitor.log_in(SYSTEM, ADMIN_SECRET, as_admin=True).status, 303
        )
        answer = visitor.get("/echo")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"Cfos-Role: admin", answer.body)
        self.assertIn(f"X-Forwarded-Host: {HOST}:".encode(), answer.body)
        user = Visitor(self.server.port, authority=f"{HOST}:{self.server.port}")
        self.assertEqual(user.log_in(SYSTEM, USER_ID).status, 303)
        self.assertIn(b"Cfos-Role: user", user.get("/echo").body)
        self.visit_meter(visitor, user, certificate)
        # The server's own log-in does not lead there.
        outside = self.server.client()
        self.assertEqual(
            outside.log_in(SYSTEM, ADMIN_SECRET, as_admin=True).status, 401
        )
        key = KeysPage(visitor).make(secret=ADMIN_SECRET)
        self.assertEqual(self.read_by(key), 200)
        # Nothing of it is at the server, nor will it be.
        for file in self.server.data_dir.rglob("*"):
            if file.is_file():
                self.assertNotIn(key.token.encode(), file.read_bytes(), file)
        self.assertEqual(outside.get("/api/json/x", key.bearer).status, 401)
        self.device.process.stop()
        rows = json.loads((self.device.state_dir / "door-keys.json").read_text())
        self.assertEqual([row["last_client"] for row in rows["keys"]], ["127.0.0.1"])
        self.device.restart()
        self.assertEqual(self.read_by(key), 200)
        self.assertEqual(
            visitor.log_in(SYSTEM, ADMIN_SECRET, as_admin=True).status, 303
        )
        self.device.set_admin_password("another one")
        self.device.process.wait_for_log("the admin password has changed")
        self.assertEqual(visitor.get("/echo").status, 303)
        self.assertEqual(self.read_by(key), 401)
        visitor.log_out()

    def read_by(self, key: MadeKey) -> int:
        """As an application does."""
        application = Visitor(self.server.port, authority=f"{HOST}:{self.server.port}")
        return application.get("/api/json/echo", key.bearer).status

    def visit_meter(
        self, visitor: Visitor, user: Visitor, certificate: Certificate
    ) -> None:
        """From the overview to another device of the site."""
        self.assertIn(b"meter", visitor.get("/cloud/", DOCUMENT).body)
        authority = f"meter--{visitor.authority}"
        code = visitor.get("/cloud/open/meter", DOCUMENT).field("Location") or ""
        self.assertTrue(code.startswith(f"https://{authority}/cloud/enter/"), code)
        meter = Visitor(self.server.port, authority=authority)
        self.assertEqual(meter.get("/echo").status, 303)
        self.assertEqual(meter.get(urlsplit(code).path).status, 200)
        answer = meter.get("/echo")
        self.assertEqual(answer.status, 200)
        self.assertIn(f"Host: {self.meter.authority}".encode(), answer.body)
        # One certificate is for both.
        served = ssl.DER_cert_to_PEM_cert(meter.certificate or b"")
        self.assertEqual(read_chain(served.encode()), (certificate,))
        # The users file names no further device.
        self.assertEqual(user.get("/cloud/open/meter", DOCUMENT).status, 404)
        with self.assertRaises(OSError):
            Visitor(self.server.port, authority=f"x--{visitor.authority}").get("/")
