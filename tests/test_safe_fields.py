"""What an answer of ours lacks is put in, and what it says itself stays."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.safe_fields import STRICT_SECONDS, complete
from tests.own_answers import STRICT, complaints


def pairs(fields: bytes) -> list[tuple[str, str]]:
    lines = fields.decode().split("\r\n")
    assert lines.pop() == "", fields
    return [
        (name, value) for name, _, value in (line.partition(": ") for line in lines)
    ]


class CompleteTests(SynchronousTestCase):
    def test_an_answer_without_any_gets_all(self) -> None:
        self.assertEqual(complaints(pairs(complete(b""))), [])

    def test_what_it_says_itself_stays_in_whatever_case(self) -> None:
        own = (
            b"content-SECURITY-policy: default-src 'self'\r\n"
            b"Referrer-Policy: no-referrer\r\n"
        )
        fields = complete(own)
        self.assertTrue(fields.startswith(own))
        names = [name.lower() for name, _ in pairs(fields)]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(complete(fields), fields)

    def test_a_name_within_a_value_or_another_name_is_none(self) -> None:
        own = b"A: x-frame-options: DENY\r\nNot-Referrer-Policy: x\r\n"
        self.assertEqual(complaints(pairs(complete(own))), [])

    def test_tls_alone_is_asked_for_where_it_should_be(self) -> None:
        fields = pairs(complete(b"", strict=True))
        self.assertEqual(complaints(fields, strict=True), [])
        self.assertIn(str(STRICT_SECONDS), STRICT)
