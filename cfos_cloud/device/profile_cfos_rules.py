"""What a user may ask a cFos Charging Manager for."""

from __future__ import annotations

from urllib.parse import parse_qsl

from cfos_cloud.http.message import RequestHead
from cfos_cloud.keys import cnf
from cfos_cloud.keys.key import Role
from cfos_cloud.keys.rules import is_plain_path, may_use

_READING = frozenset({b"GET", b"HEAD"})
_PAGES = b"/ui/"
_SINGLE = frozenset({b"/", b"/favicon.ico"})
#: Who has all IDs could log in as anybody.
_SECRET = b"get_users"


def user_may(head: RequestHead) -> bool:
    """
    Whether a user may do this: look at pages, and read. ``get_users`` is not theirs:
    it may tell the IDs of the others.
    """
    target = head.target
    if head.upgrade is not None or head.length != 0:
        return False
    if cnf.reads(target):
        command = target.partition(b"=")[2].partition(b"&")[0]
        return command != _SECRET and head.method in {*_READING, b"POST"}
    if head.method not in _READING:
        return False
    path = target.partition(b"?")[0]
    if path in _SINGLE:
        return True
    if path.startswith(_PAGES):
        return is_plain_path(path.removeprefix(_PAGES))
    return may_use(Role.API, head.method, target, upgrade=False, has_body=False)


def changes_password(target: bytes) -> bool:
    """Whether this may change the device's admin password, be it told in the query."""
    path, _, query = target.partition(b"?")
    if not path.endswith(b"cnf"):
        return False
    return any(value.lower() == b"change_admin_pwd" for _, value in parse_qsl(query))
