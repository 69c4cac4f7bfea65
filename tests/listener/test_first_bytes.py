from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.first_bytes import Route, choose


class FirstBytesTests(SynchronousTestCase):
    def test_nothing_is_too_early(self) -> None:
        self.assertIs(choose(b""), Route.NEED_MORE)

    def test_a_handshake_record_is_tls(self) -> None:
        self.assertIs(choose(b"\x16"), Route.TLS)
        self.assertIs(choose(b"\x16\x03\x01\x02\x00\x01"), Route.TLS)

    def test_every_other_first_byte_is_plain(self) -> None:
        for byte in set(range(256)) - {0x16}:
            self.assertIs(choose(bytes([byte]) + b"\x16"), Route.PLAIN)
