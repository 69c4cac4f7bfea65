"""What was made of fields serves those very fields alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.http.same_fields import SameFields

ONE = [(b"a", b"A", b"1")]


class SameFieldsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.same: SameFields[bytes | None] = SameFields()

    def test_what_was_kept_serves_the_same_list_and_circumstances(self) -> None:
        self.assertIsNone(self.same.made(ONE, None))
        self.same.keep(ONE, None, b"A: 1\r\n")
        self.assertEqual(self.same.made(ONE, None), b"A: 1\r\n")

    def test_other_circumstances_have_nothing_of_it(self) -> None:
        self.same.keep(ONE, b"then", b"A: 1\r\n")
        self.assertIsNone(self.same.made(ONE, b"now"))
        self.assertIsNone(self.same.made(ONE, None))

    def test_another_list_has_nothing_of_it(self) -> None:
        self.same.keep(ONE, None, b"A: 1\r\n")
        # It may be of a head with a body, whose framing is among what was made.
        self.assertIsNone(self.same.made(list(ONE), None))
