"""JSON objects that mean one thing to everybody."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.strict_json import parse_object


class ParseTests(SynchronousTestCase):
    def test_an_object_is_a_dict(self) -> None:
        found = parse_object(b' {"a": 1, "b": [true, null], "c": {"a": "\xc3\xa4"}} ')
        self.assertEqual(found, {"a": 1, "b": [True, None], "c": {"a": "\u00e4"}})
        self.assertEqual(parse_object(b"{}"), {})

    def test_all_else_is_a_value_error(self) -> None:
        for data in (
            b"",
            b"{",
            b"[]",
            b'"a"',
            b"1",
            b"null",
            b"{'a': 1}",
            b'{"a": 1,}',
            b'{"a": 1} {}',
            b'{"a": 1, "a": 1}',
            b'{"b": {"a": 1, "a": 2}}',
            b'{"a": 1, "\\u0061": 2}',
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b'{"a": "\xff"}',
            b'\xef\xbb\xbf{"a": 1}',
            '{"a": 1}'.encode("utf-16"),
            b'{"a": "\n"}',
            b'{"a": ' + b"9" * 5000 + b"}",
            b'{"a":' * 100_000,
            b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ):
            with self.assertRaises(ValueError) as caught:
                parse_object(data)
            self.assertEqual(len(str(caught.exception).splitlines()), 1, data[:20])
