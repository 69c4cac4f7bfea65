"""What was made of fields serves those very fields alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.known_fields import MAX_BYTES
from cfos_cloud.http.message import Field
from cfos_cloud.http.same_fields import SameFields

ONE: list[Field] = [(b"a", b"A", b"1")]


class SameFieldsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.same: SameFields[bytes | None] = SameFields()

    def made(self, fields: list[Field], given: bytes | None, make: bytes) -> bytes:
        return self.same.of(fields, given, lambda: make)

    def test_it_is_made_once_for_one_list_and_circumstances(self) -> None:
        self.assertEqual(self.made(ONE, None, b"first"), b"first")
        self.assertEqual(self.made(ONE, None, b"then"), b"first")

    def test_other_circumstances_have_nothing_of_it(self) -> None:
        self.made(ONE, b"then", b"first")
        self.assertEqual(self.made(ONE, b"now", b"second"), b"second")
        self.assertEqual(self.made(ONE, None, b"third"), b"third")

    def test_another_list_has_nothing_of_it(self) -> None:
        self.made(ONE, None, b"first")
        # It may be of a head with a body, whose framing is among what is made.
        self.assertEqual(self.made(list(ONE), None, b"second"), b"second")

    def test_what_is_long_is_not_kept(self) -> None:
        long = bytes(MAX_BYTES + 1)
        self.assertEqual(self.made(ONE, None, long), long)
        self.assertEqual(self.made(ONE, None, b"then"), b"then")
