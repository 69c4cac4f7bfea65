"""The server's half of the handshake."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from scramp import ScramException, ScramMechanism

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.tunnel.auth_params import (
    AuthMessage,
    MalformedAuth,
    format_message,
    format_params,
    parse_message,
)
from cfos_cloud.tunnel.scram_messages import (
    BINDING_TYPE,
    PLAIN,
    PLUS,
    REALM,
    MalformedMessage,
    check_realm,
    decoded,
    encoded,
)
from cfos_cloud.tunnel.scram_pending import (
    OwnPending,
    PendingHandshake,
    PendingStore,
)
from cfos_cloud.tunnel.scram_verifier import Verifier, is_guessable

_FAILED = "authentication-failed"


@dataclass(frozen=True)
class Challenge:
    """
    401: the handshake goes on; one ``WWW-Authenticate`` per value.

    ``guessable``: it is not certain that the password is a generated one. Nobody learns
    anything from it that the number of iterations doesn't tell.
    """

    www_authenticate: tuple[bytes, ...]
    guessable: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Proven:
    """
    The client has the password; ``authentication_info`` proves the server.
    ``guessable``: it may have been guessed.
    """

    cloud_id: str
    authentication_info: bytes
    guessable: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Refused:
    """
    401: it failed, and nothing says why; one ``WWW-Authenticate`` per value.

    For the log: ``cloud_id`` is what a client with a wrong proof calls itself;
    ``astray``: it goes on with a handshake that nobody has begun here.
    """

    www_authenticate: tuple[bytes, ...]
    cloud_id: str | None = field(default=None, compare=False)
    astray: bool = field(default=False, compare=False)


class ServerHandshake:
    """
    The handshakes of one connection.

    ``find`` gives the verifier of a Cloud ID, a fake one where there is none.
    ``binding`` is the end point of the certificate served on this connection,
    ``None`` without TLS. Both requests of a handshake have to come by this
    connection, one handshake after another, unless a ``pending`` is given that
    several connections share.
    """

    def __init__(
        self,
        find: Callable[[str], Verifier],
        binding: bytes | None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        *,
        pending: PendingStore | None = None,
    ) -> None:
        self._find = find
        self._binding = binding
        self._pending = OwnPending() if pending is None else pending
        self._random_bytes = random_bytes

    def respond(
        self, authorization: bytes | None, source: str = ""
    ) -> Challenge | Proven | Refused:
        """
        The answer to a request with this ``Authorization`` (``None``: without) from
        ``source``.

        Everything that is wrong with it, an unknown Cloud ID and a wrong password
        too, is the same :class:`Refused`; after it the handshake starts anew.
        """
        if authorization is None:
            return Challenge(self.offers())
        mechanism = PLAIN if self._binding is None else PLUS
        pending: PendingHandshake | None = None
        sid: str | None = None
        try:
            message = parse_message(authorization)
            sid = message.params.get("sid")
            if sid is not None:
                pending = self._pending.take(sid)
            mechanism = self._mechanism(message)
            check_realm(message.params)
            data = decoded(message.params)
            if sid is None:
                return self._first(mechanism, data, source)
            return self._final(pending, mechanism, data)
        except (MalformedAuth, ScramException, MalformedMessage) as error:
            if isinstance(error.__cause__, _LookupFailed):
                raise error.__cause__.error from None
            params = {"realm": REALM, "error": _FAILED}
            cloud_id = None if pending is None else pending.cloud_id
            astray = sid is not None and pending is None
            return Refused((format_message(mechanism, params),), cloud_id, astray)

    def offers(self) -> tuple[bytes, ...]:
        """``WWW-Authenticate`` for who has no ``Authorization``."""
        mechanisms = [PLAIN] if self._binding is None else [PLUS, PLAIN]
        return tuple(format_message(name, {"realm": REALM}) for name in mechanisms)

    def _mechanism(self, message: AuthMessage) -> str:
        if message.is_of(PLAIN):
            return PLAIN
        if message.is_of(PLUS) and self._binding is not None:
            return PLUS
        raise MalformedMessage

    def _first(self, mechanism: str, data: str, source: str) -> Challenge:
        # scramp would turn a binding under the plain name into the other mechanism.
        if data.startswith("p=") is not (mechanism == PLUS):
            raise MalformedMessage
        names: list[str] = []
        verifiers: list[Verifier] = []

        def verifier_of(name: str) -> tuple[bytes, bytes, bytes, int]:
            names.append(name)
            try:
                found = self._find(name)
            except Exception as error:
                raise _LookupFailed(error) from error
            verifiers.append(found)
            return found.salt, found.stored_key, found.server_key, found.iterations

        server = ScramMechanism(mechanism).make_server(
            verifier_of,
            None if self._binding is None else (BINDING_TYPE, self._binding),
            s_nonce=b64encode(self._random_bytes(24)).decode("ascii"),
        )
        server.set_client_first(data)
        server_first = server.get_server_first()
        sid = self._random_bytes(16).hex()
        name = names[0] if _is_cloud_id(names[0]) else None
        pending = PendingHandshake(
            mechanism, sid, name, self._binding, verifiers[0], server
        )
        self._pending.put(pending, source)
        params = {"sid": sid, "data": encoded(server_first)}
        return Challenge(
            (format_message(mechanism, params),), is_guessable(verifiers[0])
        )

    def _final(
        self, pending: PendingHandshake | None, mechanism: str, data: str
    ) -> Proven:
        if (
            pending is None
            or mechanism != pending.mechanism
            or self._binding != pending.binding
        ):
            raise MalformedMessage
        pending.server.set_client_final(data)
        server_final = pending.server.get_server_final()
        if pending.cloud_id is None:
            raise MalformedMessage
        # The password may have been changed since the first message, and whoever has
        # the old one be the reason.
        if self._find(pending.cloud_id) != pending.verifier:
            raise MalformedMessage
        return Proven(
            pending.cloud_id,
            format_params({"sid": pending.sid, "data": encoded(server_final)}),
            is_guessable(pending.verifier),
        )


class _LookupFailed(Exception):
    """Our own fault, carried through scramp, which would call it the client's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _is_cloud_id(text: str) -> bool:
    try:
        check_cloud_id(text)
    except InvalidCloudID:
        return False
    return True
