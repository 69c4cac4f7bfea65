"""Where and how the server listens."""

from __future__ import annotations

import ssl

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Client


class PlainTests(EndToEndTestCase):
    def test_without_allow_http_plain_requests_lead_to_https_or_nowhere(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        plain = server.client(tls=False)
        for path in ("/", "/x?y=1", "/cloud/health", "/ui/en/cloud-login.htm"):
            for method in ("GET", "HEAD"):
                answer = plain.request(method, path)
                self.assertEqual(answer.status, 308)
                self.assertEqual(
                    answer.field("Location"), f"https://{plain.authority}{path}"
                )
                self.assertEqual(answer.field("Cache-Control"), "no-store")
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = plain.request(method, "/", b"x" * 1000)
            self.assertEqual(answer.status, 403, method)
            self.assertEqual(answer.field("Connection"), "close")
        # Not even with a good session.
        plain.cookies = {"cfos": site.device.client().cookies["__Host-cfos"]}
        self.assertEqual(plain.get("/").status, 308)
        self.assertEqual(site.target.requests, [])

    def test_garbage_is_cut_off(self) -> None:
        for client in (self.server.client(), self.server.client(tls=False)):
            for garbage in (
                b"\x00\x01\x02\x03\r\n\r\n",
                b"GET / HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000,
            ):
                wire = client.wire()
                wire.send(garbage)
                answer = wire.read_all()
                self.assertRegex(answer, rb"\AHTTP/1\.1 [45]\d\d ", garbage[:50])
                wire.close()

    def test_broken_tls_harms_nobody(self) -> None:
        wire = self.server.client(tls=False).wire()
        self.addCleanup(wire.close)
        wire.send(b"\x16\x03\x01\x00\x05hello" + b"\x00" * 100)
        wire.read_all()
        self.assertEqual(self.server.client().get("/cloud/health").status, 200)


class TLSTests(EndToEndTestCase):
    def test_it_is_1_2_at_least_and_speaks_http_1_1(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            plain = self.server.client(tls=False).connect()
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                self.assertEqual(tls.selected_alpn_protocol(), "http/1.1")

    def test_its_own_certificate_names_the_loopback(self) -> None:
        certificate = self.server.data_dir / "tls" / "certificate.pem"
        context = ssl.create_default_context(cafile=str(certificate))
        for name in ("localhost", "127.0.0.1"):
            plain = self.server.client(tls=False).connect()
            with context.wrap_socket(plain, server_hostname=name):
                pass


class IPv6Tests(EndToEndTestCase):
    def test_everything_works_over_ipv6(self) -> None:
        server = self.make_server("--allow-http", host="::1")
        site = self.make_site(server=server)
        for tls in (True, False):
            client: Client = site.device.client(tls=tls)
            head = client.get("/").body.decode()
            scheme = "https" if tls else "http"
            authority = f"[::1]:{server.port}"
            self.assertIn(
                f'\r\nForwarded: for="[::1]";proto={scheme};host="{authority}"\r\n',
                head,
            )
            self.assertIn("\r\nX-Forwarded-For: ::1\r\n", head)
            cloud = f"{scheme}://{authority}/ui/en/cloud-login.htm"
            self.assertIn(f"\r\nCfos-Cloud: {cloud}\r\n", head)
