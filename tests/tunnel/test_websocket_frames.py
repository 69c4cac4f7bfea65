"""A tunnel's bytes as messages of a WebSocket, without a network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.websocket_frames import (
    MESSAGE_BYTES,
    FrameEvent,
    PeerBroken,
    PeerCloses,
    PeerPings,
    WebSocketFrames,
    accept_of,
    new_key,
)
from tests.end_to_end import websocket


def fed(frames: WebSocketFrames, pieces: Iterable[bytes]) -> list[FrameEvent]:
    return [event for piece in pieces for event in frames.receive(piece)]


def payload_of(events: Iterable[FrameEvent]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(where % (len(data) + 1) for where in at)})
    return [data[start:end] for start, end in pairwise(edges)]


class FrameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = WebSocketFrames(client=True)
        self.server = WebSocketFrames(client=False)

    @given(
        st.lists(st.binary(min_size=1, max_size=300), max_size=8),
        st.lists(st.integers(min_value=0), max_size=12),
        st.booleans(),
    )
    def test_bytes_arrive_as_they_were_however_they_are_cut(
        self, writes: list[bytes], at: list[int], from_client: bool
    ) -> None:
        sender = WebSocketFrames(client=from_client)
        receiver = WebSocketFrames(client=not from_client)
        wire = b"".join(map(sender.messages, writes))
        self.assertEqual(payload_of(fed(receiver, cut(wire, at))), b"".join(writes))

    def test_a_write_of_any_size_is_messages_of_64_kib_at_most(self) -> None:
        data = os.urandom(3 * MESSAGE_BYTES + 1)
        wire = self.server.messages(data)
        sizes = []

        def ended() -> bytes:
            raise EOFError

        reader = websocket.Reader(ended, wire)
        for _ in range(4):
            opcode, payload = reader.read_frame()
            self.assertEqual(opcode, websocket.BINARY)
            sizes.append(len(payload))
        self.assertEqual(sizes, [*[MESSAGE_BYTES] * 3, 1])
        self.assertRaises(EOFError, reader.read_frame)

    def test_a_client_masks_and_a_server_does_not(self) -> None:
        self.assertTrue(self.client.messages(b"x")[1] & 0x80)
        self.assertFalse(self.server.messages(b"x")[1] & 0x80)
        self.assertNotEqual(
            self.client.messages(b"x" * 64), self.client.messages(b"x" * 64)
        )

    def test_the_wrong_mask_ends_it(self) -> None:
        [event] = self.server.receive(WebSocketFrames(client=False).messages(b"x"))
        self.assertIsInstance(event, PeerBroken)
        [event] = self.client.receive(WebSocketFrames(client=True).messages(b"x"))
        self.assertIsInstance(event, PeerBroken)

    def test_a_message_need_not_be_whole_to_be_passed_on(self) -> None:
        head = b"\x82\x7f" + (2**40).to_bytes(8, "big")
        self.assertEqual(fed(self.client, [head]), [])
        for _ in range(3):
            self.assertEqual(fed(self.client, [b"x" * 1000]), [b"x" * 1000])

    def test_a_message_in_fragments_is_passed_on(self) -> None:
        wire = b"\x02\x02ab" + b"\x89\x01p" + b"\x00\x02cd" + b"\x80\x01e"
        self.assertEqual(
            fed(self.client, [wire]), [b"ab", PeerPings(b"p"), b"cd", b"e"]
        )

    def test_text_ends_it(self) -> None:
        self.assertEqual(
            fed(self.client, [b"\x81\x01x"]), [PeerBroken("a message is text")]
        )
        self.assertEqual(fed(self.client, [self.server.messages(b"more")]), [])

    def test_a_pong_has_the_ping_s_payload(self) -> None:
        ping = websocket.frame(9, b"are you there", masked=True)
        [event] = self.server.receive(ping)
        self.assertEqual(event, PeerPings(b"are you there"))
        self.assertEqual(
            self.server.pong(b"are you there"), websocket.frame(10, b"are you there")
        )

    def test_both_close_once(self) -> None:
        first = self.client.close()
        self.assertEqual(fed(self.server, [first]), [PeerCloses()])
        answer = self.server.close()
        self.assertEqual(fed(self.client, [answer]), [PeerCloses()])
        for side in (self.client, self.server):
            self.assertEqual(
                (side.close(), side.messages(b"x"), side.pong(b"x")), (b"", b"", b"")
            )
            self.assertEqual(fed(side, [b"\x82\x01x"]), [])

    def test_what_was_on_its_way_still_arrives_after_our_close(self) -> None:
        self.client.close()
        wire = self.server.messages(b"late") + self.server.close()
        self.assertEqual(fed(self.client, [wire]), [b"late", PeerCloses()])

    @given(st.lists(st.binary(max_size=64), max_size=20), st.booleans())
    def test_any_bytes_are_events_or_an_end(
        self, pieces: list[bytes], client: bool
    ) -> None:
        frames = WebSocketFrames(client=client)
        events = fed(frames, pieces)
        ends = [e for e in events if isinstance(e, PeerBroken | PeerCloses)]
        self.assertLessEqual(len(ends), 1)
        self.assertEqual(ends, events[-len(ends) :] if ends else [])
        self.assertLessEqual(len(payload_of(events)), sum(map(len, pieces)))

    def test_the_handshake_s_example_comes_out(self) -> None:
        # RFC 6455 §1.3
        self.assertEqual(
            accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        )
        self.assertEqual(len({new_key() for _ in range(20)}), 20)
