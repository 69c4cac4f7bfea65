"""What takes its time does not outlive the session or the key that allowed it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from itertools import repeat
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from cfos_cloud.registry import Backups
from cfos_cloud.tunnel.exchange import OFFLINE, Presence
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.backup import BackupResource
from cfos_cloud.web.api.csv_export import TableBody
from cfos_cloud.web.api.operation import CSV, STRING, Operation
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.routes import Handler, StreamAnswer, route
from cfos_cloud.web.api.system_access import SystemAccessResource
from cfos_cloud.web.api.system_import import SystemImport
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.api.tables import TablesResource
from cfos_cloud.web.call import ask
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.request import session_of
from cfos_cloud.web.problem import Unauthorized
from tests.registry.support import ManualWorker
from tests.web.api.key_case import KeyAPICase
from tests.web.operator_support import PASSWORD, basic
from tests.web.test_download import Turns

API = f"https://cloud.example{BASE}"


class Tunnels:
    def presence(self, cloud_id: str) -> Presence:
        return OFFLINE

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool:
        return False


class Endless:
    """A table that goes on and on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @route(
        "/endless",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation("A table", {200: {CSV: STRING}}),
    )
    async def show(self, request: IRequest) -> StreamAnswer:
        return StreamAnswer(TableBody(repeat(b"x"), self._clock))


class Page:
    """The request of a page of the operator's."""

    method = b"POST"

    def __init__(self, cookie: str) -> None:
        self.content = BytesIO()
        self.client_address = "192.0.2.1"
        self.secure = True
        self.requestHeaders = Headers({b"cookie": [cookie.encode()]})


class MeanwhileCase(KeyAPICase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.sessions.create("192.0.2.1")
        self.cookie_of_page = f"__Host-cfos-admin={self.session.token.decode()}"
        self.key = self.authorised(None, role="admin")

    def more(self) -> tuple[object, ...]:
        self.worker = ManualWorker()
        importer = SystemImport(self.systems, self.worker)
        self.slow = SystemsResource(self.systems, self.presences, self.worker, BASE)
        self.tables = TablesResource(self.systems, self.presences, importer, self.clock)
        self.access = SystemAccessResource(
            self.systems, Tunnels(), self.worker, self.events
        )
        backups = Backups(self.database, self.data_dir, self.now)
        return (
            self.tables,
            self.access,
            BackupResource(backups, self.clock, self.events),
            AdminPasswordResource(self.operator, self.password),
        )

    def by_session(self) -> dict[str, str]:
        return {"Cookie": self.cookie_of_page, "X-CSRF-Token": self.session.csrf}

    def ways(self) -> list[tuple[dict[str, str], Callable[[], object]]]:
        """What allows a request, and how it ends."""
        made = self.authorised(None, role="admin")
        return [
            (self.by_session(), lambda: self.sessions.end(self.session)),
            (self.bearer(made), lambda: self.keys.revoke(made["id"])),
        ]


class WorkTests(MeanwhileCase):
    def ask_slowly(
        self, headers: dict[str, str], path: str, data: bytes
    ) -> Deferred[Any]:
        asked: Deferred[Any] = self.treq.post(API + path, headers=headers, data=data)
        self.treq.flush()
        self.assertNoResult(asked)
        self.assertEqual(len(self.worker), 1)
        return asked

    def finish(self, asked: Deferred[Any]) -> Any:
        self.worker.run_all()
        self.treq.flush()
        return self.successResultOf(asked)

    def test_an_import_adds_nothing(self) -> None:
        table = b"cloud_id\nShed\nStable\n"
        for headers, end in self.ways():
            asked = self.ask_slowly(headers, "/systems/import", table)
            end()
            self.assertEqual(self.finish(asked).code, 401)
            self.assertIsNone(self.systems.get("Shed"))

    def test_an_import_that_may_goes_on(self) -> None:
        for number, (headers, _) in enumerate(self.ways()):
            table = f"cloud_id\nShed-{number}\nStable-{number}\n".encode()
            asked = self.ask_slowly(headers, "/systems/import", table)
            self.assertEqual(self.finish(asked).code, 201)
        self.assertEqual(len(self.systems), 6)

    def test_nor_is_an_end_in_the_middle_waited_for(self) -> None:
        table = b"cloud_id\nShed\nStable\n"
        asked = self.ask_slowly(self.by_session(), "/systems/import", table)
        self.sessions.end(self.session)
        self.worker.run_next()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 401)
        self.assertEqual(len(self.worker), 0)

    def test_a_password_stays_as_it_is(self) -> None:
        before = self.systems.get("Garage")
        for headers, end in self.ways():
            asked = self.ask_slowly(headers, "/systems/Garage/password", b"")
            end()
            self.assertEqual(self.finish(asked).code, 401)
            self.assertEqual(self.systems.get("Garage"), before)

    def test_a_password_that_comes_along_is_looked_at_once(self) -> None:
        asked = self.ask_slowly(basic(), "/systems/Garage/password", b"")
        self.sessions.end_all()
        self.assertEqual(self.finish(asked).code, 200)

    def test_so_it_is_for_what_the_page_asks(self) -> None:
        page = cast(IRequest, Page(self.cookie_of_page))
        self.assertIs(session_of(page, self.sessions), self.session)
        body = '{"cloud_id": "Shed"}'
        calls: list[tuple[Handler, str, dict[str, Any]]] = [
            (self.tables.import_all, "cloud_id\nShed\n", {}),
            (self.access.rotate, "", {"cloud_id": "Garage"}),
            (self.slow.add, body, {}),
        ]
        for handler, data, path in calls:
            session = self.sessions.create("192.0.2.1")
            page = cast(IRequest, Page(f"__Host-cfos-admin={session.token.decode()}"))
            session_of(page, self.sessions)
            before = list(self.systems)
            asked = Deferred.fromCoroutine(ask(handler, page, data, **path))
            self.assertNoResult(asked)
            self.sessions.end(session)
            self.worker.run_all()
            self.failureResultOf(asked, Unauthorized)
            self.assertEqual(list(self.systems), before)


class StreamTests(MeanwhileCase):
    def more(self) -> tuple[object, ...]:
        self.turns = Turns()
        backups = Backups(self.database, self.data_dir, self.now)
        return (
            Endless(self.turns),
            BackupResource(backups, self.turns, self.events),
        )

    def test_a_download_is_cut_off(self) -> None:
        for path in ("/endless", "/backup?keys=false"):
            self.session = self.sessions.create("192.0.2.1")
            for number, (headers, end) in enumerate(self.ways()):
                if number == 0:
                    cookie = f"__Host-cfos-admin={self.session.token.decode()}"
                    headers["Cookie"] = cookie
                asked = self.treq.get(API + path, headers=headers)
                self.turns.next()
                self.treq.flush()
                response = self.successResultOf(asked)
                self.assertEqual(response.code, 200)
                content = response.content()
                self.assertNoResult(content)
                end()
                self.treq.flush()
                self.failureResultOf(content)
                self.assertEqual(self.turns.calls, [])
        self.assertEqual(len(self.accesses), 0)


class KeyLimitTests(MeanwhileCase):
    """What a stolen key can't do, or its thief would stay when it is revoked."""

    def test_it_gets_no_private_keys(self) -> None:
        headers = self.bearer(self.key)
        reply = self.ask("GET", "/backup", headers=headers)
        self.assert_problem(reply, 403, "needs-password")
        reply = self.ask("HEAD", "/backup", headers=headers)
        self.assertEqual(reply.status, 403)

    def test_it_changes_no_password_without_the_present_one(self) -> None:
        new = "another password"
        headers = self.bearer(self.key)
        reply = self.ask("POST", "/password", headers=headers, json={"new": new})
        self.assert_problem(reply, 422, field="old")
        body = {"new": new, "old": "wrong"}
        reply = self.ask("POST", "/password", headers=headers, json=body)
        self.assert_problem(reply, 422, field="old")
        body = {"new": new, "old": PASSWORD}
        reply = self.ask("POST", "/password", headers=headers, json=body)
        self.assertEqual(reply.status, 204)

    def test_it_has_no_session(self) -> None:
        self.assertEqual(
            self.ask("GET", "/signing-keys", headers=self.bearer(self.key)).status, 200
        )
