"""The server's half of the handshake."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scramp import ScramException, ScramMechanism
from scramp.core import ScramServer

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
from cfos_cloud.tunnel.scram_verifier import Verifier

_FAILED = "authentication-failed"


@dataclass(frozen=True)
class Challenge:
    """401: the handshake goes on; one ``WWW-Authenticate`` per value."""

    www_authenticate: tuple[bytes, ...]


@dataclass(frozen=True)
class Proven:
    """The client has the password; ``authentication_info`` proves the server."""

    cloud_id: str
    authentication_info: bytes


@dataclass(frozen=True)
class Refused:
    """401: it failed, and nothing says why; one ``WWW-Authenticate`` per value."""

    www_authenticate: tuple[bytes, ...]


@dataclass(frozen=True)
class _Pending:
    """A server-first that is out, waiting for its client-final."""

    mechanism: str
    sid: str
    cloud_id: str
    exists: bool
    server: ScramServer


class ServerHandshake:
    """
    The handshakes of ONE connection, one after another.

    ``find`` gives the verifier of a Cloud ID, a fake one where there is none.
    ``binding`` is the end point of the certificate served on this connection,
    ``None`` without TLS.
    """

    def __init__(
        self,
        find: Callable[[str], Verifier],
        binding: bytes | None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._find = find
        self._binding = binding
        self._random_bytes = random_bytes
        self._pending: _Pending | None = None

    def respond(self, authorization: bytes | None) -> Challenge | Proven | Refused:
        """
        The answer to a request with this ``Authorization`` (``None``: without).

        Everything that is wrong with it, an unknown Cloud ID and a wrong password
        too, is the same :class:`Refused`; after it the handshake starts anew.
        """
        pending, self._pending = self._pending, None
        if authorization is None:
            return Challenge(self._offers())
        mechanism = PLAIN if self._binding is None else PLUS
        try:
            message = parse_message(authorization)
            mechanism = self._mechanism(message)
            check_realm(message.params)
            data = decoded(message.params)
            if pending is None:
                return self._first(mechanism, message.params, data)
            return self._final(pending, mechanism, message.params, data)
        except (MalformedAuth, ScramException, MalformedMessage) as error:
            if isinstance(error.__cause__, _LookupFailed):
                raise error.__cause__.error from None
            params = {"realm": REALM, "error": _FAILED}
            return Refused((format_message(mechanism, params),))

    def _offers(self) -> tuple[bytes, ...]:
        mechanisms = [PLAIN] if self._binding is None else [PLUS, PLAIN]
        return tuple(format_message(name, {"realm": REALM}) for name in mechanisms)

    def _mechanism(self, message: AuthMessage) -> str:
        if message.is_of(PLAIN):
            return PLAIN
        if message.is_of(PLUS) and self._binding is not None:
            return PLUS
        raise MalformedMessage

    def _first(self, mechanism: str, params: Mapping[str, str], data: str) -> Challenge:
        # scramp would turn a binding under the plain name into the other mechanism.
        if "sid" in params or data.startswith("p=") is not (mechanism == PLUS):
            raise MalformedMessage
        names: list[str] = []

        def verifier_of(name: str) -> tuple[bytes, bytes, bytes, int]:
            names.append(name)
            try:
                found = self._find(name)
            except Exception as error:
                raise _LookupFailed(error) from error
            return found.salt, found.stored_key, found.server_key, found.iterations

        server = ScramMechanism(mechanism).make_server(
            verifier_of,
            None if self._binding is None else (BINDING_TYPE, self._binding),
            s_nonce=b64encode(self._random_bytes(24)).decode("ascii"),
        )
        server.set_client_first(data)
        server_first = server.get_server_first()
        sid = self._random_bytes(16).hex()
        self._pending = _Pending(
            mechanism, sid, names[0], _is_cloud_id(names[0]), server
        )
        params = {"sid": sid, "data": encoded(server_first)}
        return Challenge((format_message(mechanism, params),))

    def _final(
        self,
        pending: _Pending,
        mechanism: str,
        params: Mapping[str, str],
        data: str,
    ) -> Proven:
        if mechanism != pending.mechanism or not hmac.compare_digest(
            params.get("sid", "").encode("ascii"), pending.sid.encode("ascii")
        ):
            raise MalformedMessage
        pending.server.set_client_final(data)
        server_final = pending.server.get_server_final()
        if not pending.exists:
            raise MalformedMessage
        return Proven(
            pending.cloud_id,
            format_params({"sid": pending.sid, "data": encoded(server_final)}),
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
