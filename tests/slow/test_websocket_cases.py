"""All cases of the Autobahn test suite, through server and tunnel."""

from __future__ import annotations

from collections.abc import Sequence

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.websocket_cases import compare, echo

#: All but those of compression, which take most of the time.
UNCOMPRESSED = [f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10)]


class WebSocketCaseTests(EndToEndTestCase):
    timeout = 3600

    def compare(self, cases: Sequence[str], least: int, *options: str) -> None:
        site = self.make_site(*options)
        site.target.routes["/cases"] = echo
        client = site.device.client()
        found = compare(site.target.port, client, "/cases", cases)
        print(found)
        self.assertEqual(found.only_through(), {})
        self.assertGreater(len(found.bare), least)

    def test_what_the_echo_server_passes_it_passes_through_the_tunnel(self) -> None:
        self.compare(["*"], 500)

    def test_so_it_does_where_the_tunnel_is_a_websocket_itself(self) -> None:
        self.compare(UNCOMPRESSED, 290, "--transport=websocket")
