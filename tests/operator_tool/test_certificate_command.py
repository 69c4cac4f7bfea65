"""``cfos-cloud cert``."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import SkipTest

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred

from cfos_cloud.device.pins import pin_of
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.operator_tool.api import OperatorAPI
from cfos_cloud.operator_tool.certificate_command import remember_served
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.pem_files import MAX_BYTES
from cfos_cloud.operator_tool.server_address import ServerAddress
from tests.listener.authority import NOW, Authority, pem
from tests.listener.several import certificate_for
from tests.operator_tool.support import SERVER, CommandCase, Terminal, parse
from tests.registry.support import temporary_directory

ADDRESS = ServerAddress.parse("https://192.0.2.1:4443")


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
        self.assertIn("364 days left", lines[2])
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
        self.assertEqual(self.store.load()[0].leaf, self.leaf)
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


class SeveralTests(CertificateCommandCase):
    def import_for(self, *names: str, days: int = 80) -> Certificate:
        made = certificate_for(*names, end=NOW + timedelta(days=days))
        self.certificate.write_bytes(made.certificate_pem)
        self.key.write_bytes(made.key_pem)
        self.output(*self.words())
        return made

    def test_they_are_listed_for_people_with_what_to_know(self) -> None:
        self.import_for("a.example", days=5)
        last = self.import_for("*.example")
        lines = self.output("certificates", "list", terminal=True).splitlines()
        self.assertEqual(
            lines[0].split(), ["SHA-256", "NAMES", "VALID", "UNTIL", "DEFAULT", "BY"]
        )
        self.assertTrue(lines[1].startswith(f"{last.fingerprint[:11]}  *.example "))
        self.assertIn("yes", lines[1])
        self.assertIn(", 5 days left", lines[2])
        self.assertRegex(lines[3], r"\A! a\.example: the certificate expires in 5 days")
        self.assertEqual(len(lines), 4)
        self.assertLess(max(map(len, lines[:3])), 81)

    def test_and_for_programs_in_whole(self) -> None:
        made = self.import_for("a.example", "b.example", days=5)
        titles, cells = (
            line.split("\t")
            for line in self.output("certificates", "list").splitlines()
        )
        row = dict(zip(titles, cells, strict=True))
        self.assertEqual(row["FINGERPRINT"], made.fingerprint)
        self.assertEqual(row["NAMES"], "a.example, b.example")
        self.assertEqual((row["DEFAULT"], row["WARNINGS"]), ("yes", "expires-soon"))
        self.assertEqual(
            self.document("certificates", "list"),
            self.ask("GET", "/certificates").json,
        )

    def test_one_is_removed_by_name_or_fingerprint(self) -> None:
        a = self.import_for("a.example")
        self.import_for("B.example")
        c, d = self.import_for("c.example"), self.import_for("d.example")
        said = self.output("certificates", "remove", "b.EXAMPLE", "--yes")
        self.assertEqual(said, "The certificate for B.example is removed.\n")
        self.assertEqual(self.tls.certificates, (d, c, a))
        digits = c.fingerprint.replace(":", "").lower()[:8]
        document = self.document("certificates", "remove", digits, "--yes")
        self.assertEqual(document, {"removed": c.fingerprint})
        self.output("certificates", "remove", a.fingerprint, "--yes")
        self.assertEqual(self.tls.certificates, (d,))

    def test_the_server_is_known_by_what_it_shows_here_then(self) -> None:
        ours = self.import_for("cloud.example")
        self.import_for("a.example")
        self.assertEqual(self.remembered, [pin_of(ours.leaf)] * 2)
        a = self.tls.certificate
        self.output("certificates", "remove", "cloud.example", "--yes")
        self.assertEqual(self.remembered[-1], pin_of(a.leaf))

    def test_who_asks_for_no_name_knows_the_default(self) -> None:
        self.import_for("192.0.2.1")
        default = self.import_for("a.example")
        self.remembered.clear()
        client = OperatorClient(OperatorAPI(self.treq, ADDRESS, self.credentials("")))
        session = replace(self.session(Output(False)), client=client)
        self.patch(
            client, "certificates", self.session(Output(False)).client.certificates
        )
        self.successResultOf(Deferred.fromCoroutine(remember_served(session)))
        self.assertEqual(self.remembered, [pin_of(default.leaf)])

    def test_what_is_not_there_or_not_clear_is_one_line(self) -> None:
        own = self.tls.certificate
        for wanted, words in (
            ("elsewhere", "no certificate has this name or fingerprint: elsewhere"),
            ("AB", "no certificate has"),
            ("localhost", "the server made this certificate itself"),
        ):
            line = self.refusal("certificates", "remove", wanted, "--yes")
            self.assertIn(words, line)
        self.assertEqual(self.tls.certificates, (own,))
        self.import_for("a.example", "b.example")
        self.import_for("a.example", "c.example")
        line = self.refusal("certificates", "remove", "a.example", "--yes")
        self.assertIn("several certificates are for it", line)

    def test_it_is_asked_before(self) -> None:
        made = self.import_for("a.example")
        self.patch(sys, "stdin", Terminal("no\n"))
        self.patch(sys, "stderr", Terminal())
        line = self.refusal("certificates", "remove", "a.example")
        self.assertIn("is not removed", line)
        self.assertEqual(self.tls.certificates, (made,))

    def test_a_script_is_not_asked(self) -> None:
        self.import_for("a.example")
        self.import_for("b.example")
        self.patch(sys, "stdin", io.StringIO("no\n"))
        self.output("certificates", "remove", "b.example")
        self.assertEqual(len(self.tls.certificates), 1)


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
