"""What a yamux connection does not let its peer do."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.yamux import (
    Connection,
    GoneAway,
    Limits,
    ProtocolError,
    Role,
    StreamClosed,
    StreamOpened,
)
from cfos_cloud.tunnel.yamux_frames import (
    ACK,
    DATA,
    FIN,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    header,
)
from tests.tunnel.test_yamux import PLENTY, WINDOW, data_frame, frames

GO_AWAY_1 = bytes.fromhex("00 03 0000 00000000 00000001")


class Faults(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Connection(Role.SERVER)
        self.server.receive_data(header(WINDOW_UPDATE, SYN, 1, 0))
        self.server.open_stream()
        self.server.next_bytes(PLENTY)

    def assert_fault(self, data: bytes) -> None:
        self.server.send(1, b"not sent any more")
        self.server.ping()
        with self.assertRaises(ProtocolError) as raised:
            self.server.receive_data(data)
        self.assertEqual(self.server.next_bytes(PLENTY), GO_AWAY_1)
        self.assertEqual(self.server.next_bytes(PLENTY), b"")
        self.assertEqual((self.server.streams, self.server.queued(1)), (0, 0))
        with self.assertRaises(ProtocolError) as again:
            self.server.receive_data(b"")
        self.assertEqual(str(again.exception), str(raised.exception))

    def test_another_version(self) -> None:
        self.assert_fault(bytes.fromhex("01 00 0000 00000001 00000000"))

    def test_an_unknown_type(self) -> None:
        self.assert_fault(header(4, 0, 1, 0))

    def test_a_stream_of_our_own_parity(self) -> None:
        self.assert_fault(header(WINDOW_UPDATE, SYN, 4, 0))

    def test_stream_zero(self) -> None:
        self.server = Connection(Role.CLIENT)
        self.server.open_stream()
        self.server.next_bytes(PLENTY)
        self.assert_fault(header(WINDOW_UPDATE, SYN, 0, 0))

    def test_a_stream_opened_twice(self) -> None:
        self.assert_fault(header(WINDOW_UPDATE, SYN, 1, 0))

    def test_a_stream_ended_twice(self) -> None:
        self.server.receive_data(header(WINDOW_UPDATE, FIN, 1, 0))
        self.assert_fault(header(WINDOW_UPDATE, FIN, 1, 0))

    def test_a_stream_ended_again_with_data(self) -> None:
        self.server.receive_data(header(WINDOW_UPDATE, FIN, 1, 0))
        self.assert_fault(data_frame(1, b"x", FIN))

    def test_nothing_comes_of_what_is_behind_an_end_however_it_is_cut(self) -> None:
        self.server.receive_data(header(WINDOW_UPDATE, FIN, 1, 0))
        # The payload is still to come.
        self.assert_fault(header(DATA, FIN, 1, 5))

    def test_an_overrun_window(self) -> None:
        self.server.receive_data(data_frame(1, bytes(WINDOW - 10)))
        self.server.consumed(1, WINDOW // 4)
        self.assert_fault(header(DATA, 0, 1, 11))

    def test_credit_that_was_not_sent_yet_is_none(self) -> None:
        self.server.receive_data(data_frame(1, bytes(WINDOW)))
        self.server.consumed(1, WINDOW)
        self.assert_fault(header(DATA, 0, 1, 1))

    def test_a_frame_too_large_for_any_stream(self) -> None:
        self.assert_fault(header(DATA, 0, 77, WINDOW + 1))

    def test_more_credit_than_32_bits_hold(self) -> None:
        self.assert_fault(header(WINDOW_UPDATE, 0, 1, 0xFFFF_FFFF))

    def test_a_broken_connection_does_nothing_more(self) -> None:
        self.assert_fault(header(9, 0, 0, 0))
        self.assertRaises(GoneAway, self.server.open_stream)
        self.assertRaises(StreamClosed, self.server.send, 1, b"x")
        self.server.ping()
        self.server.go_away(0)
        self.server.reset(1)
        self.server.consumed(1, 1)
        self.assertEqual(self.server.next_bytes(PLENTY), b"")


class TooMany(SynchronousTestCase):
    def setUp(self) -> None:
        self.limits = Limits(max_streams=3, max_answers=10)
        self.server = Connection(Role.SERVER, self.limits)

    def open(self, *ids: int) -> list[object]:
        syns = b"".join(header(WINDOW_UPDATE, SYN, i, 0) for i in ids)
        return list(self.server.receive_data(syns))

    def test_streams_above_the_limit_are_reset(self) -> None:
        self.assertEqual(self.open(1, 3, 5, 7), [StreamOpened(i) for i in (1, 3, 5)])
        self.assertEqual(
            frames(self.server.next_bytes(PLENTY)),
            [(WINDOW_UPDATE, ACK, i, 0) for i in (1, 3, 5)]
            + [(WINDOW_UPDATE, RST, 7, 0)],
        )

    def test_data_of_a_refused_stream_is_skipped(self) -> None:
        self.open(1, 3, 5)
        self.assertEqual(self.server.receive_data(data_frame(7, b"x" * 99, SYN)), [])
        self.assertEqual(self.server.receive_data(data_frame(7, b"more")), [])

    def test_our_own_streams_do_not_count(self) -> None:
        for _ in range(4):
            self.server.open_stream()
        self.assertEqual(len(self.open(1, 3, 5)), 3)

    def test_a_stream_makes_room_when_it_ends(self) -> None:
        self.open(1, 3, 5)
        self.server.reset(1)
        self.server.receive_data(header(WINDOW_UPDATE, RST, 3, 0))
        self.server.send_fin(5)
        self.server.next_bytes(PLENTY)
        self.server.receive_data(header(WINDOW_UPDATE, FIN, 5, 0))
        self.assertEqual(len(self.open(7, 9, 11, 13)), 3)

    def test_a_flood_of_pings_that_we_can_not_answer_is_a_fault(self) -> None:
        for value in range(10):
            self.server.receive_data(header(PING, SYN, 0, value))
        self.assertRaises(
            ProtocolError, self.server.receive_data, header(PING, SYN, 0, 10)
        )
        self.assertEqual(self.server.next_bytes(PLENTY), GO_AWAY_1)

    def test_a_flood_of_streams_that_we_can_not_answer_is_a_fault(self) -> None:
        self.open(*range(1, 20, 2))
        self.assertRaises(ProtocolError, self.open, 21)

    def test_opening_and_resetting_without_end_is_a_fault(self) -> None:
        pair = header(WINDOW_UPDATE, SYN, 1, 0) + header(WINDOW_UPDATE, RST, 1, 0)
        self.server.receive_data(pair * 10)
        self.assertRaises(ProtocolError, self.server.receive_data, pair)

    def test_answers_that_were_sent_do_not_count(self) -> None:
        for value in range(100):
            self.server.receive_data(header(PING, SYN, 0, value))
            self.server.next_bytes(1)

    def test_what_our_own_side_queues_does_not_count(self) -> None:
        for _ in range(20):
            self.server.ping()
        self.server.receive_data(header(PING, SYN, 0, 0))

    def test_limits_that_break_the_specification_are_refused(self) -> None:
        for wrong in (
            {"receive_window": WINDOW - 1},
            {"receive_window": 1 << 32},
            {"receive_window": 2 * WINDOW, "max_frame": WINDOW},
            {"quantum": 0},
            {"max_streams": 4096, "max_answers": 4096},
        ):
            self.assertRaises(ValueError, Limits, **wrong)
