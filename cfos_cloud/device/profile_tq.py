"""
The profile ``tq``: a KOSTAL Smart Energy Meter G2, a TQ EM420.

Its password buys a token (``POST /api/web-login/token``, the password grant of RFC 6749
§4.3), once a second for each address, and the device end has but one address for
everybody. The token ends after a while; it is renewed when somebody needs it then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from posixpath import normpath
from urllib.parse import unquote_to_bytes, urlencode

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.profile import (
    Carried,
    DeviceBusy,
    DeviceTrouble,
    KeptCredential,
    Unprotected,
)
from cfos_cloud.device.profile_token import Token, TokenCredential
from cfos_cloud.device.rate_limiter import RateLimiter, TooManyWaiting
from cfos_cloud.device.target_client import TargetAnswer, TargetClient
from cfos_cloud.device.users import ADMIN
from cfos_cloud.http.message import RequestHead, ResponseHead

TOKEN_PATH = b"/api/web-login/token"
#: What needs a token, and is there on every such device.
CHECK_PATH = b"/api/json/local/values/smart-meter"
#: Seconds between two log-ins: the device takes one a second, by its own clock.
INTERVAL = 1.05
#: Log-ins that the device may turn away, one after the other.
MAX_TRIES = 5
#: Seconds that a token counts for whose life the device does not tell.
UNTOLD_LIFE = 300.0

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}\Z", re.ASCII)
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


class TqDevice:
    """
    :param suspect: called with a credential that may be no longer right.
    """

    log = Logger()

    def __init__(
        self,
        client: TargetClient,
        clock: IReactorTime,
        suspect: Callable[[KeptCredential], object],
    ) -> None:
        self._client = client
        self._clock = clock
        self._suspect = suspect
        self._limiter = RateLimiter(clock, INTERVAL)

    # RealDevice

    async def check_protected(self) -> None:
        """
        :raises Unprotected: it shows its readings to everybody.
        """
        answer = await self._client.ask(b"GET", CHECK_PATH)
        if answer.status == 200:
            raise Unprotected(
                "the device shows its readings without a log-in: set a password there",
                certain=True,
            )
        if answer.status not in (401, 403):
            raise DeviceTrouble(
                f"the device answers {answer.status} to {CHECK_PATH.decode()}: is it a "
                "Smart Energy Meter?"
            )

    async def log_in(self, secret: str) -> TokenCredential | None:
        """A token, and what the next one is had by; ``None``: the password is wrong."""
        token = await self.buy(secret)
        return None if token is None else self.credential(secret, token)

    async def is_still_right(self, credential: KeptCredential) -> bool:
        """Whether the device gives a token for its password; it is used from now on."""
        header = credential.header
        if header is not None:
            lines = (line for _, line in header.lines)
            answer = await self._client.ask(b"GET", CHECK_PATH, *lines)
            if answer.status == 200:
                return True
        token = await self.buy(credential.secret)
        if isinstance(credential, TokenCredential):
            credential.token = token
        return token is not None

    async def users(self) -> Mapping[str, str]:
        """The device has no users but its admin."""
        return {}

    def credential(self, secret: str, token: Token | None = None) -> TokenCredential:
        """What a log-in, or a key, is given; without a token it is had when needed."""
        return TokenCredential(secret, token, self.buy, self._suspect, self._clock)

    async def buy(self, secret: str) -> Token | None:
        """
        A token for the password; ``None``: it is wrong.

        :raises DeviceTrouble: the device does not say.
        """
        for _ in range(MAX_TRIES):
            answer = await self._post(secret)
            if answer.status != 429:
                return self._token(answer)
            # Somebody else has logged in from here: through the tunnel, say.
            self._limiter.taken_by_others()
        raise DeviceBusy("the device takes no log-in now")

    # TargetPolicy

    def refuses(self, grant: Carried, head: RequestHead) -> bool:
        """
        The device asks everybody for a token: it decides. But users, who have no
        password of it, can neither try some nor take the log-ins of everybody: it
        allows one a second for all of us together.
        """
        if not _may_be_log_in(head):
            return False
        if grant.key is None and grant.role != ADMIN:
            return True
        self._limiter.taken_by_others()
        return False

    def request(self, grant: Carried, head: RequestHead) -> RequestHead:
        """All of it."""
        return head

    def response(self, grant: Carried, head: ResponseHead) -> ResponseHead:
        """All of it."""
        return head

    def doubts(self, head: RequestHead, status: int) -> bool:
        """A 401: the token has ended before its time, or is not enough."""
        return status == 401

    # within

    async def _post(self, secret: str) -> TargetAnswer:
        try:
            await self._limiter.take()
        except TooManyWaiting:
            raise DeviceBusy("too many log-ins wait for the device") from None
        form = {"grant_type": "password", "username": ADMIN, "password": secret}
        body = urlencode(form, errors="surrogatepass").encode("ascii")
        return await self._client.ask(b"POST", TOKEN_PATH, _FORM, body=body)

    def _token(self, answer: TargetAnswer) -> Token | None:
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            document = {}
        if answer.status in (400, 401, 403):
            return None
        if answer.status == 200 and "error" in document:
            return None
        text, life = document.get("access_token"), document.get("expires_in")
        if answer.status != 200 or not isinstance(text, str) or not _TOKEN.match(text):
            raise DeviceTrouble(
                f"the device answers {answer.status} to {TOKEN_PATH.decode()}, and no "
                "token: is it a Smart Energy Meter?"
            )
        if not isinstance(life, int | float) or isinstance(life, bool) or life <= 0:
            life = UNTOLD_LIFE
        return Token(text, self._clock.seconds(), float(life))


def _may_be_log_in(head: RequestHead) -> bool:
    """Whether the device could take it for one, however it reads paths."""
    if head.method in (b"GET", b"HEAD"):
        return False
    path = head.target.partition(b"?")[0]
    for _ in range(2):
        path = unquote_to_bytes(path)
    path = path.replace(b"\\", b"/").partition(b";")[0].lower()
    return normpath(b"/" + path.lstrip(b"/")) == TOKEN_PATH
