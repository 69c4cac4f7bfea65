"""How the two sockets of the site learn who their visitors are."""

from __future__ import annotations

import hmac
import typing
from math import ceil

from twisted.logger import Logger

from cfos_cloud.demo.site.accounts import Accounts
from cfos_cloud.demo.site.visitors import (
    AccessRefused,
    Fields,
    Role,
    Visitor,
    not_the_device_end,
    visitor_of_cloud,
)
from cfos_cloud.device.users import ADMIN
from cfos_cloud.http.basic import parse_basic
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.workers import Overloaded

#: The field by which the site knows its own device end.
DOOR = b"site-door"
_CHALLENGE = (
    b"WWW-Authenticate",
    b'Basic realm="charging site", charset="UTF-8"',
)


class Access(typing.Protocol):
    """Asked for every request that needs a visitor."""

    async def visitor(self, fields: Fields, address: str) -> Visitor:
        """
        Who sends a request with these fields from there.

        :raises AccessRefused: nobody whom we let in.
        """


class CloudAccess:
    """
    The socket that only the site's own device end uses: what it says is believed. It
    listens on loopback, where whoever has an account on this machine could use it; so
    nobody is admin, or an access key, without the ``door``'s secret. (Of users a
    device end says it not: to claim to be one takes no more than the account.)
    """

    def __init__(self, door: str) -> None:
        self._door = door.encode("ascii")

    async def visitor(self, fields: Fields, address: str) -> Visitor:
        """See :class:`Access`."""
        visitor = visitor_of_cloud(fields)
        said = fields.get(DOOR, b"")
        if visitor.role is not Role.USER and not hmac.compare_digest(said, self._door):
            raise not_the_device_end()
        return visitor


class LocalAccess:
    """
    The socket of the local network: HTTP Basic, as ``admin`` with the admin password
    or as ``user`` with a user ID. While no admin password is set, whoever says
    nothing is the admin, as on a new device.
    """

    log = Logger()

    def __init__(self, accounts: Accounts, throttle: Throttle) -> None:
        self._accounts = accounts
        self._throttle = throttle

    async def visitor(self, fields: Fields, address: str) -> Visitor:
        """See :class:`Access`."""
        authorization = fields.get(b"authorization")
        if authorization is None:
            if self._accounts.admin_password_set:
                raise _ask()
            return Visitor(Role.ADMIN, ADMIN)
        keys = (source_key(address),)
        wait = self._throttle.wait(keys)
        if wait > 0:
            raise _later(wait)
        user, secret = parse_basic(authorization)
        if user == ADMIN and not self._accounts.admin_password_set:
            # A browser goes on sending the password that was removed.
            return Visitor(Role.ADMIN, ADMIN)
        self._throttle.begin(keys)
        is_wrong = True
        try:
            account = await self._accounts.prove(user, secret)
            is_wrong = account is None
        except Overloaded:
            is_wrong = False
            raise _later(1.0) from None
        finally:  # whoever goes away before the answer has tried as well
            (self._throttle.failed if is_wrong else self._throttle.succeeded)(keys)
        if account is None:
            self.log.warn("log-in from {address} refused", address=address)
            raise _ask()
        role = Role.ADMIN if account.is_admin else Role.USER
        return Visitor(role, account.name)


def _ask() -> AccessRefused:
    text = (
        "Please log in: as admin with the admin password, or as user with a user ID "
        "for the password.\n"
    )
    return AccessRefused(401, "credentials", _CHALLENGE, text=text)


def _later(seconds: float) -> AccessRefused:
    wait = max(1, ceil(seconds))
    return AccessRefused(
        429,
        "throttled",
        (b"Retry-After", b"%d" % wait),
        text=f"Too many tries. Please wait for {wait} s.\n",
    )
