"""What the tests here have in common: a site whose every part may be harmed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.chaos import census, visits
from tests.chaos.changes import Changes
from tests.chaos.link import Link
from tests.chaos.network import Network
from tests.chaos.target_process import TargetProcess
from tests.chaos.visits import Ending, Visit
from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Client
from tests.end_to_end.daemons import DeviceEnd, Server
from tests.end_to_end.keys import METER, Key, KeyAdmin, bearer
from tests.end_to_end.processes import Process, wait_until
from tests.end_to_end.visitor import tls_refusal
from tests.soak.samples import gauges

#: Seconds in which idle connections to the target end.
IDLE_SECONDS = 12.0
#: Seconds for whatever is left over to go: a connection may be idle for 75.
LEFT_SECONDS = 100.0
#: Seconds between two looks.
COUNT_SECONDS = 2.0
#: Seconds for a device end to be back: it waits up to a minute between two tries.
RETURN_SECONDS = 100.0
#: Two pings without an answer, and the moment of the third.
DEAD_SECONDS = 3 * 25.0

BAD = (Ending.REFUSED, Ending.CUT)
#: What can't be over by chance.
LONG = ("download", "sized download", "upload", "WebSocket")


class ChaosTestCase(EndToEndTestCase):
    """A server, a device end and a target, of this test alone."""

    # trial's own limit is two minutes.
    timeout = 900
    #: Whether TLS of people ends at the device end.
    end_to_end = False

    def server_options(self) -> tuple[str, ...]:
        """More of the server's."""
        return ("--domain=localhost",) if self.end_to_end else ()

    def start(
        self,
        *options: str,
        launcher: Sequence[str] = (),
        host: str = "127.0.0.1",
        far: Network | None = None,
        through: Callable[[int], Link] | None = None,
    ) -> None:
        """
        All three of them, with everything used once.

        :param options: more of the device end's.
        :param launcher: what goes before the command line of both daemons.
        :param far: where device end and target are.
        :param through: makes the line from the device end to the server's port.
        """
        self.counts = {
            name: self.directory / f"{name}.counts" for name in ("server", "device")
        }
        there = () if far is None else far.launcher
        self.cloud: Server = self.make_server(
            *self.server_options(),
            host=host,
            launcher=(*census.launcher(self.counts["server"]), *launcher),
        )
        self.targets = TargetProcess(self.directory, there)
        self.addCleanup(self.targets.close)
        if through is not None:
            # The last one counts.
            port = through(self.cloud.port).port
            options = (*options, f"--server=https://127.0.0.1:{port}")
        if self.end_to_end:
            options = (*options, "--end-to-end")
        self.device: DeviceEnd = self.make_device(
            self.cloud,
            "Chaos",
            self.cloud.add_system("Chaos"),
            self.targets.url,
            *options,
            launcher=(*there, *census.launcher(self.counts["device"]), *launcher),
        )
        self.browser: Client = self.device.client()
        self.keys = KeyAdmin(Site(self.device, self.make_target()), self.browser)
        self.key = self.keys.make()

    @property
    def kinds(self) -> dict[str, Callable[[Client], Visit]]:
        """Everything that somebody does; what is over soon comes last."""
        return {
            "download": visits.download,
            "sized download": visits.sized_download,
            "upload": visits.upload,
            "WebSocket": visits.web_socket,
            "event stream": visits.event_stream,
            "small request": visits.small_request,
            "log-in": visits.log_in(self.device.cloud_id),
        }

    # in the midst of it

    def begin_all(self) -> dict[str, Visit]:
        """Visits of every kind, in full swing."""
        begun = {}
        for name, kind in self.kinds.items():
            client = self.device.stranger() if name == "log-in" else self.browser
            begun[name] = kind(client)
            next(begun[name])
        return begun

    def finish(self, begun: dict[str, Visit]) -> dict[str, Ending]:
        """How they end, all side by side."""
        pool = self.threads(len(begun))
        futures = {name: pool.submit(_rest, visit) for name, visit in begun.items()}
        return {name: each.result(300.0) for name, each in futures.items()}

    def assert_broken(self, endings: dict[str, Ending]) -> None:
        """
        What was far from its end; a short answer may have been on its way already. That
        nobody was lied to, the visits see themselves.
        """
        long = {name: endings[name] for name in LONG if name in endings}
        self.assertLessEqual(set(long.values()), set(BAD), endings)

    # before and after

    def settle(self, idle: float = IDLE_SECONDS) -> None:
        """Count what there is while nothing happens."""
        self.assert_all_works()
        time.sleep(idle)
        self.before = {name: self.count(name) for name in self.counts}
        self.assertEqual(gauges(self.cloud)["streams"], 1)

    def assert_all_works(self) -> None:
        """With a log-in of now: a server that was killed knows no sessions."""
        self.browser = self.device.client()
        endings = self.finish(self.begin_all())
        self.assertEqual(set(endings.values()), {Ending.DONE}, endings)
        self.assertEqual(self.read_by_key(), 200)

    def assert_nothing_is_left(self) -> None:
        """No stream, descriptor, timer, Deferred or part more than before."""
        self.assert_all_works()
        found: dict[str, list[str]] = {}

        def gone() -> bool:
            for name in self.counts:
                found[name] = census.left(self.before[name], self.count(name))
            is_over = not any(found.values())
            # To count is work for both.
            time.sleep(0.0 if is_over else COUNT_SECONDS)
            return is_over

        try:
            wait_until(gone, "nothing is left", LEFT_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"left over: {found}") from error
        self.assertEqual(gauges(self.cloud)["streams"], 1)

    def read_by_key(self, key: Key | None = None) -> int:
        """The status that an application gets; by the access key of the start, say."""
        token = (key or self.key).token
        return self.device.stranger().get(METER, bearer(token)).status

    def assert_offline_is_said(self) -> None:
        """By a page; end to end, where that would be another's, by none."""
        if self.end_to_end:
            self.assertEqual(tls_refusal(self.browser), "TLSV1_UNRECOGNIZED_NAME")
        else:
            self.assertEqual(self.browser.get("/").status, 503)

    def assert_kept(self, changes: Changes, faults: int = 0) -> None:
        """
        What was acknowledged is there, and what was refused is not: but for one for
        each of so many ``faults`` that may have met its very end, whose answer was
        lost on its way to the server.
        """
        there = changes.there()
        self.assertEqual(changes.wrong, [])
        self.assertEqual(set(changes.kept) - there, set())
        self.assertLessEqual(len(there & set(changes.refused)), faults)

    def health(self) -> int:
        """What ``/cloud/health`` says."""
        return self.cloud.client().get("/cloud/health").status

    def assert_no_complaints(self) -> None:
        """Neither log tells of a mistake in the program."""
        for process in (self.cloud.process, self.device.process):
            for line in process.log.splitlines():
                for sign in ("Traceback", "Unhandled", "AttributeError"):
                    self.assertNotIn(sign, line, process.last_words())

    def count(self, name: str) -> census.Census:
        process = self.cloud.process if name == "server" else self.device.process
        return census.take(process, self.counts[name])

    def wait_online(
        self, online: bool = True, seconds: float = RETURN_SECONDS
    ) -> float:
        """Until the operator sees it so; after how many seconds."""
        began = time.monotonic()
        what = "online" if online else "offline"
        wait_until(
            lambda: self.cloud.is_online("Chaos") is online,
            f"the system is {what}",
            seconds,
        )
        return time.monotonic() - began

    @contextmanager
    def stopped(self, process: Process) -> Iterator[None]:
        """It does nothing meanwhile; its connections stay."""
        process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.signal(signal.SIGCONT)


def _rest(visit: Visit) -> Ending:
    try:
        next(visit)
    except StopIteration as end:
        ending: Ending = end.value
        return ending
    raise AssertionError("a visit has two parts")
