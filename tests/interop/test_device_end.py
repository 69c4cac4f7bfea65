"""
A device end in Go, written from ``docs/tunnel-protocol.md`` on HashiCorp's yamux,
against the server: both as processes, with a web server behind and a browser in front.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cfos_cloud.twistd_command import twistd_command

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "device_end" / "main.go"
GOPATH = Path("/usr/share/gocode")

CLOUD_ID = "Site-7"
OPERATOR = "operator-of-the-test"
ADMIN = "correct horse"
#: Seconds for any one thing; a bound, not a measure.
PATIENCE = 60.0
MIB = 1024 * 1024
DOWNLOAD = bytes(range(256)) * (8 * MIB // 256)
LOG_IN = "/ui/en/cloud-login.htm"

Headers = dict[str, str]
Answer = tuple[int, http.client.HTTPMessage, bytes]


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when nobody holds it any more: at the end of the process."""
    return tempfile.TemporaryDirectory(prefix="cfos-device-end-")


@cache
def program() -> Path:
    """
    The device end, compiled.

    :raises SkipTest: no Go, or no yamux for it.
    """
    go = shutil.which("go")
    if go is None:
        raise SkipTest("needs Go (Debian: golang-go)")
    if not (GOPATH / "src/github.com/hashicorp/yamux").is_dir():
        raise SkipTest("needs Debian's golang-github-hashicorp-yamux-dev")
    built = Path(folder().name) / "device_end"
    subprocess.run(
        [go, "build", "-o", str(built), str(SOURCE)],
        check=True,
        env={
            **os.environ,
            "GO111MODULE": "off",
            "GOPATH": str(GOPATH),
            "GOCACHE": str(Path(folder().name) / "go-cache"),
        },
    )
    return built


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def wait_until(what: str, ready: Callable[[], bool], process: Process) -> None:
    """
    Come back when ``ready`` says so.

    :raises AssertionError: it took too long, or the process has ended.
    """
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.ended() or time.monotonic() > deadline:
            raise AssertionError(f"no {what}:\n{process.log()}")
        time.sleep(0.05)


class Process:
    """A process whose standard output and error go to a file."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End it in order, or by force."""
        if not self.ended():
            self._process.send_signal(signal.SIGTERM)
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()


class Target(BaseHTTPRequestHandler):
    """The device's web UI."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/download":
            self._answer(DOWNLOAD)
        elif self.path == "/redirect":
            self._redirect()
        elif self.path == "/no-length":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"as long as it takes")
        elif self.path == "/breaks-off":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"a part")
            self.close_connection = True
        else:
            document = {"path": self.path, "headers": dict(self.headers.items())}
            self._answer(json.dumps(document).encode("utf-8"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(hashlib.sha256(body).hexdigest().encode("ascii"))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://{self.headers['Host']}/there?a=b")
        self.send_header("Set-Cookie", "session=1; Domain=device.example; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


class Browser:
    """One keep-alive connection to the server, with cookies."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE, context=context
        )
        self._cookies: dict[str, str] = {}
        self.ports: set[int] = set()
        self.origin = f"https://127.0.0.1:{port}"

    def close(self) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if self._cookies:
            pairs = (f"{name}={value}" for name, value in self._cookies.items())
            sent["Cookie"] = "; ".join(pairs)
        self._connection.request(method, path, body, sent)
        self.ports.add(self._connection.sock.getsockname()[1])
        response = self._connection.getresponse()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = morsel.value
        return response.status, response.headers, response.read()

    def log_in(self, secret: str) -> Answer:
        """Fill in the log-in form as administrator."""
        _, _, page = self.ask("GET", LOG_IN)
        field = re.search(rb'<input[^>]*name="csrf"[^>]*>', page)
        value = re.search(rb'value="([^"]*)"', field[0]) if field else None
        form = {
            "cloud_id": CLOUD_ID,
            "cloud_user_id": secret,
            "admin": "on",
            "csrf": value[1].decode("ascii") if value else "",
        }
        content_type = "application/x-www-form-urlencoded"
        headers = {"Content-Type": content_type, "Origin": self.origin}
        return self.ask("POST", LOG_IN, urlencode(form).encode("ascii"), headers)


class DeviceEndTests(SynchronousTestCase):
    """Each with a server, a device end and a web server of its own."""

    def setUp(self) -> None:
        program()
        self.directory = Path(tempfile.mkdtemp(prefix="cfos-device-end-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.port = self.start_server()
        self.cloud_password = self.add_system()
        self.target = self.start_target()

    def secret(self, name: str, text: str) -> str:
        path = self.directory / name
        path.touch(0o600)
        path.write_text(f"{text}\n", encoding="utf-8")
        return str(path)

    def start(self, name: str, arguments: list[str]) -> Process:
        process = Process(arguments, self.directory / f"{name}.log")
        self.addCleanup(process.stop)
        return process

    def start_server(self) -> int:
        port = free_port()
        arguments = twistd_command(
            *("-n", "--pidfile=", "cfos-cloud"),
            *("--port", f"tcp:{port}:interface=127.0.0.1"),
            *("--data-dir", str(self.directory / "server")),
            *("--admin-password-file", self.secret("operator", OPERATOR)),
        )

        def listens() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            except ConnectionRefusedError:
                return False
            return True

        wait_until("server", listens, self.start("server", arguments))
        return port

    def add_system(self) -> str:
        """The Cloud password."""
        tool = "import sys; from cfos_cloud.cli import main; sys.exit(main())"
        output = subprocess.check_output(
            [
                *(sys.executable, "-c", tool, "system", "add", CLOUD_ID),
                *("--json", "--insecure", "--server", self.origin()),
                *("--admin-password-file", str(self.directory / "operator")),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.directory)},
            timeout=PATIENCE,
        )
        return str(json.loads(output)["password"])

    def start_target(self) -> str:
        """Its address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def start_device_end(self, password: str | None = None) -> Process:
        cloud_password = self.cloud_password if password is None else password
        return self.start(
            "device-end",
            [
                *(str(program()), "--server", self.origin(), "--cloud-id", CLOUD_ID),
                *("--password-file", self.secret("cloud", cloud_password)),
                *("--target", self.target, "--admin-password", ADMIN),
            ],
        )

    def connect(self) -> Process:
        """A device end whose tunnel is up."""
        process = self.start_device_end()
        wait_until("tunnel", lambda: "the tunnel is up" in process.log(), process)
        return process

    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def browser(self) -> Browser:
        browser = Browser(self.port)
        self.addCleanup(browser.close)
        return browser

    def logged_in(self) -> Browser:
        browser = self.browser()
        status, headers, _ = browser.log_in(ADMIN)
        self.assertEqual((status, headers["Location"]), (303, "/"))
        return browser

    def test_a_request_arrives_with_the_headers_of_the_protocol(self) -> None:
        self.connect()
        browser = self.logged_in()
        sent = {"Referer": f"{browser.origin}/a", "Cfos-Role": "forged"}
        status, _, body = browser.ask("GET", "/a%20b?c=%7e", headers=sent)
        self.assertEqual(status, 200)
        arrived = json.loads(body)
        self.assertEqual(arrived["path"], "/a%20b?c=%7e")
        headers = arrived["headers"]
        self.assertEqual(headers["Host"], self.target.removeprefix("http://"))
        self.assertEqual(headers["Referer"], f"{self.target}/a")
        self.assertEqual(headers["Cfos-Role"], "admin")
        self.assertEqual(headers["Cfos-User"], "admin")
        self.assertEqual(headers["Cfos-Cloud"], f"{browser.origin}{LOG_IN}")
        self.assertEqual(headers["X-Forwarded-For"], "127.0.0.1")
        self.assertNotIn("Cookie", headers)

    def test_a_response_leads_to_the_public_origin(self) -> None:
        self.connect()
        browser = self.logged_in()
        status, headers, _ = browser.ask("GET", "/redirect")
        self.assertEqual(status, 302)
        self.assertEqual(headers["Location"], f"{browser.origin}/there?a=b")
        self.assertEqual(headers["Set-Cookie"], "session=1; Path=/")

    def test_long_bodies_pass_unchanged_both_ways(self) -> None:
        self.connect()
        browser = self.logged_in()
        upload = DOWNLOAD[-MIB:] + b"!"
        status, _, answer = browser.ask("POST", "/upload", upload)
        digest = hashlib.sha256(upload).hexdigest().encode("ascii")
        self.assertEqual((status, answer), (200, digest))
        status, _, download = browser.ask("GET", "/download")
        self.assertEqual(status, 200)
        self.assertTrue(download == DOWNLOAD, f"{len(download)} bytes")

    def test_fifty_requests_share_a_connection(self) -> None:
        self.connect()
        browser = self.logged_in()
        for number in range(50):
            status, _, body = browser.ask("GET", f"/{number}")
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body)["path"], f"/{number}")
        self.assertEqual(len(browser.ports), 1)

    def test_a_response_without_a_length_is_complete(self) -> None:
        self.connect()
        status, _, body = self.logged_in().ask("GET", "/no-length")
        self.assertEqual((status, body), (200, b"as long as it takes"))

    def test_a_response_that_breaks_off_does_not_look_complete(self) -> None:
        self.connect()
        browser = self.logged_in()
        failure = self.assertRaises(
            http.client.IncompleteRead, browser.ask, "GET", "/breaks-off"
        )
        self.assertEqual(failure.partial, b"a part")

    def test_a_target_that_does_not_listen_is_a_502(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.target = f"http://127.0.0.1:{port}"
        self.connect()
        status, _, page = self.logged_in().ask("GET", "/")
        self.assertEqual(status, 502)
        self.assertIn(b">The device does not answer</h1>", page)

    def test_a_grant_ends_with_the_device_end_that_gave_it(self) -> None:
        first = self.connect()
        browser = self.logged_in()
        self.assertEqual(browser.ask("GET", "/")[0], 200)
        first.stop()
        self.connect()
        status, headers, _ = browser.ask("GET", "/", headers={"Accept": "text/html"})
        self.assertEqual((status, headers["Location"]), (303, LOG_IN))
        self.assertEqual(browser.log_in(ADMIN)[0], 303)
        self.assertEqual(browser.ask("GET", "/")[0], 200)

    def test_a_wrong_admin_password_opens_nothing(self) -> None:
        self.connect()
        browser = self.browser()
        status, headers, _ = browser.log_in(f"{ADMIN}!")
        self.assertEqual(status, 401)
        self.assertNotIn("__Host-cfos=", str(headers.get_all("Set-Cookie", [])))
        status, headers, _ = browser.ask("GET", "/", headers={"Accept": "text/html"})
        self.assertEqual((status, headers["Location"]), (303, LOG_IN))

    def test_a_wrong_cloud_password_brings_no_tunnel(self) -> None:
        process = self.start_device_end("not the Cloud password")
        self.assertEqual(process.wait(), 1)
        self.assertIn("authentication-failed", process.log())
        self.assertNotIn("the tunnel is up", process.log())
