"""What is noted of fields is what they say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.field_notes import FieldNotes
from cfos_cloud.http.message import Field


def notes(*fields: tuple[bytes, bytes]) -> FieldNotes:
    made: list[Field] = [(name.lower(), name, value) for name, value in fields]
    return FieldNotes(made)


class FieldNotesTests(SynchronousTestCase):
    def test_all_cookies_in_their_order(self) -> None:
        noted = notes((b"Cookie", b"a=1"), (b"Host", b"h"), (b"Cookie", b"b=2"))
        self.assertEqual(noted.cookies, [b"a=1", b"b=2"])

    def test_whether_there_is_authorization(self) -> None:
        self.assertTrue(notes((b"Authorization", b"Bearer x")).has_authorization)
        self.assertFalse(notes((b"Cookie", b"Authorization=x")).has_authorization)

    def test_the_first_field_that_has_one_token_counts(self) -> None:
        noted = notes(
            (b"Cookie", b"cfos=1; cfos=2"), (b"Cookie", b"cfos=3"), (b"Cookie", b"x=y")
        )
        self.assertEqual(noted.token(b"cfos"), b"3")

    def test_each_name_has_a_token_of_its_own(self) -> None:
        noted = notes((b"Cookie", b"cfos=plain; __Host-cfos=tls"))
        self.assertEqual(noted.token(b"cfos"), b"plain")
        self.assertEqual(noted.token(b"__Host-cfos"), b"tls")
        self.assertEqual(noted.token(b"cfos"), b"plain")
        self.assertIsNone(notes().token(b"cfos"))
