"""Which hosts a site has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.hosts import DeviceHost
from cfos_cloud.site_door.hosts import SiteHosts

HOST = "w00-008j.cloud.example"
MAIN, METER = DeviceHost("w00-008j"), DeviceHost("w00-008j", "meter")


class SiteHostsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hosts = SiteHosts("W00-008J", ["meter", "pv"])

    def test_before_the_server_has_said_its_name_there_are_none(self) -> None:
        self.assertEqual((self.hosts.names, self.hosts.devices), ((), ()))
        self.assertIsNone(self.hosts.device_of(f"meter--{HOST}".encode()))
        with self.assertRaises(ValueError):
            self.hosts.authority_of(None, b"")

    def test_the_main_device_s_and_one_for_each_further_one(self) -> None:
        self.hosts.opened_as(HOST)
        self.assertEqual(self.hosts.names, (HOST, f"meter--{HOST}", f"pv--{HOST}"))
        for host in (
            f"meter--{HOST}",
            f"METER--{HOST.upper()}:4443",
            f"meter--{HOST}.",
        ):
            self.assertEqual(self.hosts.device_of(host.encode()), METER, host)
            self.assertEqual(self.hosts.device_at(host.encode()), METER, host)

    def test_any_other_host_has_the_main_device_and_our_own_pages(self) -> None:
        self.hosts.opened_as(HOST)
        for host in (
            HOST,
            f"{HOST}:4443",
            f"nothing--{HOST}",
            f"meter--meter--{HOST}",
            "meter--w00-008j.cloud.example.org",
            "meter--other.cloud.example",
            f"x.meter--{HOST}",
            "meter--w00-008j",
            "[::1]:4443",
            "\xe9--\xff",
            "",
        ):
            named = host.encode("latin-1")
            self.assertIsNone(self.hosts.device_of(named), host)
            self.assertEqual(self.hosts.device_at(named), MAIN, host)

    def test_an_address_has_the_port_by_which_somebody_came(self) -> None:
        self.hosts.opened_as(HOST)
        asked = f"pv--{HOST}:4443".encode()
        for device in (None, MAIN):
            self.assertEqual(
                self.hosts.origin_of(device, asked, b"https"),
                f"https://{HOST}:4443".encode(),
            )
        self.assertEqual(
            self.hosts.authority_of(METER, HOST.encode()), f"meter--{HOST}".encode()
        )
        self.assertEqual(
            self.hosts.all_devices(asked, b"https"),
            f"https://meter--{HOST}:4443 https://pv--{HOST}:4443".encode(),
        )

    def test_a_server_that_names_another_system_s_host_gets_no_further_ones(
        self,
    ) -> None:
        self.hosts.opened_as("other.cloud.example")
        self.assertEqual(self.hosts.names, ("other.cloud.example",))
        host = b"meter--other.cloud.example"
        self.assertEqual(self.hosts.device_at(host), MAIN)

    def test_a_host_may_change(self) -> None:
        self.hosts.opened_as(HOST)
        self.hosts.opened_as("w00-008j.localhost")
        self.assertIsNone(self.hosts.device_of(f"meter--{HOST}".encode()))
        self.assertEqual(self.hosts.device_of(b"meter--w00-008j.localhost"), METER)
