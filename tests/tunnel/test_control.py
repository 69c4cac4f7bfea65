"""Messages of the control stream: lines in, messages out, and back."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import (
    MAX_LINE_BYTES,
    Call,
    ControlViolation,
    InvalidParams,
    LineSplitter,
    Message,
    Notification,
    Refusal,
    Result,
    RpcError,
    UnknownMethod,
    parse,
    serialise,
    text_member,
)

IDS = st.integers() | st.text(max_size=20)
OBJECTS = st.dictionaries(
    st.text(max_size=10), st.none() | st.booleans() | st.integers() | st.text()
)


class LineTests(SynchronousTestCase):
    def test_lines_come_out_as_they_are_complete(self) -> None:
        lines = LineSplitter()
        self.assertEqual(lines.feed(b"on"), [])
        self.assertEqual(lines.feed(b"e\n\ntw"), [b"one", b""])
        self.assertEqual(lines.feed(b"o\nthree\n"), [b"two", b"three"])
        self.assertEqual(lines.feed(b""), [])

    @given(st.lists(st.binary().map(lambda b: b.replace(b"\n", b"")), min_size=1))
    def test_how_they_were_split_on_their_way_makes_no_difference(
        self, sent: list[bytes]
    ) -> None:
        lines = LineSplitter()
        data = b"\n".join(sent) + b"\n"
        received = [
            line for at in range(len(data)) for line in lines.feed(data[at:][:1])
        ]
        self.assertEqual(received, sent)

    def test_64_kib_with_its_end_is_the_longest_line(self) -> None:
        longest = b"x" * (MAX_LINE_BYTES - 1)
        self.assertEqual(MAX_LINE_BYTES, 65_536)
        self.assertEqual(LineSplitter().feed(longest + b"\n" + longest), [longest])
        for data in (
            b"x" * MAX_LINE_BYTES,
            longest + b"x\n",
            b"\n" + longest + b"x\nx",
        ):
            self.assertRaises(ControlViolation, LineSplitter().feed, data)

    def test_a_line_that_never_ends_is_not_kept(self) -> None:
        lines = LineSplitter()
        with self.assertRaises(ControlViolation):
            for _ in range(MAX_LINE_BYTES // 1000 + 1):
                lines.feed(b"x" * 1000)


class ParseTests(SynchronousTestCase):
    def test_each_kind_of_message(self) -> None:
        for text, message in (
            (
                '"id":1,"method":"m","params":{"a":[1]}',
                Call(1, "m", {"a": [1]}),
            ),
            ('"id":"x","method":"m"', Call("x", "m", {})),
            ('"id":0,"method":"m","params":null', Call(0, "m", {})),
            ('"method":"m","params":{}', Notification("m", {})),
            ('"id":null,"method":"m"', Notification("m", {})),
            ('"id":1,"result":{"a":1}', Result(1, {"a": 1})),
            ('"id":1,"result":null', Result(1, {})),
            ('"id":1,"result":{},"more":true', Result(1, {})),
        ):
            line = f'{{"jsonrpc":"2.0",{text}}}'.encode()
            self.assertEqual(parse(line), message)

    def test_an_error_answer(self) -> None:
        line = (
            b'{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"no","data":1}}'
        )
        message = parse(line)
        assert isinstance(message, Refusal)
        self.assertEqual(
            (message.id, message.error.code, message.error.message),
            (7, -32001, "no"),
        )

    def test_an_error_answer_to_what_could_not_be_read_has_no_id(self) -> None:
        line = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}'
        message = parse(line)
        assert isinstance(message, Refusal)
        self.assertIsNone(message.id)

    def test_anything_else_is_a_violation(self) -> None:
        for text in (
            "",
            "x",
            "{",
            "null",
            "[]",
            '"jsonrpc"',
            "{}",
            '{"jsonrpc":"1.0","id":1,"method":"m"}',
            '{"jsonrpc":2.0,"id":1,"method":"m"}',
            '[{"jsonrpc":"2.0","id":1,"method":"m"}]',
            '{"jsonrpc":"2.0","id":true,"method":"m"}',
            '{"jsonrpc":"2.0","id":1.5,"method":"m"}',
            '{"jsonrpc":"2.0","id":[],"method":"m"}',
            '{"jsonrpc":"2.0","id":1,"method":7}',
            '{"jsonrpc":"2.0","id":1,"method":null}',
            '{"jsonrpc":"2.0","id":1,"method":"m","params":[]}',
            '{"jsonrpc":"2.0","id":1,"result":"x"}',
            '{"jsonrpc":"2.0","result":{}}',
            '{"jsonrpc":"2.0","id":1,"error":null}',
            '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}}',
            '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
            "[" * 30_000,
            '{"a":' * 10_000,
            "1" * 5_000,
        ):
            with self.assertRaises(ControlViolation, msg=text[:60]):
                parse(text.encode())

    def test_what_is_no_utf_8_is_a_violation(self) -> None:
        self.assertRaises(
            ControlViolation, parse, b'{"jsonrpc":"2.0","id":1,"method":"\xff"}'
        )

    @given(st.binary() | st.text().map(str.encode))
    def test_no_line_does_worse(self, line: bytes) -> None:
        with contextlib.suppress(ControlViolation):
            parse(line)

    @given(
        st.builds(Call, IDS, st.text(), OBJECTS)
        | st.builds(Notification, st.text(), OBJECTS)
        | st.builds(Result, IDS, OBJECTS)
    )
    def test_what_is_written_can_be_read(self, message: Message) -> None:
        line = serialise(message)
        self.assertTrue(line.isascii())
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        self.assertEqual(parse(line[:-1]), message)


class SerialiseTests(SynchronousTestCase):
    def test_an_error_answer_is_as_the_specification_has_it(self) -> None:
        self.assertEqual(
            json.loads(serialise(Refusal(3, UnknownMethod()))),
            {
                "jsonrpc": "2.0",
                "id": 3,
                "error": {"code": -32601, "message": "method not found"},
            },
        )

    def test_a_message_that_a_peer_would_not_take_is_not_written(self) -> None:
        room = MAX_LINE_BYTES - len(serialise(Notification("m", {"a": ""})))
        self.assertEqual(
            len(serialise(Notification("m", {"a": "x" * room}))), MAX_LINE_BYTES
        )
        message = Notification("m", {"a": "x" * (room + 1)})
        self.assertRaises(ValueError, serialise, message)


class MemberTests(SynchronousTestCase):
    def test_a_text_may_be_absent(self) -> None:
        self.assertIsNone(text_member({}, "name"))
        self.assertIsNone(text_member({"name": None}, "name"))

    def test_a_text_has_a_bound(self) -> None:
        self.assertEqual(text_member({"name": "x" * 256}, "name"), "x" * 256)
        self.assertRaises(InvalidParams, text_member, {"name": "x" * 257}, "name")
        self.assertEqual(text_member({"name": "xxx"}, "name", limit=3), "xxx")
        self.assertRaises(InvalidParams, text_member, {"name": "xxx"}, "name", limit=2)

    def test_what_is_no_text_is_refused(self) -> None:
        values: tuple[object, ...] = (0, 1.5, True, [], {})
        for value in values:
            self.assertRaises(InvalidParams, text_member, {"name": value}, "name")

    def test_half_a_character_is_no_text(self) -> None:
        # JSON can say it, UTF-8 can't: neither page nor database would take it.
        params = json.loads(r'{"name":"\ud800"}')
        with self.assertRaises(InvalidParams):
            text_member(params, "name")

    def test_errors_say_their_code(self) -> None:
        self.assertEqual(InvalidParams("why").code, -32602)
        self.assertEqual(UnknownMethod().code, -32601)
        self.assertEqual(str(RpcError(-32001, "wrong secret")), "wrong secret (-32001)")
