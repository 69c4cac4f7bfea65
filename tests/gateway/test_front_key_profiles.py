"""What a reading key may ask for depends on the kind of device that is behind it."""

from __future__ import annotations

from cfos_cloud.keys.key import Role
from tests.gateway.key_support import REFUSED, KeyCase

INFO = b"/cnf?cmd=get_dev_info"
CHANGE = b"/cnf?cmd=set_params&title=x"


class ProfileTests(KeyCase):
    def ask_for(self, target: bytes) -> bytes:
        """What the key's application is answered by the server alone."""
        self.app.ask(target, *self.bearing(self.issue(Role.API)))
        self.pump()
        return self.app.wire.take()

    def test_a_charging_managers_commands_that_read_get_there(self) -> None:
        self.tunnel.session.profile = "cfos"
        self.assertEqual(self.ask_for(INFO), b"")
        self.assertEqual(self.stream.requests[0].start, b"GET " + INFO + b" HTTP/1.1")

    def test_its_others_do_not(self) -> None:
        self.tunnel.session.profile = "cfos"
        self.assertEqual(self.ask_for(CHANGE), REFUSED)

    def test_nor_does_any_at_another_device(self) -> None:
        for profile in (None, "tq", "generic"):
            self.tunnel.session.profile = profile
            self.assertEqual(self.ask_for(INFO), REFUSED)

    def test_an_application_is_told_that_the_device_is_offline(self) -> None:
        self.tunnel.cut()
        self.assertIn(b"HTTP/1.1 503 ", self.ask_for(INFO))
        self.assertEqual(self.ask_for(CHANGE), REFUSED)
