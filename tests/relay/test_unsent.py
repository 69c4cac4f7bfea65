"""What a system takes in advance, on a connection that many share."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from typing import Any

from twisted.internet.tcp import Connection
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cfos_cloud.relay.prompt import PromptTransport
from cfos_cloud.relay.unsent import UNSENT_BYTES, keep_unsent_short
from tests.memory import MemoryTransport

#: Bytes of one write.
WRITE = 16 * 1024
#: Linux joins writes to packets of up to 64 KiB, and takes a whole one.
MOST = UNSENT_BYTES + 64 * 1024
#: tcp(7), linux/sockios.h
SIOCOUTQNSD = 0x894B


def unsent(connection: socket.socket) -> int:
    """Bytes that the system has taken and not sent."""
    (size,) = struct.unpack("i", fcntl.ioctl(connection, SIOCOUTQNSD, bytes(4)))
    return int(size)


class UnsentTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            raise SkipTest("how much is unsent only Linux tells")
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.sender = socket.create_connection(listening.getsockname())
        self.addCleanup(self.sender.close)
        self.reader, _ = listening.accept()
        self.addCleanup(self.reader.close)
        self.sender.setblocking(False)

    def fill(self) -> int:
        """Write until it takes no more; how much is unsent then."""
        with self.assertRaises(BlockingIOError):
            for _ in range(10_000):
                self.sender.send(bytes(WRITE))
        return unsent(self.sender)

    def short(self) -> None:
        tcp: Any = Connection.__new__(Connection)
        tcp.socket, tcp.connected = self.sender, True
        transport: Any = PromptTransport(tcp)
        keep_unsent_short(transport)

    def test_nobody_who_reads_leaves_little_of_it_unsent(self) -> None:
        self.short()
        self.assertLessEqual(self.fill(), MOST)

    def test_else_it_would_be_much(self) -> None:
        self.assertGreater(self.fill(), MOST)

    def test_what_has_no_socket_is_left_as_it_is(self) -> None:
        keep_unsent_short(MemoryTransport())
        keep_unsent_short(None)
