"""The operator API over a real registry, asked through treq."""

from __future__ import annotations

import base64
import json
from typing import Any

from treq.response import _Response
from treq.testing import StubTreq
from twisted.web.resource import IResource, Resource

from cfos_cloud.registry import settings
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import OFFLINE, Presence
from cfos_cloud.web.api.operator_api import BASE, OperatorAPI, operator_authorizers
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.operator.login import OperatorLogin
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.operator.session import OperatorSessions
from tests.registry.support import FAST_HASHER, InlineWorker, RegistryCase
from tests.web.api.conformance import Conformance

PASSWORD = "the admin's passwörd"


def mounted(resource: IResource, *path: bytes) -> Resource:
    """A site's root with ``resource`` at ``path``."""
    root = folder = Resource()
    for name in path[:-1]:
        child = Resource()
        folder.putChild(name, child)
        folder = child
    folder.putChild(path[-1], resource)
    return root


class Presences:
    def __init__(self) -> None:
        self.online: dict[str, Presence] = {}

    def __len__(self) -> int:
        return len(self.online)

    def presence(self, cloud_id: str) -> Presence:
        return self.online.get(cloud_id.lower(), OFFLINE)


class Reply:
    """What came back."""

    def __init__(self, response: _Response, body: bytes) -> None:
        self.status: int = response.code
        self.headers = response.headers
        self.body = body

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return None if values is None else ", ".join(values)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def basic(password: str = PASSWORD, user: str = "admin") -> dict[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


class OperatorAPICase(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.database.run_blocking(
            lambda db: settings.write(db, "admin_password", FAST_HASHER.hash(PASSWORD))
        )
        self.operator.prepare(self.data_dir)
        self.presences = Presences()
        self.throttle = Throttle(self.clock.seconds)
        self.sessions = OperatorSessions(self.clock.seconds)
        self.make_api()

    def make_api(self) -> None:
        self.password = OperatorPassword(self.operator, self.throttle, self.events)
        self.login = OperatorLogin(self.password, self.sessions, self.events)
        systems = SystemsResource(self.systems, self.presences, InlineWorker(), BASE)
        self.api = OperatorAPI(
            (systems, *self.resources()),
            operator_authorizers(self.password, self.sessions),
        )
        self.root = mounted(self.api.resource(), b"cloud", b"api", b"v1")
        self.treq: Any = StubTreq(self.root)
        self.conformance = Conformance(self.api.description.document)

    def resources(self) -> tuple[object, ...]:
        """What the API consists of besides the systems."""
        return ()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        fields = basic() if headers is None else headers
        response = self.successResultOf(
            self.treq.request(
                method,
                f"https://cloud.example/cloud/api/v1{path}",
                headers=fields,
                **more,
            )
        )
        reply = Reply(response, self.successResultOf(response.content()))
        self.assertIsNone(
            self.conformance.complaint(
                method, path, reply.status, reply.header("content-type"), reply.body
            )
        )
        return reply
