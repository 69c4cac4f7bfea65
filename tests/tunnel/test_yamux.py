"""One side of a yamux connection, by the bytes it takes and gives."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.yamux import (
    NORMAL,
    Connection,
    Data,
    Fin,
    GoAway,
    GoneAway,
    Limits,
    LocalError,
    Pong,
    Reset,
    Role,
    StreamClosed,
    StreamIDsExhausted,
    StreamOpened,
)
from cfos_cloud.tunnel.yamux_frames import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    header,
)

PLENTY = 1 << 20
WINDOW = 256 * 1024


def data_frame(stream_id: int, payload: bytes, flags: int = 0) -> bytes:
    return header(DATA, flags, stream_id, len(payload)) + payload


def frames(data: bytes) -> list[tuple[int, int, int, int]]:
    """Type, flags, stream ID and length of each frame in ``data``."""
    found = []
    while data:
        assert data[0] == 0
        length = int.from_bytes(data[8:12], "big")
        found.append(
            (
                data[1],
                int.from_bytes(data[2:4], "big"),
                int.from_bytes(data[4:8], "big"),
                length,
            )
        )
        data = data[12 + length :] if data[1] == DATA else data[12:]
    return found


class SentBytes(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Connection(Role.CLIENT)
        self.server = Connection(Role.SERVER)

    def test_a_client_opens_odd_streams_with_syn_on_a_window_update(self) -> None:
        self.assertEqual([self.client.open_stream() for _ in range(2)], [1, 3])
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            bytes.fromhex("00 01 0001 00000001 00000000 00 01 0001 00000003 00000000"),
        )

    def test_a_server_opens_even_streams(self) -> None:
        self.assertEqual([self.server.open_stream() for _ in range(2)], [2, 4])

    def test_a_new_stream_is_acknowledged_at_once_on_a_window_update(self) -> None:
        self.server.receive_data(header(WINDOW_UPDATE, SYN, 1, 0))
        self.assertEqual(
            self.server.next_bytes(PLENTY),
            bytes.fromhex("00 01 0002 00000001 00000000"),
        )

    def test_a_larger_receive_window_is_announced_with_syn_and_ack(self) -> None:
        limits = Limits(receive_window=WINDOW + 7, max_frame=PLENTY)
        client = Connection(Role.CLIENT, limits)
        client.open_stream()
        client.receive_data(header(WINDOW_UPDATE, SYN, 2, 0))
        self.assertEqual(
            frames(client.next_bytes(PLENTY)),
            [(WINDOW_UPDATE, SYN, 1, 7), (WINDOW_UPDATE, ACK, 2, 7)],
        )

    def test_what_was_sent_in_pieces_leaves_in_one_data_frame(self) -> None:
        self.open()
        for piece in (b"he", b"", b"ll", b"o" * 2000):
            self.client.send(1, piece)
        self.assertEqual(self.client.queued(1), 2004)
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            bytes.fromhex("00 00 0000 00000001 000007d4") + b"hell" + b"o" * 2000,
        )
        self.assertEqual(self.client.queued(1), 0)
        self.assertEqual(self.client.next_bytes(PLENTY), b"")

    def test_fin_leaves_after_all_data_on_a_window_update(self) -> None:
        self.open()
        self.client.send(1, b"x" * (WINDOW + 1))
        self.client.send_fin(1)
        self.assertNotIn(
            (WINDOW_UPDATE, FIN, 1, 0), frames(self.client.next_bytes(PLENTY))
        )
        self.client.receive_data(header(WINDOW_UPDATE, 0, 1, 10))
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            data_frame(1, b"x") + bytes.fromhex("00 01 0004 00000001 00000000"),
        )
        self.assertEqual(self.client.next_bytes(PLENTY), b"")

    def test_fin_needs_no_data_and_no_credit(self) -> None:
        self.open()
        self.client.send(1, b"x" * WINDOW)
        self.client.next_bytes(PLENTY)
        self.client.send_fin(1)
        self.assertEqual(
            frames(self.client.next_bytes(PLENTY)), [(WINDOW_UPDATE, FIN, 1, 0)]
        )

    def test_reset_drops_what_is_queued(self) -> None:
        self.open()
        self.client.send(1, b"never seen")
        self.client.reset(1)
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            bytes.fromhex("00 01 0008 00000001 00000000"),
        )
        self.assertEqual((self.client.queued(1), self.client.streams), (0, 0))

    def test_reset_of_a_forgotten_stream_sends_nothing(self) -> None:
        self.client.reset(1)
        self.assertEqual(self.client.next_bytes(PLENTY), b"")

    def test_ping_carries_a_new_value_each_time(self) -> None:
        self.assertEqual([self.client.ping(), self.client.ping()], [0, 1])
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            bytes.fromhex("00 02 0001 00000000 00000000 00 02 0001 00000000 00000001"),
        )

    def test_go_away_carries_its_code(self) -> None:
        self.client.go_away(2)
        self.assertEqual(
            self.client.next_bytes(PLENTY),
            bytes.fromhex("00 03 0000 00000000 00000002"),
        )

    def test_no_bytes_are_given_for_no_room(self) -> None:
        self.client.ping()
        self.assertEqual(self.client.next_bytes(0), b"")

    def test_a_closed_direction_takes_no_more(self) -> None:
        self.open()
        self.client.send_fin(1)
        self.assertRaises(StreamClosed, self.client.send, 1, b"late")
        self.assertRaises(StreamClosed, self.client.send_fin, 1)
        self.assertTrue(issubclass(StreamClosed, LocalError))

    def test_an_unknown_stream_takes_nothing(self) -> None:
        self.assertRaises(StreamClosed, self.client.send, 9, b"lost")
        self.assertRaises(StreamClosed, self.client.send_fin, 9)
        self.assertEqual(self.client.queued(9), 0)

    def test_stream_ids_run_out(self) -> None:
        self.client._next_stream_id = 0xFFFF_FFFF
        self.assertEqual(self.client.open_stream(), 0xFFFF_FFFF)
        self.assertRaises(StreamIDsExhausted, self.client.open_stream)

    def open(self) -> None:
        self.client.open_stream()
        self.client.next_bytes(PLENTY)


class ReceivedBytes(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Connection(Role.SERVER)

    def receive(self, *data: bytes) -> list[object]:
        return list(self.server.receive_data(b"".join(data)))

    def test_syn_opens_a_stream_on_either_kind_of_frame(self) -> None:
        self.assertEqual(
            self.receive(header(WINDOW_UPDATE, SYN, 1, 0), data_frame(3, b"hi", SYN)),
            [StreamOpened(1), StreamOpened(3), Data(3, b"hi")],
        )
        self.assertEqual(self.server.streams, 2)

    def test_streams_may_be_opened_out_of_order(self) -> None:
        self.assertEqual(
            self.receive(
                header(WINDOW_UPDATE, SYN, 3, 0), header(WINDOW_UPDATE, SYN, 1, 0)
            ),
            [StreamOpened(3), StreamOpened(1)],
        )

    def test_credit_may_come_with_syn_and_with_ack(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 5))
        self.server.open_stream()
        self.receive(header(WINDOW_UPDATE, ACK, 2, 6))
        for stream_id in (1, 2):
            self.server.send(stream_id, bytes(WINDOW + 10))
        while self.server.next_bytes(PLENTY):
            continue
        self.assertEqual([self.server.queued(1), self.server.queued(2)], [5, 4])

    def test_a_large_frame_is_reported_as_it_comes(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        frame = data_frame(1, bytes(range(200)))
        self.assertEqual([self.receive(frame[:5]), self.receive(frame[5:12])], [[], []])
        self.assertEqual(self.receive(frame[12:50]), [Data(1, bytes(range(38)))])
        self.assertEqual(
            self.receive(frame[50:], header(WINDOW_UPDATE, FIN, 1, 0)),
            [Data(1, bytes(range(38, 200))), Fin(1)],
        )

    def test_each_byte_may_come_alone(self) -> None:
        sent = (
            header(WINDOW_UPDATE, SYN, 1, 0)
            + data_frame(1, b"ab", FIN)
            + header(GO_AWAY, 0, 0, 7)
        )
        events = [event for byte in sent for event in self.receive(bytes([byte]))]
        self.assertEqual(
            events, [StreamOpened(1), Data(1, b"a"), Data(1, b"b"), Fin(1), GoAway(7)]
        )

    def test_fin_on_a_data_frame_comes_after_its_data(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        frame = data_frame(1, b"last", FIN)
        self.assertEqual(self.receive(frame[:-1]), [Data(1, b"las")])
        self.assertEqual(self.receive(frame[-1:]), [Data(1, b"t"), Fin(1)])

    def test_fin_on_an_empty_data_frame_ends_the_stream(self) -> None:
        self.assertEqual(
            self.receive(header(DATA, SYN | FIN, 1, 0)), [StreamOpened(1), Fin(1)]
        )

    def test_an_empty_data_frame_means_nothing(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.assertEqual(self.receive(data_frame(1, b"")), [])

    def test_our_direction_stays_open_after_the_peers_fin(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN | FIN, 1, 0))
        self.server.next_bytes(PLENTY)
        self.server.send(1, b"answer")
        self.assertEqual(self.server.next_bytes(PLENTY), data_frame(1, b"answer"))
        self.assertEqual(self.server.streams, 1)

    def test_the_peers_direction_stays_open_after_our_fin(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.server.send_fin(1)
        self.server.next_bytes(PLENTY)
        self.assertEqual(self.receive(data_frame(1, b"more")), [Data(1, b"more")])

    def test_a_stream_is_forgotten_when_both_fins_went(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0), header(WINDOW_UPDATE, SYN, 3, 0))
        self.receive(header(WINDOW_UPDATE, FIN, 1, 0))
        self.server.send(1, b"x")
        self.server.send_fin(1)
        self.assertEqual(self.server.streams, 2)
        self.server.next_bytes(PLENTY)
        self.assertEqual(self.server.streams, 1)
        self.server.send_fin(3)
        self.server.next_bytes(PLENTY)
        self.assertEqual(self.receive(header(WINDOW_UPDATE, FIN, 3, 0)), [Fin(3)])
        self.assertEqual(self.server.streams, 0)
        self.assertRaises(StreamClosed, self.server.send, 1, b"late")

    def test_the_peers_reset_forgets_the_stream_and_what_is_queued(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.server.next_bytes(PLENTY)
        self.server.send(1, b"dropped")
        self.assertEqual(self.receive(header(WINDOW_UPDATE, RST, 1, 0)), [Reset(1)])
        self.assertEqual((self.server.queued(1), self.server.streams), (0, 0))
        self.assertEqual(self.server.next_bytes(PLENTY), b"")

    def test_data_on_a_reset_frame_is_skipped(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.assertEqual(
            self.receive(data_frame(1, b"junk", RST), header(GO_AWAY, 0, 0, 0)),
            [Reset(1), GoAway(0)],
        )

    def test_late_frames_of_a_forgotten_stream_are_skipped(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.server.reset(1)
        self.server.next_bytes(PLENTY)
        late = data_frame(1, bytes(WINDOW))
        for cut in range(0, len(late), 60_000):
            self.assertEqual(self.receive(late[cut : cut + 60_000]), [])
        for kind in (DATA, WINDOW_UPDATE):
            for flags in (0, ACK, FIN, RST):
                self.assertEqual(self.receive(header(kind, flags, 1, 0)), [])
        self.assertEqual(self.receive(header(GO_AWAY, 0, 0, 0)), [GoAway(0)])
        self.assertEqual(self.server.next_bytes(PLENTY), b"")

    def test_the_rest_of_a_frame_is_skipped_when_its_stream_is_reset(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        frame = data_frame(1, b"first rest", FIN)
        self.receive(frame[:17])
        self.server.reset(1)
        self.assertEqual(
            self.receive(frame[17:], header(GO_AWAY, 0, 0, 0)), [GoAway(0)]
        )

    def test_data_after_fin_is_skipped(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN | FIN, 1, 0))
        self.assertEqual(self.receive(data_frame(1, b"late")), [])

    def test_frames_of_streams_never_opened_are_skipped(self) -> None:
        self.assertEqual(
            self.receive(
                data_frame(0, b"x"), data_frame(7, b"y"), header(WINDOW_UPDATE, 0, 8, 1)
            ),
            [],
        )

    def test_unknown_flags_mean_nothing(self) -> None:
        self.receive(header(WINDOW_UPDATE, SYN, 1, 0))
        self.assertEqual(self.receive(data_frame(1, b"x", 0xFFF0)), [Data(1, b"x")])

    def test_a_ping_is_answered_with_its_value(self) -> None:
        self.assertEqual(self.receive(header(PING, SYN, 0, 0xCAFE)), [])
        self.assertEqual(
            self.server.next_bytes(PLENTY),
            bytes.fromhex("00 02 0002 00000000 0000cafe"),
        )

    def test_a_pong_is_reported_once_and_only_for_our_pings(self) -> None:
        value = self.server.ping()
        pong = header(PING, ACK, 0, value)
        self.assertEqual(
            self.receive(header(PING, ACK, 0, value + 1), pong, pong), [Pong(value)]
        )


class GoingAway(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Connection(Role.CLIENT)
        self.client.open_stream()
        self.client.next_bytes(PLENTY)

    def test_no_stream_is_opened_after_the_peers_goaway(self) -> None:
        self.assertFalse(self.client.goaway_received)
        self.client.receive_data(header(GO_AWAY, 0, 0, NORMAL))
        self.assertTrue(self.client.goaway_received)
        self.assertRaises(GoneAway, self.client.open_stream)

    def test_no_stream_is_opened_after_our_goaway(self) -> None:
        self.client.go_away(NORMAL)
        self.assertRaises(GoneAway, self.client.open_stream)
        self.assertFalse(self.client.goaway_received)

    def test_streams_of_the_peer_are_reset_after_our_goaway(self) -> None:
        self.client.go_away(NORMAL)
        self.client.next_bytes(PLENTY)
        self.assertEqual(self.client.receive_data(data_frame(2, b"x", SYN)), [])
        self.assertEqual(
            frames(self.client.next_bytes(PLENTY)), [(WINDOW_UPDATE, RST, 2, 0)]
        )

    def test_live_streams_go_on_after_a_goaway_of_either_side(self) -> None:
        self.client.go_away(NORMAL)
        self.client.receive_data(header(GO_AWAY, 0, 0, NORMAL))
        self.client.next_bytes(PLENTY)
        self.client.send(1, b"out")
        self.assertEqual(self.client.next_bytes(PLENTY), data_frame(1, b"out"))
        self.assertEqual(
            self.client.receive_data(data_frame(1, b"in")), [Data(1, b"in")]
        )
