"""In which order a yamux connection sends, and when it gives credit."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.yamux import Connection, LocalError, Role
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

QUANTUM = 16 * 1024


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Connection(Role.CLIENT)
        self.ids = [self.client.open_stream() for _ in range(3)]
        self.client.next_bytes(PLENTY)

    def sent(self, limit: int = PLENTY) -> list[tuple[int, int]]:
        """Stream ID and size of the data frames that leave next."""
        return [
            (stream_id, length)
            for kind, _, stream_id, length in frames(self.client.next_bytes(limit))
            if kind == DATA
        ]

    def test_streams_send_a_quantum_in_turn(self) -> None:
        for stream_id in self.ids:
            self.client.send(stream_id, bytes(2 * QUANTUM + stream_id))
        self.assertEqual(
            self.sent(),
            [(i, QUANTUM) for i in self.ids] * 2 + [(i, i) for i in self.ids],
        )

    def test_turns_go_on_where_the_last_bytes_ended(self) -> None:
        for stream_id in self.ids:
            self.client.send(stream_id, bytes(2 * QUANTUM))
        self.assertEqual(
            [self.sent(1) for _ in range(6)], [[(i, QUANTUM)] for i in self.ids * 2]
        )

    def test_a_small_stream_waits_one_quantum_of_a_large_one_at_most(self) -> None:
        self.client.send(1, bytes(WINDOW))
        self.sent(1)
        self.client.send(3, b"small")
        self.assertEqual(self.sent(QUANTUM + 13), [(1, QUANTUM), (3, 5)])

    def test_a_stream_alone_fills_the_limit_with_one_frame(self) -> None:
        self.client.send(1, bytes(WINDOW))
        self.assertEqual(self.sent(4 * QUANTUM), [(1, 4 * QUANTUM)])

    def test_the_limit_is_exceeded_by_one_frame_at_most(self) -> None:
        for stream_id in self.ids:
            self.client.send(stream_id, bytes(WINDOW))
        for limit in (1, QUANTUM, QUANTUM + 13, 3 * QUANTUM):
            size = len(self.client.next_bytes(limit))
            self.assertTrue(limit <= size < limit + QUANTUM + 12)

    def test_frames_without_data_overtake_data(self) -> None:
        self.client.send(1, b"data")
        self.client.ping()
        self.client.receive_data(header(PING, SYN, 0, 9))
        self.client.reset(3)
        self.client.open_stream()
        self.assertEqual(
            frames(self.client.next_bytes(PLENTY)),
            [
                (PING, SYN, 0, 0),
                (PING, ACK, 0, 9),
                (WINDOW_UPDATE, RST, 3, 0),
                (WINDOW_UPDATE, SYN, 7, 0),
                (DATA, 0, 1, 4),
            ],
        )

    def test_a_fin_waits_for_its_own_stream_only(self) -> None:
        self.client.send(1, bytes(3 * QUANTUM))
        self.client.send(3, b"x")
        self.client.send_fin(3)
        self.client.send_fin(1)
        self.assertEqual(
            frames(self.client.next_bytes(PLENTY)),
            [
                (DATA, 0, 1, QUANTUM),
                (DATA, 0, 3, 1),
                (WINDOW_UPDATE, FIN, 3, 0),
                (DATA, 0, 1, 2 * QUANTUM),
                (WINDOW_UPDATE, FIN, 1, 0),
            ],
        )

    def test_a_stream_without_credit_stops_none_of_the_others(self) -> None:
        self.client.send(1, bytes(WINDOW + 1))
        self.client.next_bytes(PLENTY)
        self.client.send(3, b"free")
        self.assertEqual(self.sent(), [(3, 4)])
        self.assertEqual(self.client.queued(1), 1)
        self.client.receive_data(header(WINDOW_UPDATE, 0, 1, 1))
        self.assertEqual(self.sent(), [(1, 1)])

    def test_chunks_are_cut_and_joined_without_loss(self) -> None:
        sent = bytes(range(256)) * 256
        for cut in range(0, len(sent), 1000):
            self.client.send(1, sent[cut : cut + 1000])
        got = b""
        while frame := self.client.next_bytes(1):
            got += frame[12:]
        self.assertEqual(got, sent)

    def test_the_peer_can_end_a_stream_that_waits_for_its_turn(self) -> None:
        self.client.send(1, bytes(WINDOW))
        self.client.send(3, b"after")
        self.client.receive_data(header(WINDOW_UPDATE, RST, 1, 0))
        self.assertEqual(self.sent(), [(3, 5)])


class Credit(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Connection(Role.SERVER)
        self.server.receive_data(
            header(WINDOW_UPDATE, SYN, 1, 0) + data_frame(1, bytes(WINDOW))
        )
        self.server.next_bytes(PLENTY)

    def updates(self) -> list[tuple[int, int, int, int]]:
        return frames(self.server.next_bytes(PLENTY))

    def test_half_a_window_is_announced_at_once(self) -> None:
        self.server.consumed(1, WINDOW // 2 - 1)
        self.assertEqual(self.updates(), [])
        self.server.consumed(1, 1)
        for _ in range(3):
            self.assertEqual(self.updates(), [(WINDOW_UPDATE, 0, 1, WINDOW // 2)])
            self.assertEqual(self.updates(), [])
            self.server.receive_data(data_frame(1, bytes(WINDOW // 2)))
            self.server.consumed(1, WINDOW // 2)

    def test_credit_that_waits_to_be_sent_is_one_frame(self) -> None:
        for _ in range(4):
            self.server.consumed(1, WINDOW // 4)
        self.assertEqual(self.updates(), [(WINDOW_UPDATE, 0, 1, WINDOW)])
        self.server.receive_data(data_frame(1, bytes(WINDOW)))

    def test_more_than_was_received_can_not_be_consumed(self) -> None:
        self.server.consumed(1, WINDOW)
        self.assertRaises(LocalError, self.server.consumed, 1, 1)
        self.assertRaises(LocalError, self.server.consumed, 1, -1)
        self.updates()
        self.assertRaises(LocalError, self.server.consumed, 1, 1)

    def test_no_credit_is_given_to_a_peer_that_has_ended(self) -> None:
        self.server.receive_data(header(WINDOW_UPDATE, FIN, 1, 0))
        self.server.consumed(1, WINDOW)
        self.assertEqual(self.updates(), [])

    def test_no_credit_is_given_if_the_stream_ends_before_it_is_sent(self) -> None:
        self.server.consumed(1, WINDOW)
        self.server.receive_data(header(WINDOW_UPDATE, RST, 1, 0))
        self.assertEqual(self.updates(), [])

    def test_a_forgotten_stream_may_be_consumed(self) -> None:
        self.server.reset(1)
        self.updates()
        self.server.consumed(1, WINDOW)
        self.assertEqual(self.updates(), [])
