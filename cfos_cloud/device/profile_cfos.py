"""
The profile ``cfos``: a cFos Charging Manager, or a Power Brain controller.

The device speaks HTTP Basic, its user is always ``admin``, and ``GET /ui/en/sim.htm``
tells whether a password is right. It may waive the password for its own machine, so
what a user may do is decided here, by a list of commands: it changes its state by GET
as well.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from cfos_cloud.device.profile import (
    Carried,
    DeviceTrouble,
    KeptCredential,
    Unprotected,
)
from cfos_cloud.device.profile_cfos_rules import changes_password, user_may
from cfos_cloud.device.target_client import TargetAnswer, TargetClient
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.device.users import ADMIN
from cfos_cloud.http.message import RequestHead, ResponseHead

#: What tells whether a password is right.
CHECK_PATH = b"/ui/en/sim.htm"
USERS_PATH = b"/cnf?cmd=get_users"
#: Longest name of a user, in characters; a longer one is cut.
MAX_NAME = 64


@dataclass(frozen=True)
class BasicCredential:
    """``admin`` and the device's password."""

    secret: str = field(repr=False)
    suspect: Callable[[KeptCredential], object] = field(
        default=lambda credential: None, repr=False, compare=False
    )

    @property
    def line(self) -> bytes:
        """The whole field line."""
        pair = f"{ADMIN}:{self.secret}".encode("utf-8", "surrogatepass")
        return b"Authorization: Basic %b\r\n" % b64encode(pair)

    @property
    def header(self) -> TargetHeader:
        """What a request is given."""
        return TargetHeader(((b"authorization", self.line),))

    def renewal(self) -> Deferred[None] | None:
        """It does not age."""
        return None

    def doubt(self) -> None:
        """The device has refused it, or its password was to be changed."""
        self.suspect(self)

    def outranks(self, own: bytes) -> bool:
        """
        A browser's Basic is of another system on this origin, or of a password that is
        no more: the device has but one name and password, and these are known to be
        right. Any other scheme is the page's own business.
        """
        return own[:6].lower() == b"basic "


class CfosDevice:
    """
    :param admin_secret: the password that the site has given to the device end, if it
        has: to ask for the users by.
    :param suspect: called with a credential that may be no longer right.
    """

    def __init__(
        self,
        client: TargetClient,
        admin_secret: Callable[[], str | None],
        suspect: Callable[[KeptCredential], object],
    ) -> None:
        self._client = client
        self._admin_secret = admin_secret
        self._suspect = suspect

    # RealDevice

    async def check_protected(self) -> None:
        """
        :raises Unprotected: it shows to everybody what only its admin may see.
        """
        answer = await self._check()
        if answer.status == 401:
            return
        if answer.same_machine:
            raise Unprotected(
                "the device asks this machine for no password: set one, and switch off "
                "'localhost is admin' there, or give --admin-password-file",
                certain=False,
            )
        raise Unprotected("the device has no password: set one there", certain=True)

    def credential(self, secret: str) -> BasicCredential:
        """It is taken as soon as the device asks for it."""
        return BasicCredential(secret, self._suspect)

    async def log_in(self, secret: str) -> BasicCredential | None:
        """What the device takes; ``None``: it does not."""
        credential = self.credential(secret)
        answer = await self._check(credential)
        return credential if answer.status == 200 else None

    async def is_still_right(self, credential: KeptCredential) -> bool:
        """
        Whether the device takes its password, or none from this machine.

        :raises Unprotected: it has no password any more.
        """
        try:
            await self.check_protected()
        except Unprotected as error:
            if error.certain:
                raise
            return True
        return await self.log_in(credential.secret) is not None

    async def users(self) -> Mapping[str, str]:
        """
        Those whom the device knows, if there is a password to ask it by.

        :raises DeviceTrouble: it does not take that password, or does not tell IDs.
        """
        secret = self._admin_secret()
        if secret is None:
            return {}
        line = self.credential(secret).line
        answer = await self._client.ask(b"GET", USERS_PATH, line)
        if answer.status in (401, 403):
            raise DeviceTrouble(
                "the device does not take the password in --admin-password-file, so it "
                "can't be asked for its users"
            )
        return _users(answer)

    # TargetPolicy

    def refuses(self, grant: Carried, head: RequestHead) -> bool:
        """Users read; what keys may do is said by their role."""
        return grant.key is None and grant.role != ADMIN and not user_may(head)

    def request(self, grant: Carried, head: RequestHead) -> RequestHead:
        """
        A user is no admin, and must not find out here what the admin's password is:
        at the log-in guessing has its price.
        """
        if grant.key is not None or grant.role == ADMIN:
            return head
        kept = [each for each in head.fields if each[0] != b"authorization"]
        return head._replace(fields=kept)

    def response(self, grant: Carried, head: ResponseHead) -> ResponseHead:
        """
        Nobody who is logged in is asked by the browser for another name and password:
        there is no answer to that which would change anything.
        """
        if head.status != 401 or grant.key is not None:
            return head
        kept = [each for each in head.fields if each[0] != b"www-authenticate"]
        return head._replace(fields=kept)

    def doubts(self, head: RequestHead, status: int) -> bool:
        """A 401, or an answer to the command that changes the password."""
        return status == 401 or changes_password(head.target)

    # within

    async def _check(self, credential: BasicCredential | None = None) -> TargetAnswer:
        lines = () if credential is None else (credential.line,)
        answer = await self._client.ask(b"GET", CHECK_PATH, *lines)
        if answer.status not in (200, 401):
            raise DeviceTrouble(
                f"the device answers {answer.status} to {CHECK_PATH.decode()}: is it a "
                "cFos Charging Manager?"
            )
        return answer


def _users(answer: TargetAnswer) -> dict[str, str]:
    """
    Names by ID: a list of objects with ``id`` or ``user_id`` and ``name``, or an
    object that has it as ``users``.

    :raises DeviceTrouble: something else, or users without IDs.
    """
    refused = DeviceTrouble(
        "the device does not tell the IDs of its users; give --users-file"
    )
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise refused from None
    listed = data.get("users") if isinstance(data, dict) else data
    if answer.status != 200 or not isinstance(listed, list):
        raise refused
    users = {}
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        known = entry.get("id", entry.get("user_id"))
        if isinstance(known, int) and not isinstance(known, bool):
            known = str(known)
        name = entry.get("name")
        if isinstance(known, str) and known and isinstance(name, str):
            users[known] = name[:MAX_NAME] or "user"
    if listed and not users:
        raise refused
    return users
