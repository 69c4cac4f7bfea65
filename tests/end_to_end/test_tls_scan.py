"""TLS as a scanner finds it: by Mozilla's "intermediate" profile, in all points."""

from __future__ import annotations

from tests.end_to_end.case import EndToEndTestCase
from tests.tls_scan import intermediate_findings, require_sslyze


class ScanTests(EndToEndTestCase):
    def setUp(self) -> None:
        require_sslyze()
        super().setUp()

    def test_nothing_but_its_issuer_is_said_of_a_new_server(self) -> None:
        found = intermediate_findings(self.server.port, "localhost")
        # Nobody vouches for a certificate that the server has made for itself.
        self.assertEqual(list(found), ["certificate_path_validation"], found)
