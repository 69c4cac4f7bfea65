"""What the tool logs in with, and what curl would have to be told."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.operator_tool.connection import Connection
from cfos_cloud.operator_tool.credentials import KEY_VARIABLE, credentials_of
from cfos_cloud.operator_tool.errors import BadUsage
from cfos_cloud.operator_tool.server_address import ServerAddress
from tests.operator_tool.support import parse
from tests.registry.support import temporary_directory

KEY = "eyJh.eyJp.c2ln-_"


class CredentialsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = temporary_directory(self) / "key"
        self.asked = 0

    def password(self) -> str:
        self.asked += 1
        return "sesame"

    def found(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        given = credentials_of(
            parse("status", *words), environment or {}, self.password
        )
        self.assertNotIn("sesame", repr(given))
        self.assertNotIn(KEY, repr(given))
        return given.authorization

    def test_without_a_key_it_is_the_admin_password(self) -> None:
        self.assertEqual(self.found(), "Basic YWRtaW46c2VzYW1l")

    def test_a_key_comes_from_its_file_or_the_variable_and_nobody_is_asked(
        self,
    ) -> None:
        self.file.write_text(f"{KEY}\n")
        variable = {KEY_VARIABLE: "a.b.c"}
        self.assertEqual(
            self.found("--key-file", str(self.file), environment=variable),
            f"Bearer {KEY}",
        )
        self.assertEqual(self.found(environment=variable), "Bearer a.b.c")
        self.assertEqual(self.asked, 0)

    def test_an_option_counts_more_than_the_variable(self) -> None:
        words = ("--admin-password-file", "somewhere")
        found = self.found(*words, environment={KEY_VARIABLE: KEY})
        self.assertTrue(found.startswith("Basic "))

    def test_what_is_no_key_is_not_sent_and_not_said(self) -> None:
        for text in ("secret password", "a.b", "a.b.c.d", "a.b.c\r\nCookie: x"):
            self.file.write_text(text)
            words = ("--key-file", str(self.file))
            error = self.assertRaises(BadUsage, self.found, *words)
            self.assertEqual(str(error), f"{self.file} has no access key in it")
            variable = {KEY_VARIABLE: text}
            error = self.assertRaises(BadUsage, self.found, environment=variable)
            self.assertIn(KEY_VARIABLE, str(error))
            self.assertNotIn("secret", str(error))


class CurlTests(SynchronousTestCase):
    def connection(self, server: str, *words: str) -> Connection:
        home = temporary_directory(self)
        self.patch(
            __import__("platformdirs"), "user_state_path", lambda name: home / name
        )
        arguments: argparse.Namespace = parse("status", *words)
        address = ServerAddress.parse(server)
        return Connection(MemoryReactorClock(), address, arguments, None)

    def test_it_trusts_as_the_tool_was_told_to(self) -> None:
        https = "https://cloud.example:4443"
        self.assertEqual(self.connection(https).curl_options(), [])
        self.assertEqual(
            self.connection(https, "--insecure").curl_options(), ["--insecure"]
        )
        plain = self.connection("http://127.0.0.1:4443", "--insecure")
        self.assertEqual(plain.curl_options(), [])

    def test_a_ca_of_one_s_own_is_named(self) -> None:
        from tests.listener.authority import Authority, pem

        path = Path(temporary_directory(self), "ca.pem")
        path.write_bytes(pem(Authority("CA").certificate))
        connection = self.connection("https://a.example", "--cafile", str(path))
        self.assertEqual(connection.curl_options(), ["--cacert", str(path)])

    def test_a_key_that_was_found_right_is_the_only_one_that_curl_takes(self) -> None:
        connection = self.connection("https://cloud.example:4443")
        connection.remember_key("00" * 31 + "ff")
        self.assertEqual(
            connection.curl_options(),
            [
                "--insecure",
                "--pinnedpubkey",
                "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8=",
            ],
        )
