"""Where the door's certificate comes from, and how it is replaced."""

from __future__ import annotations

import http.client
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.door import DoorError
from cfos_cloud.listener.fingerprints import Fingerprints
from cfos_cloud.site_door.certificates import CertificateFiles, OwnCertificate
from tests.device.certificates import Made, make_certificate
from tests.site_door.case import DoorCase
from tests.site_door.server import HOST

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GUESS = "w00-008j.localhost"


def write_pair(directory: Path, made: Made) -> tuple[Path, Path]:
    """As certbot does it: one file, then the other."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    pem = made.certificate.public_bytes(Encoding.PEM)
    for path, data in (
        (certificate, pem),
        (
            key,
            made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ),
    ):
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.replace(path)
    return certificate, key


class OwnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.now = NOW

    def source(self, *further: str) -> OwnCertificate:
        return OwnCertificate(self.directory, GUESS, lambda: self.now, further)

    def test_it_is_made_at_the_first_start_and_stays(self) -> None:
        first = self.source().load()
        self.assertEqual(first.names, (GUESS,))
        self.assertEqual(self.source().load(), first)
        for path in (self.directory / "tls").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_the_server_s_word_on_the_name_is_kept_and_the_key_stays(self) -> None:
        source = self.source()
        first = source.load()
        source.opened_as(HOST)
        second = source.poll()
        assert second is not None
        self.assertEqual(second.names, (HOST,))
        self.assertEqual(
            Fingerprints.of(second.leaf).key, Fingerprints.of(first.leaf).key
        )
        self.assertEqual(self.source().load(), second)

    def test_it_is_for_all_devices_and_keeps_its_key_when_they_change(self) -> None:
        source = self.source()
        first = source.load()
        source.opened_as(HOST)
        source.load()
        second = self.source("meter", "pv").load()
        self.assertEqual(second.names, (HOST, f"meter--{HOST}", f"pv--{HOST}"))
        self.assertEqual(self.source("meter", "pv").load(), second)
        third = self.source("pv").load()
        self.assertEqual(third.names, (HOST, f"pv--{HOST}"))
        keys = {Fingerprints.of(each.leaf).key for each in (first, second, third)}
        self.assertEqual(len(keys), 1)

    def test_it_is_renewed_with_its_key_before_it_ends(self) -> None:
        source = self.source()
        first = source.load()
        self.assertEqual(source.poll(), first)
        self.assertIsNone(source.poll())
        self.now = first.not_after - timedelta(days=20)
        renewed = source.poll()
        assert renewed is not None
        self.assertGreater(renewed.not_after, first.not_after)
        self.assertEqual(renewed.leaf.public_key(), first.leaf.public_key())

    def test_a_damaged_one_is_an_error_that_names_the_place(self) -> None:
        self.source().load()
        (self.directory / "tls" / "certificate.pem").write_text("nonsense")
        with self.assertRaises(DoorError) as caught:
            self.source().load()
        self.assertIn(str(self.directory), str(caught.exception))


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.now = datetime.now(UTC)
        self.first = make_certificate(HOST)
        self.paths = write_pair(self.directory, self.first)
        self.source = CertificateFiles(*self.paths, lambda: self.now)

    def test_a_new_pair_is_taken(self) -> None:
        self.assertEqual(self.source.load().leaf, self.first.certificate)
        second = make_certificate(HOST)
        write_pair(self.directory, second)
        taken = self.source.poll()
        assert taken is not None
        self.assertEqual(taken.leaf, second.certificate)

    def test_without_a_change_nothing_is_read(self) -> None:
        self.source.load()
        # Once more, for a change in the same tick of the file system's clock.
        self.source.poll()
        self.assertIsNone(self.source.poll())

    def test_half_a_pair_is_no_trouble_as_long_as_the_other_half_comes(self) -> None:
        self.source.load()
        second = make_certificate(HOST)
        self.paths[0].write_bytes(second.certificate.public_bytes(Encoding.PEM))
        with capturedLogs() as events:
            self.assertIsNone(self.source.poll())
            write_pair(self.directory, second)
            self.assertIsNotNone(self.source.poll())
        self.assertEqual(events, [])

    def test_what_is_no_pair_is_said_once_and_the_old_one_stays(self) -> None:
        self.source.load()
        other = make_certificate(HOST)
        self.paths[0].write_bytes(other.certificate.public_bytes(Encoding.PEM))
        with capturedLogs() as events:
            found = [self.source.poll() for _ in range(5)]
        self.assertEqual(found, [None] * 5)
        [line] = [formatEvent(event) for event in events]
        self.assertIn("the old certificate stays in use", line)
        self.assertIn(".pem: ", line)

    def test_one_that_is_out_of_date_is_not_taken(self) -> None:
        self.source.load()
        write_pair(self.directory, make_certificate(HOST, expired=True))
        self.assertIsNone(self.source.poll())

    def test_at_the_start_it_is_taken_with_a_warning(self) -> None:
        write_pair(self.directory, make_certificate(HOST, expired=True))
        with capturedLogs() as events:
            self.source.load()
        [line] = [formatEvent(event) for event in events]
        self.assertIn("expired", line)

    def test_files_that_can_not_be_used_are_an_error_at_the_start(self) -> None:
        certificate, key = self.paths
        key.unlink()
        with self.assertRaises(DoorError) as caught:
            self.source.load()
        self.assertIn(str(key), str(caught.exception))
        key.write_text("nonsense")
        with self.assertRaises(DoorError) as caught:
            self.source.load()
        self.assertIn(f"{key}: the private key is not PEM", str(caught.exception))
        certificate.write_text("nonsense")
        with self.assertRaises(DoorError) as caught:
            self.source.load()
        self.assertIn(f"{certificate}: the certificate", str(caught.exception))


class ReloadTests(DoorCase):
    async def test_no_handshake_fails_while_certificates_change(self) -> None:
        self.target.routes["/page"] = lambda request: request.respond(
            "200 OK", body=b"page"
        )
        pairs = [make_certificate(HOST) for _ in range(3)]
        files = write_pair(self.directory, pairs[0])
        await self.start(certificate_file=files[0], key_file=files[1])
        browser = await self.logged_in()
        seen: set[bytes] = set()

        def visit() -> None:
            """Connections one after another, as slowly as the door lets them."""
            for number in range(36):
                if number % 12 == 0:
                    write_pair(self.directory, pairs[number // 12])
                connection = browser.connection()
                assert isinstance(connection.sock, ssl.SSLSocket)
                der = connection.sock.getpeercert(binary_form=True)
                assert der is not None
                seen.add(der)
                browser.send(connection, "GET", "/page")
                self.assertEqual(browser.receive(connection).body, b"page")
                connection.close()
                pause.wait(0.2)

        pause = Event()
        await deferToThread(visit)
        expected = {made.certificate.public_bytes(Encoding.DER) for made in pairs}
        self.assertEqual(seen, expected)
        self.assertNotIn("stays in use", self.log)

    async def test_who_has_the_certificate_can_check_it(self) -> None:
        await self.start()
        pem = self.door.certificate.certificate_pem.decode()

        def visit() -> tuple[int, str | None]:
            context = ssl.create_default_context(cadata=pem)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=context
            )
            plain = self.browser(tls=False).connect()
            connection.sock = context.wrap_socket(plain, server_hostname=HOST)
            protocol = connection.sock.version()
            connection.request("GET", "/", headers={"Host": HOST})
            status = connection.getresponse().status
            connection.close()
            return status, protocol

        self.assertEqual(await deferToThread(visit), (303, "TLSv1.3"))
        self.assertIn(Fingerprints.of(self.door.certificate.leaf).key, self.log)
