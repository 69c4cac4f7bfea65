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

from cfos_cloud.device.pins import pin_of
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.self_signed import make_self_signed, new_key
from cfos_cloud.operator_tool import commands
from cfos_cloud.operator_tool.connection import Connection
from cfos_cloud.operator_tool.server_address import ServerAddress
from tests.operator_tool.support import Terminal, parse
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
            "system",
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
        self.assertLessEqual(len(said.getvalue().splitlines()), 3)
        return status, said.getvalue()

    async def test_the_first_key_is_remembered_and_said(self) -> None:
        await self.serve()
        status, said = await self.list()
        self.assertEqual(status, 0)
        self.assertIn(f"localhost:{self.port} is known by its key from now on", said)
        self.assertIn(f"(certificate SHA-256 {self.certificate.fingerprint})", said)
        self.assertIn(f"localhost:{self.port}", self.pins.read_text())
        self.assertEqual(await self.list(), (0, ""))
        self.assertEqual(self.api.passwords, 2)

    async def test_another_key_gets_no_password_until_it_is_accepted(self) -> None:
        await self.serve()
        await self.list()
        await self.serve_instead(self.certify())
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertIn("has another key than before", said)
        self.assertIn(self.certificate.fingerprint, said)
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
        self.assertIn(f"127.0.0.1:{self.port} is known by its key", said)

    def at_terminal(self, typed: str) -> None:
        """Somebody sits there, and the server is not on this very machine."""
        self.patch(sys, "stdin", Terminal(typed))
        self.patch(ServerAddress, "is_loopback", False)

    async def test_somebody_at_a_terminal_is_asked_about_a_first_key(self) -> None:
        await self.serve()
        for typed in ("", "no\n", "y\n"):
            self.at_terminal(typed)
            status, said = await self.list()
            self.assertEqual(status, 1)
            self.assertIn(f"no CA vouches for localhost:{self.port}", said)
            self.assertIn(self.certificate.fingerprint, said)
            self.assertIn("Is it the right one? (yes/no)", said)
            self.assertIn("is not trusted", said)
            self.assertFalse(self.pins.exists())
        self.assertEqual(self.api.passwords, 0)
        self.at_terminal("yes\n")
        self.assertEqual((await self.list())[0], 0)
        self.assertEqual(self.api.passwords, 1)
        # Not again: nobody has to answer.
        self.at_terminal("")
        self.assertEqual(await self.list(), (0, ""))

    async def test_a_changed_key_is_not_asked_about(self) -> None:
        await self.serve()
        await self.list()
        await self.serve_instead(self.certify())
        self.at_terminal("yes\n")
        status, said = await self.list()
        self.assertEqual(status, 1)
        self.assertIn("--accept-new-key", said)
        self.assertNotIn("(yes/no)", said)
        self.assertEqual(self.api.passwords, 1)

    async def test_on_this_machine_nobody_is_asked(self) -> None:
        await self.serve()
        self.patch(sys, "stdin", Terminal(""))
        self.assertEqual((await self.list())[0], 0)

    async def test_what_a_command_says_to_remember_is_known(self) -> None:
        await self.serve()
        await self.list()
        next_one = self.certify()
        pin = pin_of(next_one.leaf)
        server = ServerAddress.parse(f"https://localhost:{self.port}")
        arguments = parse("system", "list")
        Connection(reactor, server, arguments, None).remember_key(pin)
        await self.serve_instead(next_one)
        self.assertEqual(await self.list(), (0, ""))

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
            "cfos-cloud system list: can't reach "
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
            ["system", "show", "a--b"],
            ["system", "list", "--server", "nonsense"],
            ["system", "list", "--cafile", str(self.home / "none")],
            ["system", "list", "--cafile", str(self.password)],
            ["system", "add", "Garage", "--password-file", str(self.home / "none")],
            ["system", "remove", "Garage"],
            ["system", "list"],
            ["status"],
            ["events", "--limit", "0"],
            ["cert", "nonsense"],
            ["cert", "https://localhost", str(self.password)],
            ["cert", "https://localhost", str(self.password), str(self.password)],
            ["password", "--new-password-file", str(self.home / "none")],
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
