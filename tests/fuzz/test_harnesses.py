"""A bounded number of inputs for each reader, always the same ones."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.harnesses import HARNESSES
from tests.fuzz.mutations import inputs

#: Inputs by chance for each, beside the seeds: some seconds in all.
COUNT = 1_000


class FuzzTests(SynchronousTestCase):
    def run_harness(self, name: str) -> None:
        harness = HARNESSES[name]
        for data in inputs(harness, COUNT):
            try:
                harness.check(data)
            except Exception as error:
                raise AssertionError(f"{name}: {error!r} of {data!r}") from error

    def test_requests(self) -> None:
        self.run_harness("request-head")

    def test_responses(self) -> None:
        self.run_harness("response-head")

    def test_client_hellos(self) -> None:
        self.run_harness("client-hello")

    def test_yamux(self) -> None:
        self.run_harness("yamux")

    def test_control_messages(self) -> None:
        self.run_harness("control")

    def test_scram(self) -> None:
        self.run_harness("scram")

    def test_websockets(self) -> None:
        self.run_harness("websocket")

    def test_each_has_its_test(self) -> None:
        tests = [name for name in dir(self) if name.startswith("test_")]
        self.assertEqual(len(tests) - 1, len(HARNESSES))
