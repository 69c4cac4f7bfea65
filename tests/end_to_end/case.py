"""What the tests here have in common: daemons that end with the test, or are shared."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.client import Client, Fields, Wire
from tests.end_to_end.daemons import DeviceEnd, Server
from tests.end_to_end.processes import Process
from tests.end_to_end.target import Route, Target

T = TypeVar("T")
_numbers = itertools.count(1)
_sources = (f"127.{a}.{b}.1" for a in range(1, 250) for b in range(250))


@dataclass
class Site:
    """A device end, and what it leads to."""

    device: DeviceEnd
    target: Target


class Shared:
    """
    One server, and one site of it, for all tests of a run that leave both as they
    found them; they end with this process.
    """

    def __init__(self) -> None:
        self._failure: Exception | None = None

    @cached_property
    def directory(self) -> Path:
        directory = Path(tempfile.mkdtemp(prefix="cfos-cloud-end-to-end-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return directory

    @cached_property
    def server(self) -> Server:
        server = self._once(lambda: Server(self.directory, "--allow-http"))
        atexit.register(server.close)
        return server

    @cached_property
    def site(self) -> Site:
        target = Target()
        password = self.server.add_system("Shared")
        device = self._once(
            lambda: DeviceEnd(
                self.server, "Shared", password, target.url, self.directory
            )
        )
        atexit.register(device.close)
        return Site(device, target)

    @cached_property
    def admin(self) -> Client:
        return self.site.device.client()

    def processes(self) -> list[Process]:
        """Those that have been started."""
        made = vars(self)
        found = [made["server"].process] if "server" in made else []
        return [*found, made["site"].device.process] if "site" in made else found

    def targets(self) -> list[Target]:
        """Those that have been started."""
        return [vars(self)["site"].target] if "site" in vars(self) else []

    def _once(self, start: Callable[[], T]) -> T:
        """If it does not start, no test need wait for it once more."""
        if self._failure is None:
            try:
                return start()
            except Exception as error:
                self._failure = error
        raise AssertionError("the shared daemons did not start") from self._failure


_shared = Shared()


class EndToEndTestCase(SynchronousTestCase):
    """Prints the ends of the logs when a test fails."""

    def setUp(self) -> None:
        self._watched: list[Server | DeviceEnd] = []
        self._targets: list[Target] = []
        method = getattr(self, self._testMethodName)

        @wraps(method)
        def with_logs() -> None:
            try:
                method()
                self._check_targets()
            except SkipTest:
                raise
            except BaseException:
                own = [each.process for each in self._watched]
                for process in own or _shared.processes():
                    print(f"\n{process.last_words()}")
                raise

        setattr(self, self._testMethodName, with_logs)

    def _check_targets(self) -> None:
        """What a route has found wrong fails the test, too."""
        for target in (*self._targets, *_shared.targets()):
            if target.errors:
                raise target.errors.pop()

    # shared: to be left as found

    @property
    def server(self) -> Server:
        """The shared server."""
        return _shared.server

    @property
    def site(self) -> Site:
        """The shared site."""
        return _shared.site

    @property
    def cloud_id(self) -> str:
        """The shared site's Cloud ID."""
        return self.site.device.cloud_id

    @property
    def target(self) -> Target:
        """The shared site's target."""
        return self.site.target

    @property
    def admin(self) -> Client:
        """Somebody who is logged in to the shared site as admin."""
        client = self.server.client()
        client.cookies = dict(_shared.admin.cookies)
        return client

    def route(self, route: Route) -> str:
        """A path of its own at the shared target that ``route`` answers."""
        path = f"/route-{next(_numbers)}"
        self.target.routes[path] = route
        return path

    # the test's own

    @cached_property
    def directory(self) -> Path:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        return directory

    def make_server(self, *options: str, **more: Any) -> Server:
        server = Server(self.directory, *options, **more)
        self.addCleanup(server.close)
        self._watched.append(server)
        return server

    def make_target(self, port: int = 0) -> Target:
        target = Target(port)
        self.addCleanup(target.close)
        self._targets.append(target)
        return target

    def make_site(
        self, *options: str, server: Server | None = None, cloud_id: str | None = None
    ) -> Site:
        """A site of a new system; at the shared server, if at no other."""
        server = server or self.server
        cloud_id = cloud_id or f"Site-{next(_numbers)}"
        target = self.make_target()
        password = server.add_system(cloud_id)
        device = self.make_device(server, cloud_id, password, target.url, *options)
        return Site(device, target)

    def make_device(
        self,
        server: Server,
        cloud_id: str,
        password: str,
        target: str,
        *options: str,
        **more: Any,
    ) -> DeviceEnd:
        device = DeviceEnd(
            server, cloud_id, password, target, self.directory, *options, **more
        )
        self.addCleanup(device.close)
        self._watched.append(device)
        return device

    def begin(
        self,
        path: str,
        fields: Fields = (),
        *,
        method: str = "GET",
        client: Client | None = None,
        rest: bytes = b"",
    ) -> Wire:
        """
        The connection on which a request was sent; it ends with the test.

        :param client: if not the shared site's admin.
        :param rest: what follows the request's head.
        """
        client = client or self.admin
        wire = client.wire()
        self.addCleanup(wire.close)
        wire.send(client.head(method, path, fields) + rest)
        return wire

    def open_stream(self, client: Client) -> Wire:
        """The connection on which an answer has begun that never ends."""
        wire = self.begin("/endless", client=client)
        wire.read_until(b"data: 1\n\n\r\n")
        return wire

    def threads(self, count: int) -> ThreadPoolExecutor:
        """For what must happen side by side."""
        threads = ThreadPoolExecutor(count)
        self.addCleanup(threads.shutdown, cancel_futures=True)
        return threads

    @staticmethod
    def new_source() -> str:
        """A loopback address that nobody has come from."""
        return next(_sources)
