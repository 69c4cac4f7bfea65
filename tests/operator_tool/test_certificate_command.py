"""``cfos-cloud cert``."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from unittest import SkipTest

from cryptography.hazmat.primitives.serialization import Encoding

from cfos_cloud.device.pins import pin_of
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.pem_files import MAX_BYTES
from tests.listener.authority import NOW, Authority, pem
from tests.operator_tool.support import SERVER, CommandCase, parse
from tests.registry.support import temporary_directory


class CertificateCommandCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = temporary_directory(self)
        self.certificate = self.directory / "cert.pem"
        self.key = self.directory / "key.pem"
        self.write_pair()

    def write_pair(self, days: int = 80) -> None:
        key = new_key()
        self.leaf = Authority().issue(key, end=NOW + timedelta(days=days))
        self.certificate.write_bytes(pem(self.leaf))
        self.key.write_bytes(pem(key))

    def words(self, *more: str) -> tuple[str, ...]:
        return ("cert", str(SERVER), str(self.certificate), str(self.key), *more)


class ShowTests(CertificateCommandCase):
    def test_the_present_one_is_shown(self) -> None:
        lines = self.output("cert").splitlines()
        self.assertEqual(lines[0], "Certificate:  localhost")
        self.assertIn("self-signed by the server, EC P-256", lines[1])
        self.assertIn("396 days left", lines[2])
        self.assertIn(self.tls.certificate.fingerprint, lines[3])
        self.assertEqual(self.output("cert", str(SERVER)).splitlines(), lines)

    def test_json_is_what_the_api_says(self) -> None:
        self.assertEqual(self.document("cert"), self.ask("GET", "/certificate").json)

    def test_one_argument_is_the_server(self) -> None:
        arguments = parse("cert", "https://elsewhere.example")
        arguments.prepare(arguments)
        self.assertEqual(arguments.server, "https://elsewhere.example")


class ImportTests(CertificateCommandCase):
    def test_a_pair_is_in_use_and_what_to_know_of_it_is_said(self) -> None:
        lines = self.output(*self.words()).splitlines()
        self.assertEqual(
            lines[:2],
            ["The certificate is in use.", "Certificate:  cloud.example.org"],
        )
        self.assertIn("CN=Test CA, EC P-256", lines[2])
        self.assertEqual(self.tls.certificate.leaf, self.leaf)
        self.assertEqual(self.store.load().leaf, self.leaf)
        self.write_pair(days=3)
        lines = self.output(*self.words()).splitlines()
        self.assertIn("! the certificate expires in 3 days", lines[-1])

    def test_json_is_what_the_api_says(self) -> None:
        document = self.document(*self.words())
        self.assertEqual(document["names"], ["cloud.example.org"])
        self.assertEqual(document, self.document("cert"))

    def test_the_server_is_known_by_its_new_key_from_then_on(self) -> None:
        self.output(*self.words())
        self.assertEqual(self.remembered, [pin_of(self.leaf)])

    def test_a_pair_that_is_refused_is_not_remembered(self) -> None:
        self.write_pair(days=-1)
        self.refusal(*self.words())
        self.assertEqual(self.remembered, [])

    def test_a_fault_names_its_file(self) -> None:
        own = self.tls.certificate
        self.write_pair(days=-1)
        self.assertRegex(
            self.refusal(*self.words()), rf"\A{self.certificate}: .* expired on "
        )
        self.write_pair()
        self.key.write_bytes(pem(new_key()))
        self.assertEqual(
            self.refusal(*self.words()),
            f"{self.key}: the private key belongs to another certificate",
        )
        self.assertEqual(self.tls.certificate, own)

    def test_swapped_files_are_seen(self) -> None:
        line = self.refusal("cert", str(SERVER), str(self.key), str(self.certificate))
        self.assertIn("are the two swapped?", line)


class FileTests(CertificateCommandCase):
    def bad(self, *words: str) -> str:
        arguments = parse(*words)
        error = self.assertRaises(BadUsage, arguments.prepare, arguments)
        self.assertEqual(len(str(error).splitlines()), 1)
        return str(error)

    def test_a_certificate_alone_is_bad_usage(self) -> None:
        line = self.bad("cert", str(SERVER), str(self.certificate))
        self.assertIn("needs its private key", line)

    def test_a_key_goes_over_https_only(self) -> None:
        words = list(self.words())
        words[1] = "http://localhost:4443"
        self.assertIn("https only", self.bad(*words))

    def test_what_is_no_pem_never_leaves(self) -> None:
        large = self.key.read_bytes() + b"x" * MAX_BYTES
        der = self.leaf.public_bytes(Encoding.DER)
        for data, words in (
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"rubbish", "is not PEM"),
            (b"\x00\xff", "is not PEM"),
            (large, "is larger than 64 KiB"),
            (der, "is DER, and PEM is needed: openssl pkey -inform der -in "),
        ):
            self.key.write_bytes(data)
            self.assertIn(f"{self.key} {words}", self.bad(*self.words()))
        self.certificate.write_bytes(der)
        self.assertIn("openssl x509 -inform der", self.bad(*self.words()))

    def test_what_is_not_there_is_said(self) -> None:
        self.key.unlink()
        self.assertEqual(
            self.bad(*self.words()),
            f"can't read {self.key}: No such file or directory",
        )
        self.key.mkdir()
        self.assertIn("Is a directory", self.bad(*self.words()))

    def test_what_may_not_be_read_asks_for_sudo(self) -> None:
        self.patch(Path, "open", self.refuse)
        line = self.bad(*self.words())
        self.assertIn(f"you may not read {self.certificate}", line)
        self.assertIn("run this command with sudo", line)
        self.assertIn("the server needs no such right", line)

    @staticmethod
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    def test_so_it_is_with_a_file_of_somebody_else(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody who may not read it")
        self.directory.chmod(0o755)
        self.key.chmod(0o600)
        self.addCleanup(os.seteuid, 0)
        os.seteuid(65534)
        self.assertIn(f"you may not read {self.key}", self.bad(*self.words()))
