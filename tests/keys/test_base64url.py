"""base64url in its one spelling."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.base64url import decode, encode

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Base64UrlTests(SynchronousTestCase):
    def test_the_vectors_of_rfc_4648_without_padding(self) -> None:
        for data, text in (
            (b"", ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"\xfb\xff\xfe", "-__-"),
        ):
            self.assertEqual(encode(data), text)
            self.assertEqual(decode(text.encode()), data)

    @given(st.binary(max_size=100))
    def test_what_was_encoded_is_decoded(self, data: bytes) -> None:
        self.assertEqual(decode(encode(data).encode()), data)

    @given(st.text(alphabet=[chr(sign) for sign in ALPHABET], max_size=12))
    def test_no_two_texts_mean_the_same(self, text: str) -> None:
        try:
            data = decode(text.encode())
        except ValueError:
            return
        self.assertEqual(encode(data), text)

    def test_every_spelling_but_one_is_refused(self) -> None:
        for text in (
            b"Zg==",  # padding
            b"Zg=",
            b"Z",  # six bits are no byte
            b"Zh",  # of the last sign, four bits are none of the byte's
            b"Zm9",
            b"+//+",
            b" Zm9v",
            b"Zm9v\n",
            b"Zm\n9v",
            b"Zm9v\x00",
            b"Zm9v.",
            "Zm9\u00fc".encode(),
        ):
            self.assertRaises(ValueError, decode, text)
