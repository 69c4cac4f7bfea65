"""Tokens of our forms."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.web.csrf import Csrf, is_nonce


class CsrfTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.csrf = Csrf(b"k" * 32)
        self.nonce = self.csrf.new_nonce()
        self.token = self.csrf.token(self.nonce)

    def test_a_token_fits_its_nonce(self) -> None:
        self.assertTrue(self.csrf.is_valid([self.nonce], self.token))

    def test_it_fits_one_of_several(self) -> None:
        nonces = [b"junk", self.csrf.new_nonce(), self.nonce]
        self.assertTrue(self.csrf.is_valid(nonces, self.token))
        self.assertFalse(self.csrf.is_valid(nonces[:2], self.token))

    def test_it_fits_no_other_and_none(self) -> None:
        self.assertFalse(self.csrf.is_valid([self.csrf.new_nonce()], self.token))
        self.assertFalse(self.csrf.is_valid([], self.token))
        self.assertFalse(self.csrf.is_valid([b""], self.csrf.token(b"")))

    def test_another_server_makes_other_tokens(self) -> None:
        self.assertNotEqual(Csrf(b"x" * 32).token(self.nonce), self.token)

    def test_text_beyond_ascii_is_no_token(self) -> None:
        self.assertFalse(self.csrf.is_valid([self.nonce], "ü" * 43))

    def test_nonces_are_random_and_have_a_form(self) -> None:
        self.assertNotEqual(self.nonce, self.csrf.new_nonce())
        self.assertTrue(is_nonce(self.nonce))
        for value in (b"", b"a" * 21, b"a" * 23, b"a" * 21 + b"<", b"a" * 22 + b"\n"):
            self.assertFalse(is_nonce(value))
