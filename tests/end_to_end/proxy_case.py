"""What must work through any proxy in front of the server."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

from cryptography.hazmat.primitives.serialization import Encoding

from tests.device.certificates import make_certificate
from tests.end_to_end import websocket
from tests.end_to_end.blocks import blocks
from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import ADMIN_SECRET, DeviceEnd, Server
from tests.end_to_end.proxies import Proxy
from tests.end_to_end.target import Target

SIZE = 8 * 1024 * 1024
#: Whom the browsers here come from.
PERSON = "127.0.0.77"
CA = make_certificate("ca.example", ca=True)


class Front:
    """A server behind a proxy, and a site whose device end comes through it, too."""

    def __init__(
        self,
        make_proxy: Callable[[Path, int], Proxy],
        server: Sequence[str],
        site: Sequence[str],
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-proxies-"))
        self._closing: list[Callable[[], None]] = []
        try:
            self._start(make_proxy, server, site)
        except BaseException:
            self.close()
            raise

    def _start(
        self,
        make_proxy: Callable[[Path, int], Proxy],
        server: Sequence[str],
        site: Sequence[str],
    ) -> None:
        self.server = Server(self.directory, *server)
        self._closing.append(self.server.close)
        self.proxy = make_proxy(self.directory, self.server.port)
        self._closing.append(self.proxy.close)
        self.options = [f"--server={self.proxy.url}", *site]
        target = Target()
        self._closing.append(target.close)
        self.site = Site(self.make_device("Site-1", target.url), target)

    def make_device(self, cloud_id: str, target: str, *options: str) -> DeviceEnd:
        password = self.server.add_system(cloud_id)
        device = DeviceEnd(
            self.server,
            cloud_id,
            password,
            target,
            self.directory,
            *(*self.options, *options),
        )
        self._closing.append(device.close)
        return device

    def client(self) -> Client:
        """Somebody who has not logged in."""
        return Client(self.proxy.port, source=PERSON)

    def log_in(self, cloud_id: str) -> Client:
        client = self.client()
        answer = client.log_in(cloud_id, ADMIN_SECRET, as_admin=True)
        assert answer.status == 303, answer
        return client

    def close(self) -> None:
        for close in reversed(self._closing):
            close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Fronts:
    """One at a time: that of the class whose tests are run."""

    def __init__(self) -> None:
        self._kind: type[ProxyCase] | None = None
        self._front: Front | None = None
        self._missing = ""
        atexit.register(self.close)

    def of(self, kind: type[ProxyCase]) -> Front:
        """
        :raises SkipTest: its proxy is not installed.
        """
        if kind is not self._kind:
            self.close()
            self._kind, self._missing = kind, ""
        if self._missing:
            # Who was first has found it out.
            raise SkipTest(self._missing)
        if self._front is None:
            options = kind.server_options, kind.device_options
            try:
                self._front = Front(kind.make_proxy, *options)
            except SkipTest as why:
                self._missing = str(why)
                raise
        return self._front

    def close(self) -> None:
        """End what runs."""
        front, self._front = self._front, None
        if front is not None:
            front.close()


_fronts = Fronts()


class ProxyCase(EndToEndTestCase):
    """To be given its proxy; all tests of a class share it, and what is behind it."""

    server_options: ClassVar[Sequence[str]]
    device_options: ClassVar[Sequence[str]] = ()

    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        """The proxy in front of the port ``server``."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.behind = _fronts.of(type(self))
        self._watched += [self.behind.server, self.behind.site.device]
        self._targets.append(self.behind.site.target)
        self.person = self.behind.log_in("Site-1")

    def echo(self, client: Client) -> list[str]:
        """The lines of a request as the device has seen it."""
        answer = client.get("/page")
        self.assertEqual(answer.status, 200)
        return answer.body.decode().split("\r\n")

    def test_the_device_sees_whose_request_it_is(self) -> None:
        lines = self.echo(self.person)
        self.assertIn(f"X-Forwarded-For: {PERSON}", lines)
        self.assertIn("X-Forwarded-Proto: https", lines)
        self.assertIn(f"X-Forwarded-Host: {self.person.authority}", lines)

    def test_nobody_can_come_from_elsewhere_by_saying_so(self) -> None:
        answer = self.person.get("/page", ("X-Forwarded-For", "192.0.2.66"))
        self.assertIn(f"X-Forwarded-For: {PERSON}\r\n".encode(), answer.body)
        self.assertNotIn(b"192.0.2.66", answer.body)

    def test_the_session_is_that_of_a_site_with_tls(self) -> None:
        self.assertIn("__Host-cfos", self.person.cookies)
        self.assertNotIn("cfos", self.person.cookies)

    def test_the_log_names_who_failed_to_log_in(self) -> None:
        client = self.behind.client()
        answer = client.log_in("Site-1", "wrong", as_admin=True)
        self.assertEqual(answer.status, 401)
        self.behind.server.process.wait_for_log(f"log-in from {PERSON} to Site-1")

    def test_a_websocket_reaches_the_device(self) -> None:
        fields = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", websocket.new_key()),
            ("Origin", self.person.origin),
        ]
        wire = self.begin("/websocket", fields, client=self.person)
        self.assertEqual(wire.read_head()[0], 101)
        reader = websocket.Reader(lambda: wire.read_some() or self.fail("ended"))
        for size in (0, 5, 70_000):
            payload = os.urandom(size)
            wire.send(websocket.frame(websocket.BINARY, payload, masked=True))
            self.assertEqual(reader.read_frame(), (websocket.BINARY, payload))

    def test_uploads_and_downloads_arrive_whole(self) -> None:
        digest = hashlib.sha256(b"".join(blocks(SIZE)))
        for fields in ([("Content-Length", str(SIZE))], []):
            answer = self.person.request("POST", "/hash", blocks(SIZE), fields)
            self.assertEqual(answer.status, 200)
            self.assertIn(digest.hexdigest().encode(), answer.body)
        for path in ("/sized", "/chunked"):
            answer = self.person.get(f"{path}?n={SIZE}")
            self.assertEqual(hashlib.sha256(answer.body).digest(), digest.digest())

    def test_events_arrive_while_the_answer_goes_on(self) -> None:
        self.open_stream(self.person)

    def test_the_tunnel_may_be_a_websocket(self) -> None:
        device = self.behind.make_device(
            "Site-2", self.behind.site.target.url, "--transport=websocket"
        )
        self._watched.append(device)
        try:
            client = self.behind.log_in("Site-2")
            self.assertIn("Cfos-Role: admin", self.echo(client))
            answer = client.get(f"/sized?n={SIZE}")
            digest = hashlib.sha256(b"".join(blocks(SIZE))).digest()
            self.assertEqual(hashlib.sha256(answer.body).digest(), digest)
            answer = client.request("POST", "/hash", blocks(SIZE))
            self.assertIn(digest.hex().encode(), answer.body)
            device.process.stop()
            self.behind.server.process.wait_for_log("tunnel ended Site-2: its device")
        finally:
            device.close()
            self.behind.server.ask("DELETE", "/systems/Site-2")

    def test_the_operator_s_list_has_the_device_end_s_own_address(self) -> None:
        system = self.behind.server.ask("GET", "/systems/Site-1")
        self.assertEqual(system["client"], "127.0.0.1")


class EndingProxyCase(ProxyCase):
    """The proxy ends TLS, with a certificate that device ends take by its CA."""

    server_options = ("--allow-http", "--trusted-proxy=127.0.0.1")
    device_options: ClassVar[Sequence[str]] = ("--verify=ca",)

    def setUp(self) -> None:
        authority = Path(self.mktemp()).absolute()
        authority.write_bytes(CA.certificate.public_bytes(Encoding.PEM))
        # OpenSSL's own variable: the CAs of this machine, for the device ends.
        self.patch(os, "environ", {**os.environ, "SSL_CERT_FILE": str(authority)})
        super().setUp()
