"""The operator's side as a whole, over a real registry and exchange."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from cfos_cloud.events import EventKind
from cfos_cloud.gateway.sessions import SessionTable
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.places import Room
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.logs import LogLevel
from cfos_cloud.metrics import HandshakeMetrics, RequestMetrics
from cfos_cloud.registry import PreferenceStore, SiteSettings, settings
from cfos_cloud.registry.backup import Backups
from cfos_cloud.server.bounds import Bounds
from cfos_cloud.server.key_side import KeyParts, KeySide
from cfos_cloud.server.operator_side import OperatorSide
from cfos_cloud.server.parts import ServerParts
from cfos_cloud.server.stores import Stores
from cfos_cloud.server_secret import ServerSecret
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.web.api.health import Health
from cfos_cloud.web.api.live_stream import LiveStream
from cfos_cloud.web.leaf import PagesLeaf
from cfos_cloud.web.operator.session import IDLE
from cfos_cloud.web.problem import Unauthorized
from tests.registry.support import FAST_HASHER, InlineWorker, RegistryCase
from tests.tunnel.support import make_tunnel
from tests.web.api.test_live_hub import Response
from tests.web.operator_support import PASSWORD, basic, mounted


class OperatorSideTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.database.run_blocking(
            lambda db: settings.write(db, "admin_password", FAST_HASHER.hash(PASSWORD))
        )
        self.operator.prepare(self.data_dir)
        self.exchange = Exchange()
        sessions = SessionTable(self.clock.seconds)
        key_parts = KeyParts(
            self.keys,
            self.systems,
            self.exchange,
            sessions,
            self.events,
            self.clock,
            self.clock.seconds,
            self.now,
        )
        side = KeySide(key_parts, self.data_dir, ServerSecret(bytes(32)))
        store = CertificateStore(self.data_dir, ["localhost"], self.now)
        tls = ReloadableTLS(*store.load())
        self.browsers = Throttle(self.clock.seconds)
        stores = Stores(
            database=self.database,
            events=self.events,
            systems=self.systems,
            keys=self.keys,
            connections=self.connections,
            site_settings=SiteSettings(self.database, self.events, SiteInfo()),
            preferences=PreferenceStore(self.database, self.events),
            operator=self.operator,
            backups=Backups(self.database, self.data_dir, self.now),
        )
        parts = ServerParts(
            stores=stores,
            exchange=self.exchange,
            sessions=sessions,
            certificates=CertificateService(store, tls, self.clock, self.now),
            health=Health(self.database, self.clock),
            level=LogLevel(),
            verifiers=InlineWorker(),
            clock=self.clock,
            seconds=self.clock.seconds,
            now=self.now,
            time_of_day=self.clock,
        )
        self.bounds = Bounds(Room.within(1_000), 16, [], self.clock.seconds)
        self.side = OperatorSide(
            parts,
            RequestMetrics(self.clock.seconds),
            HandshakeMetrics(),
            {"browser": self.browsers},
            side,
            self.bounds,
        )
        root = mounted(self.side.api, b"cloud", b"api", b"v1")
        self.treq: Any = StubTreq(root)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(
            seconds=self.clock.seconds()
        )

    def ask(self, method: str, path: str, password: str = PASSWORD, **more: Any) -> Any:
        url = f"https://cloud.example/cloud/api/v1{path}"
        asked = self.treq.request(method, url, headers=basic(password), **more)
        response = self.successResultOf(asked)
        return response.code, self.successResultOf(response.content())

    def listen(self) -> tuple[LiveStream, Response]:
        response = Response()
        stream = LiveStream(response, self.clock)
        self.side.live.listen(stream)
        response.events()
        return stream, response

    def log_in(self, address: str, password: str = PASSWORD) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.side.login.log_in(address, password))

    def test_every_part_of_the_api_is_there(self) -> None:
        _, body = self.ask("GET", "/openapi.json")
        paths = set(json.loads(body)["paths"])
        self.assertLessEqual(
            {
                "/systems",
                "/systems.csv",
                "/systems/import",
                "/systems/{cloud_id}",
                "/systems/{cloud_id}/history",
                "/systems/{cloud_id}/password",
                "/systems/{cloud_id}/disconnect",
                "/events",
                "/live",
                "/status",
                "/settings",
                "/session",
                "/certificate",
                "/certificates",
                "/password",
                "/loglevel",
                "/backup",
            },
            paths,
        )
        for path in ("/systems", "/events", "/status", "/settings", "/loglevel"):
            self.assertEqual(self.ask("GET", path)[0], 200, path)

    def test_another_password_ends_what_lives_by_the_old_one(self) -> None:
        session = self.successResultOf(self.log_in("192.0.2.1"))
        stream, _ = self.listen()
        status, _ = self.ask("POST", "/password", json={"new": "another one"})
        self.assertEqual(status, 204)
        self.assertTrue(session.ended)
        self.successResultOf(stream.done)
        self.assertEqual((len(self.side.sessions), len(self.side.live)), (0, 0))
        self.assertEqual(self.ask("GET", "/status")[0], 401)
        self.assertEqual(self.ask("GET", "/status", "another one")[0], 200)

    def test_a_log_in_is_written_down_good_or_bad(self) -> None:
        self.successResultOf(self.log_in("192.0.2.1"))
        self.failureResultOf(self.log_in("192.0.2.2", "wrong"), Unauthorized)
        events = self.successResultOf(self.events.page()).items
        told = [(event.kind, event.actor, event.client) for event in events]
        self.assertIn((EventKind.OPERATOR_LOGGED_IN, "operator", "192.0.2.1"), told)
        self.assertIn((EventKind.OPERATOR_LOGIN_FAILED, "nobody", "192.0.2.2"), told)

    def test_a_tunnel_is_told_and_counted(self) -> None:
        self.ask("POST", "/systems", json={"cloud_id": "W00-A"})
        _, response = self.listen()
        tunnel = make_tunnel(self.clock, self.exchange)
        self.clock.advance(1)
        ((name, system), _) = response.events()
        self.assertEqual((name, system["online"]), ("system", True))
        tunnel.cut()
        self.clock.advance(1)
        ((name, system), _) = response.events()
        self.assertEqual((name, system["online"]), ("system", False))
        counts = self.side._tunnels
        self.assertEqual((counts.opened, counts.closed), (1, 1))
        self.assertGreater(counts.bytes_in, 0)

    def gauge(self, name: str) -> float:
        """What the metrics say."""
        leaf = PagesLeaf(self.side.metrics)
        stub: Any = StubTreq(mounted(leaf, b"cloud", b"metrics"))
        url = "https://cloud.example/cloud/metrics"
        response = self.successResultOf(stub.get(url, headers=basic()))
        text = self.successResultOf(response.content()).decode()
        found = re.search(rf"^cfos_cloud_{name} (\S+)$", text, re.M)
        assert found is not None, text
        return float(found[1])

    def test_streams_and_timers_are_counted(self) -> None:
        self.ask("POST", "/systems", json={"cloud_id": "W00-A"})
        self.assertEqual(self.gauge("streams"), 0)
        before = self.gauge("timers")
        tunnel = make_tunnel(self.clock, self.exchange)
        self.assertEqual(self.gauge("streams"), 1)
        tunnel.session.open_stream(Protocol())
        self.assertEqual(self.gauge("streams"), 2)
        self.assertGreater(self.gauge("timers"), before)
        tunnel.cut()
        self.clock.advance(1)
        self.assertEqual(self.gauge("streams"), 0)

    def test_it_sweeps_sessions_as_long_as_it_runs(self) -> None:
        self.side.startService()
        self.side.sessions.create("192.0.2.1")
        stream, _ = self.listen()
        self.clock.pump([60.0] * int(IDLE / 60 + 1))
        self.assertEqual(len(self.side.sessions), 0)
        self.side.stopService()
        self.successResultOf(stream.done)
        self.successResultOf(self.events.flush())
        self.assertEqual(self.clock.getDelayedCalls(), [])
