"""Whether somebody knows a secret of the device: not too often, and in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IReactorTime

from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.profile import KeptCredential
from cfos_cloud.device.users import ADMIN
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.workers import Overloaded, Worker

WRONG_SECRET = -32001
NO_ADMIN_PASSWORD = -32002
TOO_MANY_TRIES = -32003

#: Threads of the worker that proves secrets, and how much may wait for them.
WORKER_THREADS = 2
WORKER_WAITING = 8
#: Seconds after which a proof is given up: the server waits for 2.5 s.
PATIENCE = 2.2
#: Seconds of debt from which a source has to wait here: four times what the server
#: lets strangers run up. It lets in who has logged in before; here their debt is that
#: of the address, maybe a stranger's too, so this must not be the first to say no.
TOLERANCE = 120.0
#: Longest secret, in characters.
MAX_SECRET_LENGTH = 1024

USER = "user"


class Denied(RpcError):
    """The error for the server; ``why`` is for our own log."""

    def __init__(self, code: int, message: str, why: str) -> None:
        super().__init__(code, message)
        self.why = why


@dataclass(frozen=True)
class Proof:
    """
    Who has proven a secret: ``admin``, or a user's name; and what the device wants to
    see from them.
    """

    name: str
    own: KeptCredential | None = None


class SecretProver(Interface):
    """Whoever knows whether a secret is right."""

    @property
    def credentials(self) -> Credentials:
        """What the site has given to the device end."""

    async def prove(self, role: str, secret: str, keys: Sequence[str]) -> Proof:
        """
        Who knows ``secret``, within 2.2 s. Failures are charged to ``keys`` of the
        throttle.

        :raises Denied: −32001 wrong secret, −32002 no admin password set
            (whatever the role), −32003 too many tries, −32603 the device can't be
            asked.
        """


class Prover:
    """
    Proves secrets by the credentials of the moment. Who tries something else than
    others brings a ``throttle`` of its own.
    """

    def __init__(
        self,
        credentials: Credentials,
        throttle: Throttle,
        clock: IReactorTime,
        worker: Worker,
    ) -> None:
        self.credentials = credentials
        self._throttle = throttle
        self._clock = clock
        self._worker = worker

    async def prove(self, role: str, secret: str, keys: Sequence[str]) -> Proof:
        """
        Who knows ``secret``, within 2.2 s. Failures are charged to ``keys`` of the
        throttle.

        :raises Denied: −32001 wrong secret, −32002 no admin password set
            (whatever the role), −32003 too many tries.
        """
        admin, users = self.credentials.admin, self.credentials.users
        if not admin.is_set:
            raise Denied(
                NO_ADMIN_PASSWORD, "no admin password set", "no admin password is set"
            )
        if self._throttle.wait(keys) > 0:
            raise Denied(TOO_MANY_TRIES, "too many tries", "too many tries")

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
            raise Denied(TOO_MANY_TRIES, "too many tries", "too much to do") from None
        finally:
            (self._throttle.failed if wrong else self._throttle.succeeded)(keys)
        if name is None:
            raise Denied(WRONG_SECRET, "wrong secret", "wrong secret")
        now = self.credentials
        if now.admin != admin or (
            role == USER and now.users.hashes.get(name) != users.hashes[name]
        ):
            raise changed_meanwhile()
        return Proof(name)


def changed_meanwhile() -> Denied:
    """What was proven is no longer so."""
    return Denied(
        WRONG_SECRET, "wrong secret", "its credentials have changed meanwhile"
    )
