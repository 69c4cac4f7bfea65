"""Which commands of ``/cnf`` only read, however they are written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys import cnf
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.rules import may_use

READABLE = (
    *(b"/cnf?cmd=" + command for command in sorted(cnf.READ_COMMANDS)),
    b"/cnf?cmd=get_dev_info&_=1770000000",
    b"/cnf?cmd=get_user&id=123456789012&name=",
    b"/cnf?cmd=get_user&name=J%C3%B6rg%20A.+B",
)
FORBIDDEN = (
    *(b"/cnf", b"/cnf?", b"/cnf?cmd=", b"/cnf?cmd", b"/cnf?get_params", b""),
    *(
        b"/cnf?cmd=" + command
        for command in (
            b"set_params",
            b"set_device",
            b"enter_rfid",
            b"override_device",
            b"set_user",
            b"change_admin_pwd",
            b"del_device",
            b"reset_device",
            b"get_secrets",
            b"GET_PARAMS",
        )
    ),
    # A second command, open or in disguise.
    *(b"/cnf?cmd=get_params&cmd=set_params", b"/cnf?cmd=get_params&CMD=set_params"),
    *(b"/cnf?cmd=get_params;cmd=set_params", b"/cnf?cmd=get_params?cmd=set_params"),
    *(b"/cnf?cmd=get_params&%63md=set_params", b"/cnf?%63md=get_params"),
    *(b"/cnf?cmd=get_params&a=%26cmd%3Dset_params", b"/cnf?cmd=get_params&a=b=c"),
    *(b"/cnf?cmd=get_params&a=%3bcmd", b"/cnf?cmd=get_params&a=%2526cmd"),
    *(b"/cnf?cmd=get_params&a=%00", b"/cnf?cmd=get_params&a=%0d%0a"),
    *(
        b"/cnf?cmd=get_params&a=%",
        b"/cnf?cmd=get_params&a=%zz",
        b"/cnf?cmd=get_params&",
    ),
    *(b"/cnf?cmd=get_params&a", b"/cnf?cmd=get_params#", b"/cnf?cmd=get_params "),
    *(b"/cnf?a=b&cmd=get_params", b"/cnf?cmd=get%5fparams", b"/cnf?cmd=get_params%00"),
    # Elsewhere.
    *(b"/CNF?cmd=get_params", b"/cnf/?cmd=get_params", b"//cnf?cmd=get_params"),
    *(b"/%63nf?cmd=get_params", b"/x/../cnf?cmd=get_params", b"cnf?cmd=get_params"),
    b"http://x/cnf?cmd=get_params",
)


class ReadingTests(SynchronousTestCase):
    def test_what_reads_is_known(self) -> None:
        for target in READABLE:
            self.assertTrue(cnf.reads(target), target)

    def test_what_could_be_anything_else_is_not(self) -> None:
        for target in FORBIDDEN:
            self.assertFalse(cnf.reads(target), target)

    def may(self, target: bytes, profile: str | None, method: bytes = b"GET") -> bool:
        return may_use(
            Role.API, method, target, upgrade=False, has_body=False, profile=profile
        )

    def test_a_reading_key_may_read_so_at_this_kind_of_device_alone(self) -> None:
        target = b"/cnf?cmd=get_dev_info"
        self.assertTrue(self.may(target, "cfos"))
        self.assertTrue(self.may(target, "cfos", b"HEAD"))
        self.assertFalse(self.may(target, "cfos", b"POST"))
        self.assertFalse(self.may(b"/cnf?cmd=set_params", "cfos"))
        for profile in (None, "generic", "tq", "CFOS"):
            self.assertFalse(self.may(target, profile))

    def test_what_all_devices_have_is_for_it_at_this_kind_as_well(self) -> None:
        self.assertTrue(self.may(b"/api/json/local/values/smart-meter", "cfos"))
