"""What of a connection's first bytes says for whom it is."""

from __future__ import annotations

import ssl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.client_hello import (
    MAX_RECORDS,
    Asked,
    asked_for,
    by_name,
)
from cfos_cloud.listener.first_bytes import MAX_FIRST_BYTES, Route
from tests.listener import hellos

NAME = b"site-7.cloud.example.org"
NOTHING = Asked(complete=True)
MORE = Asked(complete=False)


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def server_name(*names: bytes, kind: int = 0) -> bytes:
    """The extension, with all ``names``."""
    entries = b"".join(bytes([kind]) + vector(2, name) for name in names)
    return b"\x00\x00" + vector(2, vector(2, entries))


def hello(
    extensions: bytes | None = b"",
    *,
    session: bytes = b"",
    ciphers: bytes = b"\x13\x01",
) -> bytes:
    """The handshake message; ``None``: as before there were extensions."""
    body = b"\x03\x03" + b"r" * 32 + vector(1, session) + vector(2, ciphers)
    body += vector(1, b"\x00")
    if extensions is not None:
        body += vector(2, extensions)
    return b"\x01" + vector(3, body)


def records(message: bytes, size: int = 2**14) -> bytes:
    """``message`` in records of ``size`` bytes of content each."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + vector(2, piece) for piece in pieces)


def python_hello(name: str | None) -> bytes:
    """What the ssl module of this very Python sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("it needs no answer")


class RealClientsTests(SynchronousTestCase):
    def test_the_name_that_each_asks_for_is_found(self) -> None:
        for seen in (
            hellos.CURL,
            hellos.OPENSSL,
            hellos.OPENSSL_1_2,
            python_hello("site-7.cloud.example.org"),
        ):
            self.assertEqual(asked_for(seen), Asked(True, NAME))

    def test_who_asks_for_none_gets_none(self) -> None:
        for seen in (hellos.OPENSSL_WITHOUT_A_NAME, python_hello(None)):
            self.assertEqual(asked_for(seen), NOTHING)

    def test_before_the_last_byte_it_is_too_early(self) -> None:
        for seen in (hellos.CURL, hellos.OPENSSL_WITHOUT_A_NAME):
            for end in range(len(seen)):
                self.assertEqual(asked_for(seen[:end]), MORE, end)

    def test_what_comes_behind_it_does_not_matter(self) -> None:
        for more in (b"\x14\x03\x03\x00\x01\x01", b"\x17\x03\x03", b"anything"):
            self.assertEqual(asked_for(hellos.CURL + more), Asked(True, NAME))


class RecordsTests(SynchronousTestCase):
    def test_it_may_be_spread_over_several(self) -> None:
        message = hello(server_name(NAME), session=b"s" * 32)
        for size in (len(message) // MAX_RECORDS + 1, 7, 50, len(message) - 1):
            if len(message) / size > MAX_RECORDS:
                continue
            seen = records(message, size)
            for end in range(len(seen)):
                self.assertEqual(asked_for(seen[:end]), MORE)
            self.assertEqual(asked_for(seen), Asked(True, NAME))

    def test_not_over_too_many(self) -> None:
        message = hello(server_name(NAME))
        self.assertEqual(asked_for(records(message, 1)), NOTHING)

    def test_one_is_never_empty(self) -> None:
        seen = b"\x16\x03\x01\x00\x00" + records(hello(server_name(NAME)))
        self.assertEqual(asked_for(seen), NOTHING)

    def test_one_is_never_longer_than_tls_allows(self) -> None:
        self.assertEqual(asked_for(b"\x16\x03\x01\x40\x00\x01"), MORE)
        self.assertEqual(asked_for(b"\x16\x03\x01\x40\x01"), NOTHING)

    def test_nothing_else_begins_in_the_last(self) -> None:
        message = hello(server_name(NAME))
        self.assertEqual(asked_for(records(message + b"\x01")), NOTHING)
        # Already before that comes.
        self.assertEqual(asked_for(records(message + b"\x01")[:-1]), NOTHING)

    def test_other_contents_and_versions_are_not_waited_for(self) -> None:
        for seen in (
            b"\x16\x02",
            b"\x16\x03\x01\x00\x05\x02",
            records(b"\x02" + hello(server_name(NAME))[1:]),
            records(hello(server_name(NAME)), 30)[:35] + b"\x17\x03\x01\x00\x10",
        ):
            self.assertEqual(asked_for(seen), NOTHING, seen[:40])

    def test_one_that_claims_to_be_endless_is_not_waited_for(self) -> None:
        self.assertEqual(asked_for(b"\x16\x03\x01\x02\x00\x01\xff\xff\xff"), NOTHING)


class NamesTests(SynchronousTestCase):
    def asked(self, extensions: bytes | None) -> Asked:
        return asked_for(records(hello(extensions)))

    def test_case_and_a_dot_at_the_end_make_no_difference(self) -> None:
        asked = self.asked(server_name(b"Site-7.Cloud.Example.ORG."))
        self.assertEqual(asked, Asked(True, NAME))

    def test_what_nobody_knows_is_passed_over(self) -> None:
        grease = b"\x0a\x0a\x00\x00" + b"\xda\xda" + vector(2, b"\x00")
        extensions = grease + server_name(NAME) + b"\xfa\xfa" + vector(2, b"x" * 99)
        self.assertEqual(self.asked(extensions), Asked(True, NAME))

    def test_the_outer_name_counts(self) -> None:
        encrypted = b"\xfe\x0d" + vector(2, server_name(b"inner.example.org"))
        extensions = encrypted + server_name(NAME)
        self.assertEqual(self.asked(extensions), Asked(True, NAME))

    def test_without_extensions_there_is_none(self) -> None:
        self.assertEqual(self.asked(None), NOTHING)
        self.assertEqual(self.asked(b""), NOTHING)

    def test_two_names_are_none(self) -> None:
        other = b"site-8.cloud.example.org"
        self.assertEqual(self.asked(server_name(NAME, other)), NOTHING)
        twice = server_name(NAME) + server_name(other)
        self.assertEqual(self.asked(twice), NOTHING)

    def test_what_is_no_name_of_a_host_is_none(self) -> None:
        for name in (b"", b"a b", b"a\x00b", b"\xff", b"x" * 256, b"a/b", b"a\n"):
            self.assertEqual(self.asked(server_name(name)), NOTHING, name)
        self.assertEqual(self.asked(server_name(NAME, kind=1)), NOTHING)

    def test_lengths_that_do_not_fit_are_none(self) -> None:
        good = server_name(NAME)
        for bad in (
            b"\x00",
            b"\x00\x00\x00",
            b"\x00\x00" + vector(2, b""),
            b"\x00\x00" + vector(2, b"\x00\x00"),
            b"\x00\x00" + vector(2, vector(2, b"\x00" + vector(2, NAME)) + b"x"),
            b"\x00\x00" + vector(2, vector(2, b"\x00" + vector(2, NAME) + b"x")),
            good[:-1],
            good + b"\x00",
        ):
            self.assertEqual(self.asked(bad), NOTHING, bad)
        body = hello(good)[4:]
        for wrong in (body + b"x", body[:30], body[:34] + b"\xff" + body[35:]):
            message = b"\x01" + vector(3, wrong)
            self.assertEqual(asked_for(records(message)), NOTHING)


class ChoiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.choose = by_name(lambda name: name == NAME)

    def test_a_name_that_is_passed_and_one_that_is_not(self) -> None:
        passed = records(hello(server_name(NAME)))
        other = records(hello(server_name(b"cloud.example.org")))
        self.assertIs(self.choose(passed), Route.PASSED)
        self.assertIs(self.choose(other), Route.TLS)
        self.assertIs(self.choose(hellos.OPENSSL_WITHOUT_A_NAME), Route.TLS)

    def test_as_long_as_more_may_come_it_is_waited_for(self) -> None:
        self.assertIs(self.choose(b""), Route.NEED_MORE)
        self.assertIs(self.choose(b"\x16"), Route.NEED_MORE)
        self.assertIs(self.choose(hellos.CURL[:-1]), Route.NEED_MORE)

    def test_what_is_not_tls_is_plain_at_once(self) -> None:
        self.assertIs(self.choose(b"G"), Route.PLAIN)

    def test_what_is_no_client_hello_is_for_tls_to_answer(self) -> None:
        self.assertIs(self.choose(b"\x16garbage"), Route.TLS)

    def test_the_longest_that_there_is_room_for(self) -> None:
        padding = 2**14 - len(hello(server_name(NAME))) - 4
        long = hello(server_name(NAME) + b"\x00\x15" + vector(2, bytes(padding)))
        self.assertEqual(len(records(long)), MAX_FIRST_BYTES)
        self.assertIs(self.choose(records(long)[:-1]), Route.NEED_MORE)
        self.assertIs(self.choose(records(long)), Route.PASSED)

    def test_a_longer_one_is_an_ordinary_connection(self) -> None:
        long = hello(server_name(NAME) + b"\x00\x15" + vector(2, bytes(2**14)))
        seen = records(long)
        self.assertGreater(len(seen), MAX_FIRST_BYTES)
        self.assertIs(self.choose(seen[:MAX_FIRST_BYTES]), Route.TLS)


HELLOS = (hellos.CURL, hellos.OPENSSL_1_2, records(hello(server_name(NAME)), 20))


class PropertyTests(SynchronousTestCase):
    @given(st.binary(max_size=600))
    def test_any_bytes_have_an_answer(self, data: bytes) -> None:
        for seen in (data, b"\x16\x03\x01" + data, records(b"\x01" + data)):
            asked = asked_for(seen)
            self.assertTrue(asked.complete or asked.name is None)

    @settings(max_examples=400)
    @given(
        st.sampled_from(HELLOS),
        st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=8),
        st.integers(0, 2_000),
    )
    def test_damage_is_never_an_exception(
        self, seen: bytes, damage: list[tuple[int, int]], cut: int
    ) -> None:
        damaged = bytearray(seen)
        for at, value in damage:
            damaged[at % len(damaged)] = value
        route = by_name(lambda name: name == NAME)(bytes(damaged[:cut]))
        self.assertIsInstance(route, Route)

    @given(st.sampled_from(HELLOS), st.binary(max_size=50))
    def test_what_is_known_once_stays_so(self, seen: bytes, more: bytes) -> None:
        self.assertEqual(asked_for(seen), Asked(True, NAME))
        self.assertEqual(asked_for(seen + more), Asked(True, NAME))

    @given(
        st.from_regex(r"[a-z0-9._-]{0,200}[a-z0-9_-]", fullmatch=True),
        st.integers(9, 600),
        st.binary(max_size=32),
    )
    def test_every_name_is_found_however_it_is_cut(
        self, name: str, size: int, session: bytes
    ) -> None:
        message = hello(server_name(name.encode()), session=session)
        if len(message) <= size * MAX_RECORDS:
            asked = asked_for(records(message, size))
            self.assertEqual(asked, Asked(True, name.encode()))
