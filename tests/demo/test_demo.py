"""The whole demonstration: its log-ins work, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.twistd_command import child_environment
from tests.end_to_end.client import Client
from tests.end_to_end.hosts import Traveller

_RUN = """\
import argparse, sys
from cfos_cloud.demo import command
parser = argparse.ArgumentParser()
command.add_parsers(parser.add_subparsers())
sys.exit(command.run(parser.parse_args(["demo", *sys.argv[1:]])))
"""


class Running:
    """A demo in a process group of its own, and what it has printed."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _RUN, "--port=0", f"--data-dir={directory}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=child_environment(),
            text=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while "Stop with Ctrl-C" not in self.said:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"the demo did not start: {self.said}")
            self.said += line

    def find(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match is not None, self.said
        return match[1]

    def stop(self, send: Callable[[int], None]) -> tuple[int, str]:
        send(self.process.pid)
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output

    def is_gone(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def clean_up(self) -> None:
        if not self.is_gone():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Printed:
    """The server by the address that was printed."""

    def __init__(self, running: Running) -> None:
        self.port = int(running.find(r"Open +https://localhost:(\d+)/"))

    def client(self, **options: Any) -> Client:
        return Client(self.port, **options)


class DemoTests(SynchronousTestCase):
    def start(self, directory: Path) -> Running:
        running = Running(directory)
        self.addCleanup(running.clean_up)
        return running

    def log_in(
        self, running: Running, secret: str, *, as_admin: bool = False
    ) -> tuple[Client, dict[str, str]]:
        """A browser at the host of the site, and the ``Cfos-*`` that the site sees."""
        browser = Traveller(Printed(running), "localhost")
        site = browser.log_in("demo", secret, as_admin=as_admin)
        self.assertEqual(site.get("/").field("Location"), "/ui/en/index.htm")
        self.assertIn(b"Garage", site.get("/ui/en/index.htm").body)
        got = json.loads(site.get("/headers").body)
        seen = {name: value for name, value in got["headers"] if name[:5] == "Cfos-"}
        return site, seen

    def test_the_log_ins_that_it_prints_work_until_it_is_stopped(self) -> None:
        directory = Path(self.mktemp()).absolute()
        running = self.start(directory)
        user_id = running.find(r"leave it clear, Cloud user ID (\S+)")
        password = running.find(r"'admin'\", Cloud user ID (\S+)")
        _, as_user = self.log_in(running, user_id)
        self.assertEqual(
            (as_user["Cfos-User"], as_user["Cfos-Role"]), ("guest", "user")
        )
        site, as_admin = self.log_in(running, password, as_admin=True)
        self.assertEqual(
            (as_admin["Cfos-User"], as_admin["Cfos-Role"]), ("admin", "admin")
        )
        self.assertEqual(as_admin["Cfos-Cloud"], f"{site.origin}/ui/en/cloud-login.htm")
        # The links that the site has in its menu for who comes through the cloud.
        for name in ("cloud-login", "cloud-keys"):
            link = f"/ui/en/{name}.htm"
            self.assertIn(link.encode(), site.get("/ui/en/index.htm").body)
            self.assertEqual(site.get(link).status, 200)
        self.assertEqual(
            running.stop(lambda pid: os.kill(pid, signal.SIGTERM)), (0, "")
        )
        self.assertTrue(running.is_gone())

        again = self.start(directory)
        self.assertEqual(again.find(r"leave it clear, Cloud user ID (\S+)"), user_id)
        self.log_in(again, user_id)
        # what Ctrl-C in a terminal does
        self.assertEqual(again.stop(lambda pid: os.killpg(pid, signal.SIGINT)), (0, ""))
        self.assertTrue(again.is_gone())

    def test_a_process_that_dies_ends_it_with_a_word_why(self) -> None:
        running = self.start(Path(self.mktemp()).absolute())
        children = Path(
            f"/proc/{running.process.pid}/task/{running.process.pid}/children"
        )
        server = int(children.read_text().split()[0])
        status, output = running.stop(lambda pid: os.kill(server, signal.SIGKILL))
        self.assertEqual(status, 1)
        self.assertTrue(
            output.startswith("cfos-cloud demo: server has ended with signal 9\n"),
            output,
        )
        self.assertTrue(running.is_gone())

    def test_a_cloud_service_that_was_switched_off_stays_off(self) -> None:
        directory = Path(self.mktemp()).absolute()
        running = self.start(directory)
        self.stop(running)
        settings = directory / "site" / "settings.json"
        kept = json.loads(settings.read_text())
        kept["cloud"]["enabled"] = False
        settings.write_text(json.dumps(kept))
        again = self.start(directory)
        self.assertIn("cloud service is switched off", again.said)
        kept = json.loads(settings.read_text())["cloud"]
        port = again.find(r"https://localhost:(\d+)/")
        self.assertEqual(
            (kept["enabled"], kept["server"]), (False, f"https://localhost:{port}")
        )
        site = again.find(r"The site itself +(\S+)/")
        self.assertEqual(site, running.find(r"The site itself +(\S+)/"))
        self.stop(again)

    def stop(self, running: Running) -> None:
        status = running.stop(lambda pid: os.kill(pid, signal.SIGTERM))
        self.assertEqual(status, (0, ""))
