"""
What kind of device the target is, and what the device end leaves to it then.

With ``generic`` the device end decides by files of its own who may come in. With the
other profiles the device itself is asked, and what it wants to see from a log-in is
added to that log-in's requests: kept in memory, for as long as the log-in lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol as Interface

from twisted.internet.defer import Deferred

from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.http.message import RequestHead, ResponseHead


class Profile(StrEnum):
    """The kinds of devices; the value is that of ``--profile``."""

    GENERIC = "generic"
    CFOS = "cfos"
    TQ = "tq"


class DeviceTrouble(Exception):
    """The device can't say whether a secret is right; one line, without secrets."""


class DeviceBusy(DeviceTrouble):
    """It has too much to do, or too much waits for it already."""


class Unprotected(Exception):
    """
    The device lets everybody in, so nobody can be told from anybody.

    :ivar certain: it has no password. Else it may have one, and waives it for its own
        machine.
    """

    def __init__(self, why: str, *, certain: bool) -> None:
        super().__init__(why)
        self.certain = certain


class TargetCredential(Interface):
    """What the device wants to see, as of now."""

    @property
    def header(self) -> TargetHeader | None:
        """``None`` while it can't be had."""

    def renewal(self) -> Deferred[None] | None:
        """
        To be waited for before ``header`` is used; ``None``: no need to. Never fails.
        Each call has a Deferred of its own, that can be cancelled.
        """

    def doubt(self) -> None:
        """The target has refused it: perhaps it is another one now."""


class KeptCredential(TargetCredential, Interface):
    """
    What a log-in's requests are given, made of its ``secret``.

    :ivar secret: the device's admin password, or the ID of :class:`KnownUser`.
    """

    @property
    def secret(self) -> str: ...

    def outranks(self, own: bytes) -> bool:
        """Whether it takes the place of ``own``, a browser's ``Authorization``."""


@dataclass(frozen=True)
class KnownUser:
    """
    A user of the device, by the ID that they have proven: no credential, but what tells
    whether the device still knows them.
    """

    secret: str = field(repr=False)

    @property
    def header(self) -> TargetHeader:
        """The ID is for the log-in alone."""
        return TargetHeader(())

    def renewal(self) -> Deferred[None] | None:
        """It does not age."""
        return None

    def doubt(self) -> None:
        """What is refused to users is no doubt about them."""

    def outranks(self, own: bytes) -> bool:
        """It says nothing."""
        return False


class Carried(Interface):
    """A log-in, or an access key, as far as its rights go."""

    @property
    def role(self) -> str: ...

    @property
    def key(self) -> str | None: ...


class TargetPolicy(Interface):
    """What a profile has to say about requests and their responses."""

    def refuses(self, grant: Carried, head: RequestHead) -> bool:
        """Whether ``grant`` may not do this."""

    def request(self, grant: Carried, head: RequestHead) -> RequestHead:
        """What of ``head``, which is not refused, the device is to see."""

    def response(self, grant: Carried, head: ResponseHead) -> ResponseHead:
        """What of ``head`` is for whoever has ``grant``."""

    def doubts(self, head: RequestHead, status: int) -> bool:
        """Whether this answer leaves it open if the credential is still right."""


class RealDevice(TargetPolicy, Interface):
    """
    A device that decides who may come in.

    All that ask it raise :class:`DeviceTrouble` where it does not answer as such a
    device does; they wait for it as long as the caller does.
    """

    async def check_protected(self) -> None:
        """
        :raises Unprotected: it lets everybody in.
        """

    async def log_in(self, secret: str) -> KeptCredential | None:
        """The credential of whoever knows ``secret``; ``None``: it is wrong."""

    async def is_still_right(self, credential: KeptCredential) -> bool:
        """
        Whether its password is the device's; it is renewed if it can be.

        :raises Unprotected: the device lets everybody in.
        """

    def credential(self, secret: str) -> KeptCredential:
        """For whoever is known by ``secret`` without the device's word."""

    async def users(self) -> Mapping[str, str]:
        """The names of all users by their IDs, as far as the device can be asked."""
