"""Through real proxies: nginx and HAProxy before the server, tinyproxy at the site."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.device.certificates import make_certificate
from tests.end_to_end import proxy_case
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import write_secret
from tests.end_to_end.proxies import (
    HAPROXY,
    HAPROXY_HTTP,
    HAPROXY_TCP,
    NGINX,
    NGINX_HTTP,
    NGINX_STREAM,
    TINYPROXY,
    TINYPROXY_CONNECT,
    Proxy,
)

#: Where a proxy on the server's own machine comes from, so that it can be told from
#: whoever else is there.
PROXY = "127.0.0.2"
ANY_UPGRADE = "default $http_upgrade;"
WEBSOCKETS_ONLY = "default ''; websocket websocket;"
CERTIFICATE = make_certificate("127.0.0.1", issuer=proxy_case.CA)
#: The server's options behind a proxy that passes TCP through.
PASSED_THROUGH = ("--proxy-protocol", f"--trusted-proxy={PROXY}")


class NginxStreamTests(proxy_case.ProxyCase):
    """TCP, with the PROXY protocol's version 1."""

    server_options = PASSED_THROUGH

    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        return Proxy(NGINX, NGINX_STREAM, directory, server, source=PROXY)


class HAProxyTCPTests(proxy_case.ProxyCase):
    """TCP, with the PROXY protocol's version 2."""

    server_options = PASSED_THROUGH
    how: ClassVar[str] = "send-proxy-v2 proxy-v2-options unique-id,crc32c"

    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        words = {"source": PROXY, "send_proxy": cls.how}
        return Proxy(HAPROXY, HAPROXY_TCP, directory, server, None, **words)


class NginxHTTPTests(proxy_case.EndingProxyCase):
    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        words = {"upgrades": ANY_UPGRADE}
        return Proxy(NGINX, NGINX_HTTP, directory, server, CERTIFICATE, **words)


class HAProxyHTTPTests(proxy_case.EndingProxyCase):
    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        return Proxy(HAPROXY, HAPROXY_HTTP, directory, server, CERTIFICATE)


class WebSocketsOnlyTests(proxy_case.EndingProxyCase):
    """A proxy that lets nothing but WebSockets through: the tunnel finds its way."""

    @classmethod
    def make_proxy(cls, directory: Path, server: int) -> Proxy:
        words = {"upgrades": WEBSOCKETS_ONLY}
        return Proxy(NGINX, NGINX_HTTP, directory, server, CERTIFICATE, **words)

    def test_the_device_end_said_so(self) -> None:
        log = self.behind.site.device.process.log
        self.assertIn("something on the way changes it; next time as a WebSocket", log)


class SiteProxyTests(EndToEndTestCase):
    """A network that lets nobody out but through its proxy."""

    def setUp(self) -> None:
        super().setUp()
        words = {"user": "site", "password": "hidden"}
        self.proxy = Proxy(
            TINYPROXY,
            TINYPROXY_CONNECT,
            self.directory,
            self.server.port,
            None,
            **words,
        )
        self.addCleanup(self.proxy.close)

    def options(self, password: str) -> list[str]:
        file = write_secret(self.directory / "proxy-password", password)
        return [
            f"--proxy=http://site@127.0.0.1:{self.proxy.port}",
            f"--proxy-password-file={file}",
        ]

    def test_the_tunnel_leads_through_it(self) -> None:
        for number, transport in enumerate(("upgrade", "websocket")):
            site = self.make_site(
                *self.options("hidden"),
                f"--transport={transport}",
                cloud_id=f"Proxied-{number}",
            )
            client = site.device.client()
            self.assertEqual(client.get("/page").status, 200)
            log = site.device.process.log
            self.assertIn(f"through the proxy 127.0.0.1:{self.proxy.port}", log)
            self.assertNotIn("hidden", log)
        self.assertIn(f"CONNECT 127.0.0.1:{self.server.port}", self.proxy.process.log)

    def test_a_wrong_password_of_the_proxy_s_is_said_as_such(self) -> None:
        password = self.server.add_system("Denied-1")
        device = self.make_device(
            self.server,
            "Denied-1",
            password,
            "http://127.0.0.1:9",
            *self.options("wrong"),
            wait=False,
        )
        device.process.wait_for_log("does not take this password of 'site'; next try")
        self.assertNotIn("wrong", device.process.log)
