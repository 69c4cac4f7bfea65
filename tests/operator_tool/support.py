"""The tool's commands against the real API in memory."""

from __future__ import annotations

import argparse
import io
import json
from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred

from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.logs import LogLevel
from cfos_cloud.operator_tool import commands
from cfos_cloud.operator_tool.api import OperatorAPI
from cfos_cloud.operator_tool.client import OperatorClient
from cfos_cloud.operator_tool.credentials import Credentials
from cfos_cloud.operator_tool.errors import ToolError
from cfos_cloud.operator_tool.options import Session
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.operator_tool.server_address import ServerAddress
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.health import Health
from cfos_cloud.web.api.loglevel import LogLevelResource
from cfos_cloud.web.api.status import StatusParts, StatusResource
from cfos_cloud.web.api.system_access import SystemAccessResource
from tests.listener.authority import NOW
from tests.registry.support import InlineWorker
from tests.web.operator_support import PASSWORD, OperatorAPICase, Presences

SERVER = ServerAddress.parse("https://cloud.example:4443")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Tunnels(Presences):
    """Cuts what is online."""

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool:
        return self.online.pop(cloud_id.lower(), None) is not None


def parse(*words: str) -> argparse.Namespace:
    """A command line after ``cfos-cloud``."""
    parser = argparse.ArgumentParser(prog="cfos-cloud")
    commands.add_parsers(parser.add_subparsers(dest="command"))
    return parser.parse_args(words)


class CommandCase(OperatorAPICase):
    """:ivar remembered: pins of keys that the server is known by."""

    def setUp(self) -> None:
        super().setUp()
        self.remembered: list[str] = []

    def make_api(self) -> None:
        self.tunnels = self.presences = Tunnels()
        super().make_api()

    def resources(self) -> tuple[object, ...]:
        self.level = LogLevel()
        self.store = CertificateStore(self.data_dir, ["localhost"], lambda: NOW)
        self.tls = ReloadableTLS(*self.store.load())
        self.health = Health(self.database, self.clock)
        self.health.start()
        self.addCleanup(self.health.stop)
        certificates = CertificateService(self.store, self.tls, self.clock, lambda: NOW)
        return (
            SystemAccessResource(self.systems, self.tunnels, InlineWorker()),
            CertificateResource(certificates, self.events),
            AdminPasswordResource(self.operator, self.password),
            LogLevelResource(self.level, self.events),
            EventsResource(self.events),
            StatusResource(
                StatusParts(
                    self.systems,
                    self.tunnels.online,
                    {},
                    self.health,
                    certificates,
                    lambda: NOW + timedelta(seconds=self.clock.seconds()),
                )
            ),
        )

    def credentials(self, password: str) -> Credentials:
        """What a command logs in with."""
        return Credentials.by_password(password)

    def session(self, output: Output, password: str = PASSWORD) -> Session:
        api = OperatorAPI(self.treq, SERVER, self.credentials(password))
        return Session(
            OperatorClient(api),
            output,
            self.remembered.append,
            lambda: password,
            lambda: ["--cacert", "my ca.pem"],
        )

    def deferred(
        self, *words: str, password: str = PASSWORD, file: io.StringIO, width: int = 80
    ) -> Deferred[int | None]:
        arguments = parse(*words)
        work = arguments.prepare(arguments)
        session = self.session(Output(arguments.json, file, lambda: width), password)
        return Deferred.fromCoroutine(commands.perform(work, session))

    def output(self, *words: str, terminal: bool = False, width: int = 80) -> str:
        """What a command prints that goes well."""
        file = Terminal() if terminal else io.StringIO()
        status = self.successResultOf(self.deferred(*words, file=file, width=width))
        self.assertIsNone(status)
        return file.getvalue()

    def document(self, *words: str) -> Any:
        return json.loads(self.output(*words, "--json"))

    def refusal(self, *words: str, password: str = PASSWORD) -> str:
        """The line of a command that fails."""
        file = io.StringIO()
        deferred = self.deferred(*words, password=password, file=file)
        failure = self.failureResultOf(deferred, ToolError)
        self.assertEqual(file.getvalue(), "")
        message = str(failure.value)
        self.assertEqual(len(message.splitlines()), 1)
        return message
