"""The tool against a real server with TLS, on loopback."""

from __future__ import annotations

import contextlib
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs
from OpenSSL import crypto
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.self_signed import make_self_signed, new_key
from cfos_cloud.operator_tool import commands
from tests.operator_tool.test_commands import parse
from tests.registry.support import temporary_directory

ANY = ("localhost", "127.0.0.1", "::1")


class API(Resource):
    """Answers a list, and counts the passwords that it was sent."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.passwords = 0

    def render(self, request: Request) -> bytes:
        self.passwords += request.getPassword() == b"secret"
        return b'{"items": [], "next": null}'


class PlainOnly(Protocol):
    """Answers TLS as a web server does that speaks none."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.transport.loseConnection()


class TrustTests(TestCase):
    def setUp(self) -> None:
        self.home = temporary_directory(self)
        self.pins = self.home / "cfos-cloud" / "server-keys.json"
        self.password = self.home / "password"
        self.password.write_text("secret\n")
        self.patch(platformdirs, "user_state_path", lambda name: self.home / name)
        self.api = API()
        self.certificate = self.certify()
        self.port = 0

    def certify(self, *names: str, now: datetime | None = None) -> Certificate:
        moment = now or datetime.now(UTC)
        return make_self_signed(new_key(), names or ANY, moment)

    async def serve(self) -> None:
        options = CertificateOptions(
            privateKey=crypto.PKey.from_cryptography_key(self.certificate.key),
            certificate=crypto.X509.from_cryptography(self.certificate.leaf),
        )
        self.listen(TLSMemoryBIOFactory(options, False, Site(self.api)))

    def listen(self, factory: Any) -> None:
        self.listening: Any = IReactorTCP(reactor).listenTCP(
            self.port, factory, interface="127.0.0.1"
        )
        self.addCleanup(self.listening.stopListening)
        address: Any = self.listening.getHost()
        self.port = address.port

    async def serve_instead(self, certificate: Certificate) -> None:
        await self.listening.stopListening()
        self.certificate = certificate
        await self.serve()

    async def list(
        self, *more: str, host: str = "localhost", scheme: str = "https"
    ) -> tuple[int, str]:
        arguments = parse(
            "list",
            "--json",
            "--server",
            f"{scheme}://{host}:{self.port}",
            "--admin-password-file",
            str(self.password),
            *more,
        )
        said = io.StringIO()
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            status = await commands.run(reactor, arguments)
        self.assertLessEqual(len(said.getvalue().splitlines()), 2)
        return status, said.getvalue()

    async def test_the_first_key_is_remembered_and_said(self) -> None:
        await self.serve()
        status, said = await self.list()
        self.assertEqual(status, 0)
        self.assertIn(f"localhost:{self.port} has the key SHA256:", said)
        self.assertIn(f"localhost:{self.port}", self.pins.read_text())
        self.assertEqual(await self.list(), (0, ""))
        self.assertEqual(self.api.passwords, 2)

    async def test_another_key_gets_no_password_until_it_is_accepted(self) -> None:
        await self.serve()
        await self.list()
        await self.serve_instead(self.certify())
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertIn("has another key than before (SHA256:", said)
        self.assertIn("--accept-new-key", said)
        self.assertEqual(len(said.splitlines()), 1)
        self.assertEqual(self.api.passwords, 1)

        self.assertEqual((await self.list("--accept-new-key"))[0], 0)
        self.assertEqual(await self.list(), (0, ""))

    async def test_another_certificate_of_the_same_key_passes(self) -> None:
        await self.serve()
        await self.list()
        old = datetime(2001, 1, 1, tzinfo=UTC)
        expired = make_self_signed(self.certificate.key, ["other.example"], old)
        await self.serve_instead(expired)
        self.assertEqual(await self.list(), (0, ""))

    async def test_keys_belong_to_host_and_port(self) -> None:
        await self.serve()
        await self.list()
        status, said = await self.list(host="127.0.0.1")
        self.assertEqual(status, 0)
        self.assertIn(f"127.0.0.1:{self.port} has the key", said)

    async def test_what_a_ca_vouches_for_needs_no_key(self) -> None:
        await self.serve()
        root = self.ca_file(self.certificate)
        self.assertEqual(await self.list("--cafile", str(root)), (0, ""))
        self.assertFalse(self.pins.exists())

    async def test_with_a_ca_file_nothing_else_passes(self) -> None:
        await self.serve()
        root = self.ca_file(self.certify())
        status, said = await self.list("--cafile", str(root))
        self.assertEqual(status, 1)
        self.assertIn("its TLS or its certificate is refused", said)
        await self.serve_instead(self.certify("other.example"))
        status, said = await self.list("--cafile", str(self.ca_file(self.certificate)))
        self.assertEqual(status, 1)
        self.assertEqual(self.api.passwords, 0)

    async def test_insecure_asks_for_nothing(self) -> None:
        await self.serve()
        self.assertEqual(await self.list("--insecure"), (0, ""))
        self.assertFalse(self.pins.exists())

    async def test_a_damaged_file_of_keys_is_one_line(self) -> None:
        await self.serve()
        self.pins.parent.mkdir()
        self.pins.write_text("damaged")
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertIn("is damaged", said)
        self.assertEqual(self.api.passwords, 0)

    async def test_where_keys_can_t_be_kept_the_tool_works_all_the_same(self) -> None:
        await self.serve()
        (self.home / "cfos-cloud").write_text("no directory")
        self.pins = self.home / "cfos-cloud"
        status, said = await self.list()
        self.assertEqual((status, self.api.passwords), (1, 0))
        self.assertIn("Not a directory", said)

    async def test_nobody_there_is_one_line(self) -> None:
        await self.serve()
        await self.listening.stopListening()
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertEqual(
            said,
            "cfos-cloud system: can't reach "
            f"https://localhost:{self.port}: nobody listens there\n",
        )

    async def test_a_server_without_tls_is_one_line(self) -> None:
        self.listen(Factory.forProtocol(PlainOnly))
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertEqual(len(said.splitlines()), 1)

    async def test_plain_http_goes_to_this_machine(self) -> None:
        self.listen(Site(self.api))
        self.assertEqual(await self.list(scheme="http"), (0, ""))
        self.assertEqual(self.api.passwords, 1)

    async def test_the_password_goes_nowhere_in_the_clear(self) -> None:
        self.port = 1
        status, said = await self.list(host="192.0.2.1", scheme="http")
        self.assertEqual(status, 2)
        self.assertIn("in the clear", said)

    async def test_bad_input_is_one_line_and_2(self) -> None:
        for words in (
            ["show", "a--b"],
            ["list", "--server", "nonsense"],
            ["list", "--cafile", str(self.home / "none")],
            ["list", "--cafile", str(self.password)],
            ["add", "Garage", "--password-file", str(self.home / "none")],
            ["remove", "Garage"],
            ["list"],
        ):
            self.patch(sys, "stdin", io.StringIO())
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(await commands.run(reactor, parse(*words)), 2, words)
            self.assertEqual(len(said.getvalue().splitlines()), 1)

    def ca_file(self, certificate: Certificate) -> Path:
        file = self.home / "ca.pem"
        file.write_bytes(certificate.certificate_pem)
        return file
