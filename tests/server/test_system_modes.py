"""Where a system's TLS ends is agreed with its device end, and kept first."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.gateway.hosts import DomainHosts, OneHost
from cfos_cloud.registry import DatabaseError, System
from cfos_cloud.server.system_modes import SystemModes
from cfos_cloud.tunnel.control import INTERNAL_ERROR, JSONObject, RpcError
from cfos_cloud.tunnel.exchange import Exchange
from cfos_cloud.tunnel.modes import NO_HOST
from tests.registry.support import ManualWorker, RegistryCase, verifier
from tests.tunnel.support import MemoryTunnel

END_TO_END: JSONObject = {"mode": "end-to-end", "capabilities": ["tls"]}
MODE = {"mode": "end-to-end", "host": "garage-7.cloud.example.org"}


class SystemModesTests(RegistryCase):
    def start(self, worker: ManualWorker | None = None) -> None:
        super().start(worker)
        self.tunnel_clock, self.exchange = Clock(), Exchange()
        self.modes = SystemModes(self.systems, DomainHosts("Cloud.Example.org"))

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.systems.add("Garage-7", verifier()))

    @property
    def system(self) -> System:
        system = self.systems.get("garage-7")
        assert system is not None
        return system

    def hello(self, **more: object) -> MemoryTunnel:
        tunnel = MemoryTunnel(
            self.tunnel_clock, self.exchange, "Garage-7", modes=self.modes
        )
        tunnel.device.say_hello(**more)
        tunnel.pump()
        return tunnel

    def refusal(self, tunnel: MemoryTunnel) -> RpcError:
        assert tunnel.device.refusal is not None
        error = tunnel.device.refusal.value
        assert isinstance(error, RpcError)
        return error

    def is_up(self, tunnel: MemoryTunnel) -> bool:
        return self.exchange.session("Garage-7") is tunnel.session

    def test_the_device_learns_that_it_is_so_and_its_host(self) -> None:
        tunnel = self.hello(**END_TO_END)
        assert tunnel.device.welcome is not None
        self.assertLessEqual(MODE.items(), tunnel.device.welcome.items())
        self.assertTrue(self.is_up(tunnel))
        self.assertTrue(tunnel.session.end_to_end)
        self.assertTrue(self.system.end_to_end)
        # Again there is nothing to keep.
        self.hello(**END_TO_END)
        self.assertEqual(len(self.kept()), 2)

    def test_one_without_a_mode_hears_nothing_of_it(self) -> None:
        tunnel = self.hello()
        self.assertEqual(
            set(tunnel.device.welcome or {}), {"session", "heartbeat", "url"}
        )
        self.assertFalse(tunnel.session.end_to_end)
        self.assertFalse(self.system.end_to_end)

    def test_the_next_hello_without_it_is_the_way_back(self) -> None:
        self.hello(**END_TO_END)
        tunnel = self.hello()
        self.assertTrue(self.is_up(tunnel))
        self.assertFalse(tunnel.session.end_to_end)
        self.assertFalse(self.system.end_to_end)

    def test_nothing_is_answered_and_nothing_up_before_it_is_kept(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        tunnel = self.hello(**END_TO_END)
        self.assertIsNone(tunnel.device.welcome)
        self.assertFalse(self.is_up(tunnel))
        # Nor does another hello get round that.
        tunnel.device.say_hello()
        tunnel.pump()
        self.assertFalse(self.is_up(tunnel))
        self.refusal(tunnel)
        worker.run_all()
        tunnel.pump()
        self.assertTrue(self.is_up(tunnel))
        self.assertTrue(tunnel.session.end_to_end)

    def test_a_second_hello_changes_nothing(self) -> None:
        tunnel = self.hello(**END_TO_END)
        tunnel.device.say_hello()
        tunnel.pump()
        self.assertTrue(tunnel.session.end_to_end)
        self.assertTrue(self.system.end_to_end)

    def test_without_a_domain_it_can_t_be_had(self) -> None:
        self.modes = SystemModes(self.systems, OneHost())
        with capturedLogs() as logs:
            tunnel = self.hello(**END_TO_END)
        self.assertEqual(self.refusal(tunnel).code, NO_HOST)
        self.assertIn("--domain", formatEvent(logs[-1]))
        self.assertFalse(self.is_up(tunnel))
        self.assertFalse(self.system.end_to_end)
        # The same connection may think better of it.
        tunnel.device.say_hello()
        tunnel.pump()
        self.assertTrue(self.is_up(tunnel))
        self.assertFalse(tunnel.session.end_to_end)

    def test_what_can_t_be_kept_is_not_so(self) -> None:
        failed: Deferred[System] = Deferred()
        self.patch(self.systems, "set_end_to_end", lambda *_: failed)
        tunnel = self.hello(**END_TO_END)
        with capturedLogs() as logs:
            failed.errback(DatabaseError("the disk is full"))
            tunnel.pump()
        self.assertEqual(self.refusal(tunnel).code, INTERNAL_ERROR)
        self.assertIn("the disk is full", formatEvent(logs[-1]))
        self.assertFalse(self.is_up(tunnel))

    def test_one_that_has_to_go_changes_nothing(self) -> None:
        tunnel = MemoryTunnel(
            self.tunnel_clock, self.exchange, "Garage-7", modes=self.modes
        )
        tunnel.pump()
        tunnel.session.dismiss("removed")
        tunnel.device.say_hello(**END_TO_END)
        tunnel.pump()
        self.assertFalse(self.system.end_to_end)

    def test_a_system_that_is_removed_meanwhile_is_not_up(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        removed = self.systems.remove("Garage-7")
        tunnel = self.hello(**END_TO_END)
        worker.run_all()
        self.successResultOf(removed)
        tunnel.pump()
        self.assertFalse(self.is_up(tunnel))
        self.assertEqual(self.refusal(tunnel).code, INTERNAL_ERROR)
