from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorSocket
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

import cfos_cloud
from cfos_cloud.listener.listening import ListeningService
from cfos_cloud.listener.ports import ListenError, PortBusy, PortSpec, parse_port

#: What a program does which finds its port taken.
PROGRAM = """
import sys
from twisted.internet import reactor
from twisted.internet.protocol import Protocol, ServerFactory
from cfos_cloud.listener.listening import ListeningService
from cfos_cloud.listener.ports import ListenError, parse_port

factory = ServerFactory.forProtocol(Protocol)
try:
    service = ListeningService(reactor, parse_port(sys.argv[1]), factory, print)
    service.bind()
except ListenError as error:
    raise SystemExit(f"cfos-cloud: {error}")
"""


class Peers(ServerFactory):
    """Tells each client its address, and keeps them."""

    noisy = False

    def __init__(self) -> None:
        self.peers: list[IAddress | None] = []

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.peers.append(addr)
        return Greeter()


class Greeter(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")
        self.transport.loseConnection()


class ListeningTests(TestCase):
    def setUp(self) -> None:
        self.factory = Peers()
        self.late: list[ListenError] = []

    def service(
        self, port: str | PortSpec, interface: str | None = None
    ) -> ListeningService:
        spec = parse_port(port, interface) if isinstance(port, str) else port
        service = ListeningService(
            IReactorSocket(reactor), spec, self.factory, self.late.append
        )
        self.addCleanup(service.stopService)
        return service

    def ports(self, service: ListeningService) -> set[int]:
        return {
            address.port
            for address in service.addresses
            if isinstance(address, IPv4Address | IPv6Address)
        }

    async def test_clients_of_both_families_are_served_under_their_address(
        self,
    ) -> None:
        service = self.service("0")
        service.bind()
        service.startService()
        [number] = self.ports(service)
        for address in ("127.0.0.1", "::1"):
            self.assertEqual(await deferToThread(greeting, address, number), b"hello")
        self.assertEqual(
            [(type(peer), peer.host) for peer in self.factory.peers],  # type: ignore[union-attr]
            [(IPv4Address, "127.0.0.1"), (IPv6Address, "::1")],
        )

    async def test_a_client_that_comes_before_the_start_is_served_after_it(
        self,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            number = free.getsockname()[1]
        service = self.service(str(number), "127.0.0.1")
        service.bind()
        early = deferToThread(greeting, "127.0.0.1", number)
        service.startService()
        self.assertEqual(await early, b"hello")

    async def test_it_is_deaf_after_its_end_and_can_start_again(self) -> None:
        service = self.service("0", "127.0.0.1")
        service.startService()
        [number] = self.ports(service)
        await service.stopService()
        with self.assertRaises(ConnectionRefusedError):
            await deferToThread(greeting, "127.0.0.1", number)
        service.startService()
        [number] = self.ports(service)
        self.assertEqual(await deferToThread(greeting, "127.0.0.1", number), b"hello")

    async def test_a_bound_port_is_free_when_the_service_never_starts(self) -> None:
        service = self.service("0", "127.0.0.1")
        service.bind()
        await service.stopService()
        self.assertEqual(service.addresses, [])

    async def test_endpoint_strings_are_listened_on(self) -> None:
        path = f"/tmp/{os.getpid()}.cfos.sock"  # noqa: S108 - short
        self.addCleanup(Path(path).unlink, missing_ok=True)
        service = self.service(f"unix:{path}")
        service.bind()
        service.startService()

        def over_unix() -> bytes:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(path)
                return client.recv(100)

        self.assertEqual(await deferToThread(over_unix), b"hello")
        other = self.service(f"unix:{path}:lockfile=0")
        error = self.assertRaises(PortBusy, other.bind)
        self.assertEqual(str(error), f"{path} is in use by another program")

    async def test_a_busy_port_is_said_alike_for_numbers_and_endpoint_strings(
        self,
    ) -> None:
        service = self.service("0", "127.0.0.1")
        service.startService()
        [number] = self.ports(service)
        for spec in (str(number), f"tcp:{number}"):
            error = self.assertRaises(PortBusy, self.service(spec).bind)
            self.assertEqual(str(error), f"port {number} is in use by another program")

    async def test_an_endpoint_string_that_is_none_is_one_line(self) -> None:
        for text in ("nonsense:4443", "tcp:no-number", "tcp:", "unix:", "tcp:1:a=b"):
            error = self.assertRaises(ListenError, self.service(text).bind)
            self.assertIn(text, str(error))
            self.assertNotIn("\n", str(error))

    async def test_a_socket_that_systemd_has_not_handed_over_is_one_line(self) -> None:
        for number in ("INET:0", "domain=INET6:index=7", "domain=INET:name=none"):
            endpoint = f"systemd:{number}"
            error = self.assertRaises(ListenError, self.service(endpoint).bind)
            self.assertEqual(
                str(error),
                f"can't listen on {endpoint!r}: systemd has handed over no such socket",
            )

    async def test_a_program_on_a_busy_port_says_one_line_and_exits_with_1(
        self,
    ) -> None:
        service = self.service("0")
        service.startService()
        [number] = self.ports(service)
        for spec in (str(number), f"tcp:{number}"):
            ended = await deferToThread(run, spec)
            self.assertEqual(ended.returncode, 1)
            self.assertEqual(ended.stdout, "")
            self.assertEqual(
                ended.stderr,
                f"cfos-cloud: port {number} is in use by another program\n",
            )


def greeting(address: str, number: int) -> bytes:
    with socket.create_connection((address, number), timeout=5) as client:
        return client.recv(100)


def run(spec: str) -> subprocess.CompletedProcess[str]:
    root = Path(cfos_cloud.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, spec],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
