"""The API against its own description, as schemathesis understands it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import OPERATOR_PASSWORD
from tests.tree import ROOT

#: Cases for an operation, beside those that cover each part of its schema.
EXAMPLES = 10
SEED = 1
#: Seconds; it takes about 60 on a machine with nothing else to do.
PATIENCE = 600.0


class SchemathesisTests(EndToEndTestCase):
    def test_nothing_in_it_is_wrong(self) -> None:
        server = self.make_server()
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-c", _SCHEMATHESIS),
                f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
                *("run", f"{server.url}/cloud/api/v1/openapi.json"),
                *(f"--origin={server.url}", "--tls-verify=false", "--no-color"),
                f"--auth=admin:{OPERATOR_PASSWORD}",
                # Without credentials each route has a test of its own; here wrong
                # ones would make everything else wait.
                *("--checks=all", "--exclude-checks=ignored_auth"),
                # It never ends.
                "--exclude-path=/live",
                # Elsewhere, and by keys alone.
                "--exclude-path-regex=^/api/json/",
                *(f"--max-examples={EXAMPLES}", f"--seed={SEED}"),
                "--request-timeout=30",
            ],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "SCHEMATHESIS_PASSWORD": OPERATOR_PASSWORD,
                "SCHEMATHESIS_CERTIFICATE": self.read(server.data_dir, "certificate"),
                "SCHEMATHESIS_KEY": self.read(server.data_dir, "key"),
            },
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"Selected: (\d+)/\d+\s+Tested: \1\b")
        self.assertNotIn("429", done.stdout)
        self.assertNotIn("Traceback", server.process.log)
        self.assertIsNone(server.process.status)

    @staticmethod
    def read(data_dir: Path, name: str) -> str:
        return (data_dir / "tls" / f"{name}.pem").read_text()


_SCHEMATHESIS = "from schemathesis.cli import schemathesis; schemathesis()"
