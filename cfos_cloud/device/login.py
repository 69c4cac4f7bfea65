"""The log-in at a device end: it alone decides who gets a grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.users import ADMIN
from cfos_cloud.throttle import Throttle, source_key
from cfos_cloud.tunnel.control import INVALID_PARAMS, RpcError
from cfos_cloud.workers import Overloaded, Worker

WRONG_SECRET = -32001
NO_ADMIN_PASSWORD = -32002
TOO_MANY_TRIES = -32003

#: Threads of the worker that proves secrets, and how much may wait for them.
WORKER_THREADS = 2
WORKER_WAITING = 8
#: Seconds after which a log-in is given up: the server waits for 2.5 s.
PATIENCE = 2.2

USER = "user"
#: Longest secret and address that a log-in may bring, in characters.
MAX_SECRET_LENGTH = 1024
MAX_CLIENT_LENGTH = 64


@dataclass(frozen=True)
class LoginRequest:
    """The checked parameters of ``login``."""

    role: str
    secret: str = field(repr=False)
    client: str
    ttl: int

    @classmethod
    def check(cls, params: Mapping[str, object]) -> LoginRequest:
        """
        Unknown members are ignored.

        :raises RpcError: −32602, a member is missing, of the wrong type, or out of
            bounds.
        """
        role, secret = params.get("role"), params.get("secret")
        client, ttl = params.get("client"), params.get("ttl")
        if role not in (ADMIN, USER):
            raise RpcError(INVALID_PARAMS, "role: admin or user")
        if not isinstance(secret, str) or len(secret) > MAX_SECRET_LENGTH:
            raise RpcError(INVALID_PARAMS, f"secret: up to {MAX_SECRET_LENGTH} letters")
        if not isinstance(client, str) or len(client) > MAX_CLIENT_LENGTH:
            raise RpcError(INVALID_PARAMS, f"client: up to {MAX_CLIENT_LENGTH} letters")
        if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < 1:
            raise RpcError(INVALID_PARAMS, "ttl: seconds, 1 at least")
        return cls(str(role), secret, client, ttl)


class DeviceLogin:
    """Proves secrets by the credentials of the moment, and gives grants for them."""

    log = Logger()

    def __init__(
        self,
        credentials: Credentials,
        grants: Grants,
        throttle: Throttle,
        clock: IReactorTime,
        worker: Worker,
    ) -> None:
        self._credentials = credentials
        self._grants = grants
        self._throttle = throttle
        self._clock = clock
        self._worker = worker

    def login(self, params: Mapping[str, object]) -> Deferred[dict[str, object]]:
        """
        The answer to ``login``: ``{grant, role, user}``, within 2.2 s. A ``ttl`` over
        30 days counts as 30 days. Errbacks with :class:`RpcError`: −32001 wrong
        secret, −32002 no admin password set (whatever the role), −32003 too many
        tries, −32602 bad parameters.
        """
        return Deferred.fromCoroutine(self._login(params))

    async def _login(self, params: Mapping[str, object]) -> dict[str, object]:
        request = LoginRequest.check(params)
        user = await self.prove(request.role, request.secret, request.client)
        grant = self._grants.issue(request.role, user, request.ttl)
        return {"grant": grant.token, "role": grant.role, "user": grant.user}

    async def prove(self, role: str, secret: str, client: str) -> str:
        """
        The name of whoever knows ``secret``: ``admin``, or a user's. ``client`` is
        the address that the server has seen.

        :raises RpcError: as :meth:`login`, without −32602.
        """
        admin, users = self._credentials.admin, self._credentials.users
        if not admin.is_set:
            self._refused(role, client, "no admin password is set")
            raise RpcError(NO_ADMIN_PASSWORD, "no admin password set")
        keys = [source_key(client)]
        if self._throttle.wait(keys) > 0:
            self._refused(role, client, "too many tries")
            raise RpcError(TOO_MANY_TRIES, "too many tries")

        def work() -> str | None:
            if role == ADMIN:
                return ADMIN if admin.matches(secret) else None
            # a pasted ID may bring a space along; IDs have none
            return users.match(secret.strip())

        self._throttle.begin(keys)
        wrong = False
        try:
            proof = self._worker.run(work).addTimeout(PATIENCE, self._clock)
            name = await proof
            wrong = name is None
        except (Overloaded, TimeoutError):
            self._refused(role, client, "too much to do")
            raise RpcError(TOO_MANY_TRIES, "too many tries") from None
        finally:
            (self._throttle.failed if wrong else self._throttle.succeeded)(keys)
        if name is None:
            self._refused(role, client, "wrong secret")
            raise RpcError(WRONG_SECRET, "wrong secret")
        now = self._credentials
        if now.admin != admin or (
            role == USER and now.users.hashes.get(name) != users.hashes[name]
        ):
            self._refused(role, client, "its credentials have changed meanwhile")
            raise RpcError(WRONG_SECRET, "wrong secret")
        self.log.info(
            "log-in as {role}, user {user}, from {client}",
            role=role,
            user=name,
            client=client,
        )
        return name

    def _refused(self, role: str, client: str, why: str) -> None:
        self.log.warn(
            "log-in as {role} from {client} refused: {why}",
            role=role,
            client=client,
            why=why,
        )
