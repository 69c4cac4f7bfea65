"""Which host is whose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold
from cfos_cloud.gateway.hosts import DomainHosts, Hosts, OneHost
from cfos_cloud.hosts import DeviceHost, parse_label


def is_cloud_id(text: str) -> bool:
    try:
        check_cloud_id(text)
    except InvalidCloudID:
        return False
    return True


cloud_ids = st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True).filter(is_cloud_id)
names = st.none() | st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)


class HostsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hosts = DomainHosts("Cloud.Example.org")

    def test_a_device_s_host_is_its_cloud_id_below_the_domain(self) -> None:
        for host in (
            b"w00-008j.cloud.example.org",
            b"W00-008J.cloud.EXAMPLE.org:4443",
            b"w00-008j.cloud.example.org.",
        ):
            self.assertEqual(self.hosts.device_of(host), DeviceHost("w00-008j"), host)
        self.assertEqual(
            self.hosts.device_of(b"meter--w00-008j.cloud.example.org"),
            DeviceHost("w00-008j", "meter"),
        )

    def test_all_others_are_the_cloud_s_own(self) -> None:
        for host in (
            b"",
            b"cloud.example.org",
            b"cloud.example.org:4443",
            b".cloud.example.org",
            b"a.b.cloud.example.org",
            b"evilcloud.example.org",
            b"w00.cloud.example.org.evil.example",
            b"127.0.0.1:4443",
            b"[::1]:4443",
            b"localhost",
            b"-a.cloud.example.org",
            b"a--.cloud.example.org",
            b"--a.cloud.example.org",
            b"a--b--c.cloud.example.org",
            b"a_b.cloud.example.org",
            "ä.cloud.example.org".encode(),
            b"x" * 21 + b"--a.cloud.example.org",
        ):
            self.assertIsNone(self.hosts.device_of(host), host)

    def test_without_a_domain_there_is_one_host(self) -> None:
        hosts: Hosts = OneHost()
        self.assertTrue(hosts.is_shared)
        self.assertIsNone(hosts.device_of(b"w00.localhost"))
        self.assertRaises(ValueError, hosts.authority_of, None, b"localhost")

    def test_the_port_stays_as_the_browser_said_it(self) -> None:
        device = DeviceHost("a", "meter")
        for host, own, of_device in (
            (b"x:4443", b"cloud.example.org:4443", b"meter--a.cloud.example.org:4443"),
            (b"x", b"cloud.example.org", b"meter--a.cloud.example.org"),
            (b"[::1]:80", b"cloud.example.org:80", b"meter--a.cloud.example.org:80"),
        ):
            self.assertEqual(self.hosts.authority_of(None, host), own)
            self.assertEqual(self.hosts.authority_of(device, host), of_device)

    @given(cloud_ids, names)
    def test_a_label_is_read_as_it_was_made(
        self, cloud_id: str, name: str | None
    ) -> None:
        device = DeviceHost(fold(cloud_id), name)
        self.assertEqual(parse_label(device.label), device)
        self.assertEqual(parse_label(device.label.upper()), device)
