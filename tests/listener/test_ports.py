from __future__ import annotations

import errno
import socket

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.ports import (
    EndpointPort,
    InvalidPort,
    ListenError,
    NumberedPort,
    PortBusy,
    bind,
    listen_error,
    parse_port,
)


class ParsePortTests(SynchronousTestCase):
    def test_a_number_is_a_port_on_all_interfaces(self) -> None:
        self.assertEqual(parse_port("4443"), NumberedPort(4443))
        self.assertEqual(parse_port("4443", ""), NumberedPort(4443))
        self.assertEqual(parse_port("65535"), NumberedPort(65535))

    def test_an_interface_narrows_it(self) -> None:
        self.assertEqual(parse_port("4443", "::1"), NumberedPort(4443, "::1"))

    def test_anything_with_a_colon_is_an_endpoint_string(self) -> None:
        self.assertEqual(
            parse_port("unix:/run/cfos.sock"), EndpointPort("unix:/run/cfos.sock")
        )

    def test_an_endpoint_string_goes_with_no_interface(self) -> None:
        self.assertRaises(InvalidPort, parse_port, "tcp:4443", "127.0.0.1")

    def test_everything_else_is_refused_in_one_line(self) -> None:
        for text in ("", "https", "65536", "9" * 5000, "-1", "4443 ", "\u0664"):
            error = self.assertRaises(InvalidPort, parse_port, text)
            self.assertNotIn("\n", str(error))


class BindTests(SynchronousTestCase):
    def bind(
        self, number: int = 0, interface: str | None = None
    ) -> list[socket.socket]:
        sockets = bind(NumberedPort(number, interface))
        for each in sockets:
            self.addCleanup(each.close)
        return sockets

    def test_all_interfaces_are_reached_by_both_families_on_one_number(self) -> None:
        sockets = self.bind()
        numbers = {each.getsockname()[1] for each in sockets}
        self.assertEqual(len(numbers), 1)
        self.assertEqual(
            {each.family for each in sockets}, {socket.AF_INET, socket.AF_INET6}
        )
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, min(numbers)), timeout=5).close()

    def test_an_interface_is_the_only_one_bound(self) -> None:
        [bound] = self.bind(interface="127.0.0.1")
        self.assertEqual(bound.getsockname()[0], "127.0.0.1")
        [bound] = self.bind(interface="::1")
        self.assertEqual(bound.getsockname()[0], "::1")

    def test_sockets_do_not_block(self) -> None:
        for each in self.bind():
            self.assertRaises(BlockingIOError, each.accept)

    def test_a_busy_port_is_said_by_its_number(self) -> None:
        for interface in ("127.0.0.1", "::1", None):
            [first, *_] = self.bind(interface=interface)
            number = first.getsockname()[1]
            error = self.assertRaises(PortBusy, self.bind, number)
            self.assertEqual(str(error), f"port {number} is in use by another program")

    def test_a_port_that_one_family_lacks_leaves_no_socket_of_the_other(self) -> None:
        [taken] = self.bind(interface="127.0.0.1")
        number = taken.getsockname()[1]
        self.assertRaises(PortBusy, self.bind, number)
        [other_family] = self.bind(number, "::1")
        self.assertEqual(other_family.getsockname()[1], number)

    def test_a_port_is_free_again_at_once(self) -> None:
        sockets = self.bind()
        number = sockets[0].getsockname()[1]
        client = socket.create_connection(("127.0.0.1", number), timeout=5)
        for each in sockets:
            if each.family == socket.AF_INET:
                each.setblocking(True)
                each.accept()[0].close()
            each.close()
        client.close()
        self.bind(number)

    def test_an_address_of_another_machine_is_said(self) -> None:
        error = self.assertRaises(ListenError, self.bind, 0, "192.0.2.1")
        self.assertEqual(
            str(error),
            "can't listen on port 0 of 192.0.2.1: Cannot assign requested address",
        )

    def test_what_is_no_address_is_said(self) -> None:
        error = self.assertRaises(ListenError, self.bind, 0, "no such address")
        self.assertIn("'no such address' is not an address", str(error))

    def test_a_name_that_cannot_be_resolved_is_said(self) -> None:
        # An endpoint string brings the resolver's own error here.
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.assertEqual(
            str(listen_error(4443, "nowhere", unknown)),
            "can't listen on port 4443 of nowhere: Name or service not known",
        )

    def test_a_missing_permission_is_said_with_its_remedy(self) -> None:
        error = listen_error(443, None, PermissionError(errno.EACCES, "denied"))
        self.assertIn("CAP_NET_BIND_SERVICE", str(error))
