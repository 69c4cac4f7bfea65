"""A site that is end to end: the tunnel by the real connector, TLS by Python's own."""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from cfos_cloud.device.authentication import SystemIdentity
from cfos_cloud.device.connector import Connector, Site, make_connector
from cfos_cloud.device.origin import parse_origin
from cfos_cloud.device.pins import PinFile
from cfos_cloud.device.report import Report
from cfos_cloud.device.trust import ServerTrust, Verify
from cfos_cloud.device.tunnel import Greeting, Welcome
from cfos_cloud.relay.raw import RawClient, RawUpstream
from cfos_cloud.relay.switched import SwitchedPair
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.tunnel.stream import TunnelStream
from tests.device.certificates import make_certificate
from tests.device.tunnel_server import AtOnce
from tests.end_to_end.daemons import Server


class PrivateGreeting(Greeting):
    def params(self) -> JSONObject:
        return super().params() | {"mode": "end-to-end", "capabilities": ["tls"]}


class TLSDevice:
    """
    The device end of ``cloud_id``.

    :ivar ports: where streams lead to on loopback, by their names; others are reset.
    :ivar first_lines: of all streams.
    """

    def __init__(
        self, server: Server, cloud_id: str, password: str, reactor: Any
    ) -> None:
        self.reactor = reactor
        self.ports: dict[str, int] = {}
        self.first_lines: list[JSONObject] = []
        self.welcomes: list[Deferred[Welcome]] = [Deferred()]
        directory = server.directory / f"{cloud_id}.pins"
        directory.mkdir(mode=0o700)
        origin = parse_origin(server.url)
        site = Site(
            origin,
            SystemIdentity(cloud_id, password),
            ServerTrust(origin, Verify.AUTO, True, PinFile(directory)),
            lambda: HostnameEndpoint(reactor, origin.host, origin.port),
            self,
            PrivateGreeting("tls-site/1"),
        )
        self.connector: Connector = make_connector(
            site,
            reactor,
            random.random,
            AtOnce(),
            Report(server.url, cloud_id, lambda _: None, lambda _: None, time.time),
        )

    def start(self) -> Deferred[Welcome]:
        """Fires when the tunnel is up."""
        self.connector.start()
        return self.welcomes[-1]

    def stop(self) -> Deferred[None]:
        return self.connector.stop()

    # DeviceStreams

    def stream_opened(self, stream_id: int) -> Protocol:
        return _FirstLine(self)

    def welcomed(self, welcome: Welcome) -> None:
        done, self.welcomes = self.welcomes[-1], [Deferred()]
        done.callback(welcome)

    def login(self, params: object) -> Deferred[JSONObject]:
        raise AssertionError("nobody logs in at a server that can't read it")

    def authorize(self, params: object) -> Deferred[JSONObject]:
        raise AssertionError("nor does anybody authorise a key")

    def logout(self, params: object) -> None:
        """There are no grants."""

    def forget(self, params: object) -> None:
        """There are no keys."""


class _FirstLine(Protocol):
    """A stream until it is connected."""

    transport: TunnelStream

    def __init__(self, device: TLSDevice) -> None:
        self._device = device
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        line, newline, rest = self._data.partition(b"\n")
        if not newline:
            return
        stream, device = self.transport, self._device
        first = json.loads(line)
        device.first_lines.append(first)
        port = device.ports.get(first["sni"])
        if port is None:
            stream.abortConnection()
            return
        stream.pauseProducing()
        self._data = rest
        endpoint = HostnameEndpoint(device.reactor, "127.0.0.1", port)
        upstream = RawUpstream(device.reactor)
        client = RawClient(device.reactor)
        upstream.pair = client.sink = SwitchedPair(client, upstream, lambda: None)

        def joined(_: object) -> None:
            stream.connect(client)
            client.dataReceived(rest)
            stream.resumeProducing()

        def failed(_: Failure) -> None:
            stream.abortConnection()

        connectProtocol(endpoint, upstream).addCallbacks(joined, failed)


class Listener:
    """Serves each connection in a thread of its own, by ``serve``."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                """The test has ended it."""


class SiteCertificate:
    """A certificate of the site's own, and the contexts of who shows and trusts it."""

    def __init__(self, directory: Path, *names: str) -> None:
        made = make_certificate(*names)
        self.file = directory / "site.pem"
        self.file.write_bytes(
            made.certificate.public_bytes(Encoding.PEM)
            + made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self.der = made.certificate.public_bytes(Encoding.DER)

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context

    def client(self) -> ssl.SSLContext:
        """Of who takes no other certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.file)
        return context
