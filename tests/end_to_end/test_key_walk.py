"""The life of an access key with curl alone, as the script for people walks it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.end_to_end.daemons import ADMIN_SECRET, OPERATOR_PASSWORD, write_secret
from tests.end_to_end.keys import KeyTestCase

SCRIPT = Path(__file__).parents[2] / "scripts" / "walk-keys"


class WalkTests(KeyTestCase):
    def test_all_of_it_is_as_it_should_be(self) -> None:
        site = self.make_key_site()
        done = subprocess.run(
            [
                str(SCRIPT),
                site.device.server.url,
                site.device.cloud_id,
                str(write_secret(self.directory / "secret", ADMIN_SECRET)),
                str(write_secret(self.directory / "password", OPERATOR_PASSWORD)),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(done.stdout.count("the stream ends"), 2)
        self.assertEqual(done.stdout.count(" 401\n"), 4)

    def test_another_secret_is_not_taken(self) -> None:
        site = self.make_key_site()
        wrong = write_secret(self.directory / "secret", "wrong")
        command = [str(SCRIPT), site.device.server.url, site.device.cloud_id]
        done = subprocess.run(
            [*command, str(wrong)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("303 was expected", done.stderr)
