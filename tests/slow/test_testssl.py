"""TLS as testssl.sh finds it."""

from __future__ import annotations

import json
import shutil
import subprocess
from unittest import SkipTest

from tests.end_to_end.case import EndToEndTestCase

#: Seconds; it takes two minutes on an idle machine.
PATIENCE = 1200
_BAD = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}
#: What it finds, and why it is as it should be.
EXPLAINED = {
    "cert_chain_of_trust": "a new server has made its certificate itself",
    "cert_revocation": "and nobody could revoke that",
    "cipher_order": (
        "all ciphers are strong, so by Mozilla's profile the client chooses, "
        "which knows whether its machine is fast at AES"
    ),
}
#: Some of what must have been looked at.
_LOOKED_AT = {"heartbleed", "ROBOT", "secure_client_renego", "BREACH", "LUCKY13"}


class TestsslTests(EndToEndTestCase):
    timeout = PATIENCE + 60

    def test_nothing_is_medium_or_worse_but_what_is_explained(self) -> None:
        program = shutil.which("testssl")
        if program is None:
            raise SkipTest("testssl is not installed")
        report = self.directory / "report.json"
        done = subprocess.run(
            [
                program,
                *("--quiet", "--color", "0", "--warnings", "off"),
                *("--nodns", "none", "--jsonfile", str(report)),
                f"127.0.0.1:{self.server.port}",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.assertTrue(report.exists(), done.stdout + done.stderr)
        findings = json.loads(report.read_text())
        self.assertEqual(_LOOKED_AT - {each["id"] for each in findings}, set())
        bad = {
            each["id"]: f"{each['severity']}: {each['finding']}"
            for each in findings
            if each["severity"] in _BAD and each["id"] not in EXPLAINED
        }
        self.assertEqual(bad, {})
