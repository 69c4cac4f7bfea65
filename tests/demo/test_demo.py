"""The whole demonstration: its log-ins work, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import (
    HTTPCookieProcessor,
    HTTPSHandler,
    OpenerDirector,
    build_opener,
)

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.twistd_command import child_environment

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


class DemoTests(SynchronousTestCase):
    def start(self, directory: Path) -> Running:
        running = Running(directory)
        self.addCleanup(running.clean_up)
        return running

    def log_in(self, running: Running, fields: dict[str, str]) -> dict[str, str]:
        """The ``Cfos-*`` headers that the site then sees."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        browser: OpenerDirector = build_opener(
            HTTPSHandler(context=context), HTTPCookieProcessor(CookieJar())
        )
        url = running.find(r"(https://localhost:\d+)/")
        form = browser.open(f"{url}/ui/en/cloud-login.htm").read().decode()
        csrf = re.search(r'name="csrf" value="([^"]+)"', form)
        assert csrf is not None
        fields = {"cloud_id": "demo", "csrf": csrf[1], **fields}
        page = browser.open(f"{url}/ui/en/cloud-login.htm", urlencode(fields).encode())
        self.assertIn("/ui/en/index.htm", page.url)
        self.assertIn("Garage", page.read().decode())
        got = json.loads(browser.open(f"{url}/headers").read())
        return {name: value for name, value in got["headers"] if name[:5] == "Cfos-"}

    def test_the_log_ins_that_it_prints_work_until_it_is_stopped(self) -> None:
        directory = Path(self.mktemp()).absolute()
        running = self.start(directory)
        user_id = running.find(r"leave it clear, Cloud user ID (\S+)")
        password = running.find(r"'admin'\", Cloud user ID (\S+)")
        as_user = self.log_in(running, {"cloud_user_id": user_id})
        self.assertEqual(
            (as_user["Cfos-User"], as_user["Cfos-Role"]), ("guest", "user")
        )
        as_admin = self.log_in(running, {"cloud_user_id": password, "admin": "on"})
        self.assertEqual(
            (as_admin["Cfos-User"], as_admin["Cfos-Role"]), ("admin", "admin")
        )
        self.assertRegex(
            as_admin["Cfos-Cloud"], r"\Ahttps://.+/ui/en/cloud-login\.htm\Z"
        )
        self.assertEqual(
            running.stop(lambda pid: os.kill(pid, signal.SIGTERM)), (0, "")
        )
        self.assertTrue(running.is_gone())

        again = self.start(directory)
        self.assertEqual(again.find(r"leave it clear, Cloud user ID (\S+)"), user_id)
        self.log_in(again, {"cloud_user_id": user_id})
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
