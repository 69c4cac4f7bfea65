"""WebSockets through the tunnel are those of the device; all cases: ``make slow``."""

from __future__ import annotations

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.websocket_cases import compare, echo

#: Of each kind some that take milliseconds.
CASES = (
    *("1.*", "2.*", "3.*", "4.*", "5.1", "5.2", "5.3", "5.6", "5.7", "5.8", "5.18"),
    *("6.1.*", "6.2.*", "6.3.1", "7.*", "9.1.1", "9.1.2", "9.2.1", "10.*"),
    *("12.1.1", "13.1.1", "13.3.1"),
)


class WebSocketCaseTests(EndToEndTestCase):
    def test_what_the_echo_server_passes_it_passes_through_the_tunnel(self) -> None:
        path = self.route(echo)
        found = compare(self.target.port, self.admin, path, CASES)
        self.assertEqual(found.only_through(), {})
        self.assertEqual(found.through.keys(), found.bare.keys())
        passed = sum(verdict.passed for verdict in found.bare.values())
        self.assertGreater(passed, 90)
