"""Parameters of HTTP's authentication headers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.auth_params import (
    MAX_PARAMS,
    MAX_SCHEMES,
    MAX_VALUE_BYTES,
    MalformedAuth,
    format_message,
    format_params,
    parse_challenges,
    parse_message,
    parse_params,
)

QUOTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


class ReadingTests(SynchronousTestCase):
    def test_quoted_and_token_values_are_the_same(self) -> None:
        quoted = parse_message(b'SCRAM-SHA-256 realm="cfos-tunnel", data="YWI="')
        token = parse_message(b"SCRAM-SHA-256 realm=cfos-tunnel,data=YWI=")
        self.assertEqual(quoted, token)
        self.assertEqual(quoted.params, {"realm": "cfos-tunnel", "data": "YWI="})

    def test_unquoted_base64_as_in_the_examples_of_rfc_7804(self) -> None:
        message = parse_message(
            b"SCRAM-SHA-256 sid=AAAABBBBCCCCDDDD,data=cj1yT3/yTkdXZkViZVJXZ2I+aVo="
        )
        self.assertEqual(message.params["data"], "cj1yT3/yTkdXZkViZVJXZ2I+aVo=")

    def test_names_and_schemes_are_compared_without_case(self) -> None:
        message = parse_message(b'scram-sha-256 REALM="x"')
        self.assertTrue(message.is_of("SCRAM-SHA-256"))
        self.assertFalse(message.is_of("SCRAM-SHA-256-PLUS"))
        self.assertEqual(message.params, {"realm": "x"})

    def test_quoted_pairs_are_resolved(self) -> None:
        self.assertEqual(parse_params(rb'a="x\"y\\z, b=c"'), {"a": 'x"y\\z, b=c'})

    def test_blanks_around_separators_are_allowed(self) -> None:
        self.assertEqual(parse_params(b' a = "1" ,\tb=2 '), {"a": "1", "b": "2"})

    def test_several_challenges_in_one_value_are_told_apart(self) -> None:
        found = parse_challenges(
            b'Negotiate, SCRAM-SHA-256-PLUS realm="a", x=1, SCRAM-SHA-256 realm="b"'
        )
        self.assertEqual(
            [(m.scheme, dict(m.params)) for m in found],
            [
                ("Negotiate", {}),
                ("SCRAM-SHA-256-PLUS", {"realm": "a", "x": "1"}),
                ("SCRAM-SHA-256", {"realm": "b"}),
            ],
        )

    def test_credentials_of_two_schemes_are_malformed(self) -> None:
        self.assertRaises(MalformedAuth, parse_message, b"A x=1, B y=2")

    def test_what_is_malformed(self) -> None:
        for value in (
            b"",
            b" ",
            b",",
            b"=",
            b'A x="open',
            b'A x="a"b',
            b'A x="a" y="b"',
            b"A x=1,",
            b"A x=1,,y=2",
            b"A x=1, x=2",
            b"A x=1, X=2",
            b"A x=",
            b"A x==",
            b"A x=a=b",
            b"A x=\xe4",
            b'A x="\x00"',
            b'A x="\x7f"',
            b'A x="a\r\nB: c"',
            b"Basic dXNlcjpwYXNzd29yZA==",
            b'"A" x=1',
        ):
            self.assertRaises(MalformedAuth, parse_message, value)

    def test_a_scheme_may_stand_alone(self) -> None:
        self.assertEqual(parse_message(b" Negotiate ").params, {})

    def test_parameters_alone_have_no_scheme(self) -> None:
        for value in (b"", b"A", b"A x=1", b"x=1, A y=2", b"x=1 y=2"):
            self.assertRaises(MalformedAuth, parse_params, value)

    def test_bounds(self) -> None:
        filler = b"a" * (MAX_VALUE_BYTES - 4)
        self.assertEqual(len(parse_params(b'x="' + filler + b'"')["x"]), len(filler))
        self.assertRaises(MalformedAuth, parse_params, b'x="a' + filler + b'"')
        params = [f"p{n}=1".encode() for n in range(MAX_PARAMS)]
        self.assertEqual(len(parse_params(b",".join(params))), MAX_PARAMS)
        self.assertRaises(MalformedAuth, parse_params, b",".join([*params, b"q=1"]))
        schemes = [b"S%d x=1" % n for n in range(MAX_SCHEMES)]
        self.assertEqual(len(parse_challenges(b",".join(schemes))), MAX_SCHEMES)
        schemes.append(b"T x=1")
        self.assertRaises(MalformedAuth, parse_challenges, b",".join(schemes))


class WritingTests(SynchronousTestCase):
    def test_every_value_is_quoted(self) -> None:
        self.assertEqual(
            format_message("SCRAM-SHA-256", {"realm": "cfos-tunnel", "data": "YWI="}),
            b'SCRAM-SHA-256 realm="cfos-tunnel", data="YWI="',
        )

    def test_quotes_and_backslashes_are_escaped(self) -> None:
        self.assertEqual(format_params({"a": 'x"y\\'}), rb'a="x\"y\\"')

    def test_what_would_break_the_header_is_refused(self) -> None:
        for text in ("a\r\nb", "\x00", "ä"):
            self.assertRaises(ValueError, format_params, {"a": text})

    @given(st.dictionaries(NAMES, QUOTABLE, min_size=1, max_size=5))
    def test_what_is_written_is_read_back(self, params: dict[str, str]) -> None:
        self.assertEqual(parse_params(format_params(params)), params)
        message = parse_message(format_message("X-Scheme", params))
        self.assertEqual((message.scheme, message.params), ("X-Scheme", params))

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_malformed(self, value: bytes) -> None:
        for parse in (parse_challenges, parse_params):
            try:
                parse(value)
            except MalformedAuth:
                continue
