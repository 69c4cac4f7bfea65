"""A scan that can't be made is never taken for one that has found nothing."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests import tls_scan


class RequirementTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(tls_scan, "SSLYZE", Path("/nowhere/sslyze"))
        self.patch(os, "environ", {k: v for k, v in os.environ.items() if k != "CI"})

    def test_without_sslyze_there_is_none_and_it_says_so(self) -> None:
        with self.assertRaisesRegex(SkipTest, "make test installs it"):
            tls_scan.require_sslyze()

    def test_where_every_change_is_tested_that_is_a_failure(self) -> None:
        os.environ["CI"] = "1"
        with self.assertRaisesRegex(AssertionError, "scripts/make-sslyze"):
            tls_scan.require_sslyze()
