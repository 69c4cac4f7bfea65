"""The log-in at a device end: it alone decides who gets a grant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cfos_cloud.device.grants import Grants
from cfos_cloud.device.proof import MAX_SECRET_LENGTH, USER, Denied, SecretProver
from cfos_cloud.device.users import ADMIN
from cfos_cloud.throttle import source_key
from cfos_cloud.tunnel.control import INVALID_PARAMS, RpcError

#: Longest address that a log-in may bring, in characters.
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


def _no_devices(role: str, user: str) -> Sequence[str]:
    """Where the site has one device only."""
    return ()


class DeviceLogin:
    """
    Gives grants for proven secrets.

    :param devices: the further devices of the site for a role and a user.
    """

    log = Logger()

    def __init__(
        self,
        prover: SecretProver,
        grants: Grants,
        devices: Callable[[str, str], Sequence[str]] = _no_devices,
    ) -> None:
        self._prover = prover
        self._grants = grants
        self._devices = devices

    def login(self, params: Mapping[str, object]) -> Deferred[dict[str, object]]:
        """
        The answer to ``login``: ``{grant, role, user}``, and ``devices`` where there
        are further ones to use, within 2.2 s. A ``ttl`` over 30 days counts as 30
        days. Errbacks with :class:`RpcError`: −32001 wrong
        secret, −32002 no admin password set (whatever the role), −32003 too many
        tries, −32602 bad parameters, −32603 the device can't be asked.
        """
        return Deferred.fromCoroutine(self._login(params))

    async def _login(self, params: Mapping[str, object]) -> dict[str, object]:
        request = LoginRequest.check(params)
        try:
            proof = await self._prover.prove(
                request.role, request.secret, [source_key(request.client)]
            )
        except Denied as refused:
            self.log.warn(
                "log-in as {role} from {client} refused: {why}",
                role=request.role,
                client=request.client,
                why=refused.why,
            )
            raise
        self.log.info(
            "log-in as {role}, user {user}, from {client}",
            role=request.role,
            user=proof.name,
            client=request.client,
        )
        devices = self._devices(request.role, proof.name)
        grant = self._grants.issue(
            request.role, proof.name, request.ttl, proof.own, devices
        )
        answer: dict[str, object] = {
            "grant": grant.token,
            "role": grant.role,
            "user": grant.user,
        }
        if devices:
            answer["devices"] = [{"name": name} for name in devices]
        return answer
