"""The line passes everything on, and no faster than it says."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.processes import Processes, free_ports
from benchmarks.slow_line import BYTES_A_SECOND, start_line

SIZE = BYTES_A_SECOND // 10


class LineTests(SynchronousTestCase):
    def test_it_is_slow_upwards_and_keeps_every_byte(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        (port,) = free_ports(1)
        data = bytes(range(256)) * (SIZE // 256)
        with (
            socket.create_server(("127.0.0.1", 0)) as target,
            Processes(directory) as processes,
        ):
            start_line(processes, port, target.getsockname()[1])
            self.take(target, 0)  # the look whether it listens
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                begun = time.monotonic()
                sending = threading.Thread(target=client.sendall, args=(data,))
                sending.start()
                got = self.take(target, len(data))
                self.assertGreater(time.monotonic() - begun, 0.09)
                sending.join(30)
            self.assertTrue(got == data)

    def take(self, target: socket.socket, size: int) -> bytes:
        target.settimeout(30)
        connection, _ = target.accept()
        got = b""
        with connection:
            connection.settimeout(30)
            while len(got) < size:
                got += connection.recv(2**16)
        return got
