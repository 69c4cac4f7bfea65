"""What a request without a session may do by the access key that it presents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.gateway.key_access import KeyAccess
from cfos_cloud.http.message import RequestHead
from cfos_cloud.keys import cnf
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.rules import bearer_of, may_use
from cfos_cloud.seldom import Seldom
from cfos_cloud.throttle import source_key

#: What is ours for a key of scope ``cloud``; it can do nothing else here.
INTERFACE = b"/api/json/"


class KeyFinder(Interface):
    """Where keys are found by their tokens; ``KeyAccesses`` is one."""

    def find(self, token: bytes, client: str) -> KeyAccess:
        """:raises KeyRefused: it does not work."""

    def knows(self, token: bytes) -> bool:
        """Whether it is the token of any key of this server, in whatever state."""


class KnownTunnel(Interface):
    """What is asked of a device end that is online."""

    @property
    def profile(self) -> str | None:
        """What kind of device it is for."""


class KeyGate:
    """
    Lets requests through by their key.

    Who presents bad ones never has to wait: a signature of 256 bits can't be guessed,
    and to lock out an address would lock out all applications of a household for one
    that still has an old key.

    Nor does it matter which site's page sends a key (``Sec-Fetch-Site``, ``Origin``):
    no browser adds one by itself, as it adds a cookie. Who has it may use it.

    :param seconds: a clock, for the log.
    :param tunnel_of: the tunnel of a system while it is online.
    """

    log = Logger()

    def __init__(
        self,
        finder: KeyFinder,
        seconds: Callable[[], float],
        tunnel_of: Callable[[str], KnownTunnel | None],
    ) -> None:
        self._finder = finder
        self._seldom = Seldom(seconds)
        self._tunnel_of = tunnel_of

    def token_of(self, head: RequestHead) -> bytes | None:
        """The key that a request presents, good or bad; ``None``: it presents none."""
        return bearer_of(
            [value for lower, _, value in head.fields if lower == b"authorization"]
        )

    def without_ours(self, head: RequestHead) -> RequestHead:
        """
        ``head`` as the device of a session may see it: a Bearer is the device's own
        and stays, unless it is a key of this server, which is no device's to have.
        """
        token = self.token_of(head)
        if token is None or not self._finder.knows(token):
            return head
        return without_key(head)

    def admit(self, token: bytes, head: RequestHead, client: str) -> KeyAccess | None:
        """
        What the request of ``head`` is allowed by, in this turn; ``None``: it isn't,
        and it must not make a difference to anybody why.

        :param client: the address that it comes from.
        """
        try:
            access = self._finder.find(token, client)
            self._check(access, head)
        except KeyRefused as error:
            self.refused(error, client)
            return None
        return access

    def refused(self, error: KeyRefused, client: str) -> None:
        """
        Have the log say it, once a minute for each source and reason: an application
        with an old key may ask ten times a second.
        """
        passed = self._seldom.due(f"{source_key(client)} {error.reason}")
        if passed is None:
            return
        key = error.key
        self.log.info(
            "access key {key} of {scope} refused to {client}: {why}; "
            "{passed} more since the last such line",
            key="that is none" if key is None else key.id,
            scope="nobody" if key is None else key.scope,
            client=client,
            why=error.reason,
            passed=passed,
        )

    def _check(self, access: KeyAccess, head: RequestHead) -> None:
        key = access.key
        if key.cloud_id is None and not head.target.startswith(INTERFACE):
            raise KeyRefused("is the operator's, and leads to no device", key)
        if not may_use(
            key.role,
            head.method,
            head.target,
            upgrade=head.upgrade is not None,
            has_body=head.length != 0,
            profile=self._profile_of(key.cloud_id),
        ):
            raise KeyRefused("its role may read, and not this", key)

    def _profile_of(self, cloud_id: str | None) -> str | None:
        if cloud_id is None:
            return None
        tunnel = self._tunnel_of(cloud_id)
        # Nobody knows what is offline, and nothing gets there. An application that
        # asks for what it always may is to be told so, not that its key is bad.
        return cnf.PROFILE if tunnel is None else tunnel.profile


def without_key(head: RequestHead) -> RequestHead:
    """``head`` as its device may see it: the key is not the device's to have."""
    return head._replace(
        fields=[field for field in head.fields if field[0] != b"authorization"]
    )
