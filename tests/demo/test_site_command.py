"""``cfos-cloud demo-site``: a site of its own, spoken to through real sockets."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.twistd_command import child_environment
from tests.end_to_end.client import Wire
from tests.end_to_end.daemons import tool_command
from tests.end_to_end.processes import PATIENCE, Process, wait_until
from tests.end_to_end.websocket import CLOSE, TEXT, Reader, accept_of, frame, new_key

PASSWORD = "a secret of 2026"


class SiteProcess:
    """``cfos-cloud demo-site`` on a free port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.process = Process(
            "demo-site",
            tool_command("demo-site", "--port=0", f"--data-dir={directory}", *options),
            directory.parent,
        )
        self.process.wait_for_log("Stop with Ctrl-C")
        self.port = int(self.said(r"Open +http://127\.0\.0\.1:(\d+)/"))

    def said(self, pattern: str) -> str:
        match = re.search(pattern, self.process.log)
        assert match is not None, self.process.log
        return match[1]

    def head(self, method: str, path: str, password: str, *lines: str) -> bytes:
        """A request's head; ``user:password`` for a user."""
        who = password if ":" in password else f"admin:{password}"
        basic = base64.b64encode(who.encode()).decode()
        all_lines = (
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Basic {basic}",
            *lines,
        )
        return "\r\n".join([*all_lines, "", ""]).encode()

    def wire(self) -> Wire:
        return Wire(socket.create_connection(("127.0.0.1", self.port), PATIENCE))

    def ask(
        self, method: str, path: str, password: str = PASSWORD, document: object = None
    ) -> tuple[int, Any]:
        """Status, and what JSON the answer has."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE)
        who = password if ":" in password else f"admin:{password}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(who.encode()).decode()}",
            "X-Requested-With": "site",
        }
        body = None if document is None else json.dumps(document)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(data) if is_json else None


class SiteCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute() / "site"
        self.directory.parent.mkdir()

    def start(self, *options: str) -> SiteProcess:
        site = SiteProcess(self.directory, *options)
        self.addCleanup(site.process.kill)
        return site

    def run_to_its_end(self, *options: str) -> tuple[int, str]:
        ended = subprocess.run(
            tool_command("demo-site", *options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=child_environment(),
        )
        return ended.returncode, ended.stderr

    def test_what_it_prints_works_and_ctrl_c_ends_it_in_order(self) -> None:
        site = self.start()
        password = site.said(r"admin, password (\S+)")
        user_id = site.said(r"user, password (\d+)")
        status, state = site.ask("GET", "/api/site/state", password)
        self.assertEqual((status, state["role"]), (200, "admin"))
        status, state = site.ask("GET", "/api/site/state", f"user:{user_id}")
        self.assertEqual((state["user"], len(state["wallboxes"])), ("guest", 1))
        self.assertEqual(site.ask("GET", "/api/site/state", "wrong")[0], 401)
        self.assertEqual(state["wallboxes"][0]["state"], 3)
        site.process.signal(signal.SIGINT)
        self.assertEqual(site.process.wait(), 0)
        self.assertNotIn("Traceback", site.process.log)

    def test_everything_survives_a_restart(self) -> None:
        site = self.start("--admin-password", PASSWORD)
        _, created = site.ask(
            "POST", "/api/site/users", document={"name": "carla", "wallbox": "E2"}
        )
        site.ask("POST", "/api/site/settings", document={"name": "Depot"})
        site.ask("POST", "/api/site/wallboxes/E2", document={"enabled": False})
        _, before = site.ask("GET", "/api/site/sessions")
        _, state = site.ask("GET", "/api/site/state")
        self.assertEqual(site.process.stop(), 0)
        again = self.start()
        self.assertEqual(again.said(r"admin, password (.+)"), PASSWORD)
        _, after = again.ask("GET", "/api/site/sessions")
        known = {item["id"] for item in after["items"]}
        self.assertLessEqual({item["id"] for item in before["items"]}, known)
        _, later = again.ask("GET", "/api/site/state")
        self.assertEqual(later["site"]["name"], "Depot")
        self.assertEqual(later["site"]["serial"], state["site"]["serial"])
        self.assertGreaterEqual(
            later["meter"]["import_wh"], state["meter"]["import_wh"]
        )
        self.assertFalse(later["wallboxes"][1]["enabled"])
        _, own = again.ask("GET", "/api/site/state", f"user:{created['id']}")
        self.assertEqual(own["user"], "carla")
        _, history = again.ask("GET", "/api/site/history?minutes=1440")
        known_minutes = [each for each in history["series"]["M1"] if each is not None]
        self.assertGreater(len(known_minutes), 1400)

    def test_live_values_come_by_websocket(self) -> None:
        site = self.start("--admin-password", PASSWORD)
        wire = site.wire()
        self.addCleanup(wire.close)
        key = new_key()
        wire.send(
            site.head(
                "GET",
                "/api/site/live",
                PASSWORD,
                "Connection: keep-alive, Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {key}",
                f"Origin: http://127.0.0.1:{site.port}",
            )
        )
        status, fields = wire.read_head()
        self.assertEqual(status, 101)
        self.assertIn(("Sec-WebSocket-Accept", accept_of(key)), fields)
        reader = Reader(wire.read_some)
        times = set()
        for _ in range(3):
            code, text = reader.read_frame()
            self.assertEqual(code, TEXT)
            times.add(json.loads(text)["time"])
        self.assertGreater(len(times), 1)
        wire.send(frame(CLOSE, b"\x03\xe8", masked=True))
        while (got := reader.read_frame())[0] != CLOSE:
            self.assertEqual(got[0], TEXT)
        self.assertEqual(wire.read_all(), b"")

    def test_a_large_upload_takes_no_memory(self) -> None:
        site = self.start("--admin-password", PASSWORD)
        before = site.process.memory()
        size, piece = 128 * 1024 * 1024, bytes(range(256)) * 4096
        wire = site.wire()
        self.addCleanup(wire.close)
        wire.send(
            site.head(
                "POST",
                "/api/site/firmware",
                PASSWORD,
                "X-Requested-With: site",
                f"Content-Length: {size}",
            )
        )
        digest = hashlib.sha256()
        for _ in range(size // len(piece)):
            wire.send(piece)
            digest.update(piece)
        status, fields = wire.read_head()
        self.assertEqual(status, 200)
        answer = json.loads(wire.read(int(dict(fields)["Content-Length"])))
        self.assertEqual((answer["size"], answer["sha256"]), (size, digest.hexdigest()))
        grown = site.process.memory() - before
        self.assertLess(grown, 48 * 1024 * 1024)

    def test_an_upload_waits_for_the_log_in(self) -> None:
        site = self.start("--admin-password", PASSWORD)
        wire = site.wire()
        self.addCleanup(wire.close)
        wire.send(
            site.head(
                "POST",
                "/api/site/firmware",
                "wrong password",
                "X-Requested-With: site",
                "Content-Length: 1000000000",
            )
        )
        self.assertEqual(wire.read_head()[0], 401)

    def test_the_cloud_that_is_not_there_is_waited_for(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        site = self.start("--admin-password", PASSWORD)
        site.ask(
            "POST",
            "/api/site/cloud",
            document={
                "enabled": True,
                "server": f"https://127.0.0.1:{port}",
                "cloud_id": "x",
                "password": "a chosen password",
            },
        )
        wait_until(
            lambda: site.ask("GET", "/api/site/cloud")[1]["state"] == "waiting",
            "the site waits",
        )
        _, cloud = site.ask("GET", "/api/site/cloud")
        self.assertEqual(cloud["cause"], "unreachable")
        self.assertIn("refused", cloud["reason"])
        self.assertEqual(site.process.stop(), 0)

    def test_the_password_may_come_from_a_file_or_be_none(self) -> None:
        file = self.directory.parent / "password"
        file.write_text(f"{PASSWORD}\n")
        site = self.start("--admin-password-file", str(file))
        self.assertEqual(site.ask("GET", "/api/site/state")[0], 200)
        site.process.stop()
        site = self.start("--admin-password", "")
        self.assertIn("no admin password is set", site.process.log)
        self.assertEqual(site.ask("GET", "/api/site/state", "")[0], 200)

    def test_what_is_wrong_is_one_line(self) -> None:
        data = f"--data-dir={self.directory}"
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            status, errors = self.run_to_its_end(f"--port={port}", data)
        self.assertEqual(status, 1)
        self.assertEqual(
            errors,
            f"cfos-cloud demo-site: can't listen on 127.0.0.1:{port}: "
            "Address already in use\n",
        )
        (self.directory / "settings.json").write_text("{")
        for options, expected, word in (
            (("--admin-password", "short"), 2, "8 characters"),
            (("--admin-password-file", "/nowhere"), 1, "/nowhere"),
            (("--port", "x"), 2, "a port is"),
            (("--port", "0", data), 1, "settings.json"),
            (("--port", "0", "--data-dir=/proc/nowhere"), 1, "/proc/nowhere"),
            (("--port", "0", "--interface", "192.0.2.1"), 1, "192.0.2.1"),
        ):
            status, errors = self.run_to_its_end(*options)
            self.assertEqual((status, errors.count("\n")), (expected, 1), errors)
            self.assertIn(word, errors)

    def test_a_directory_serves_one_at_a_time(self) -> None:
        self.start()
        status, errors = self.run_to_its_end("--port=0", f"--data-dir={self.directory}")
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn("another demo runs in", errors)
