"""A thousand certificates, one after another, into a server that is in use."""

from __future__ import annotations

from tests.end_to_end import test_certificate


class ThousandSwapsTests(test_certificate.SwapTests):
    swaps = 1000
    timeout = 3600
