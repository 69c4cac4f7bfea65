"""The device end's half of the handshake."""

from __future__ import annotations

from scramp import ScramClient, ScramException

from cfos_cloud.cloud_id import check_cloud_id
from cfos_cloud.tunnel.auth_params import (
    MalformedAuth,
    format_message,
    parse_message,
    parse_params,
)
from cfos_cloud.tunnel.scram_messages import (
    BINDING_TYPE,
    PLAIN,
    PLUS,
    REALM,
    MalformedMessage,
    decoded,
    encoded,
)
from cfos_cloud.tunnel.scram_verifier import UnusablePassword

#: Longest ``sid`` that is taken, in characters.
MAX_SID_CHARACTERS = 256
#: Most iterations that are computed: half a second here, more on a small board.
MAX_ITERATIONS = 1_000_000


class HandshakeError(Exception):
    """The server's answer is not what the handshake needs; one line says why."""


class MechanismRefused(HandshakeError):
    """The server answers with a challenge of another mechanism, or a failure."""


class ServerNotProven(Exception):
    """The server did not show that it knows the password's verifier."""


class ClientHandshake:
    """
    The device end's half, for one connection.

    ``binding`` is the end point of the certificate as it was received; ``None``
    takes SCRAM-SHA-256 without a binding.

    :raises UnusablePassword: SCRAM can't use the password.
    """

    def __init__(
        self,
        cloud_id: str,
        password: str,
        binding: bytes | None,
        nonce: str | None = None,
    ) -> None:
        self.mechanism = PLAIN if binding is None else PLUS
        if not password:
            raise UnusablePassword("the password is empty")
        try:
            self._client = ScramClient(
                [self.mechanism],
                check_cloud_id(cloud_id),
                password,
                channel_binding=None if binding is None else (BINDING_TYPE, binding),
                c_nonce=nonce,
            )
        except ScramException as error:
            raise UnusablePassword(
                f"the password can't be used: {error.args[0]}"
            ) from error
        self._sid = ""

    def first(self) -> bytes:
        """The first ``Authorization``; once."""
        data = encoded(self._client.get_client_first())
        return format_message(self.mechanism, {"realm": REALM, "data": data})

    def final(self, www_authenticate: bytes) -> bytes:
        """
        The second ``Authorization``, with the proof. Costs CPU by the server's
        iterations, at most :data:`MAX_ITERATIONS`: call it in a thread.

        :raises MechanismRefused: another mechanism's challenge, or a failure.
        :raises HandshakeError: the challenge is wrong in another way.
        """
        try:
            message = parse_message(www_authenticate)
            if not message.is_of(self.mechanism) or "error" in message.params:
                raise MechanismRefused(f"the server refuses {self.mechanism}")
            self._sid = message.params.get("sid", "")
            if not 0 < len(self._sid) <= MAX_SID_CHARACTERS:
                raise HandshakeError("the server's challenge has no usable sid")
            self._client.set_server_first(decoded(message.params))
            if int(self._client.iterations) > MAX_ITERATIONS:
                raise HandshakeError(
                    f"the server asks for more than {MAX_ITERATIONS} iterations"
                )
            data = encoded(self._client.get_client_final())
        except (MalformedAuth, ScramException, MalformedMessage) as error:
            raise HandshakeError(
                f"the server's challenge can't be used: {_reason(error)}"
            ) from error
        return format_message(self.mechanism, {"sid": self._sid, "data": data})

    def finish(self, authentication_info: bytes) -> None:
        """
        Check the server's signature in ``Authentication-Info``.

        :raises ServerNotProven: it is absent, malformed or wrong.
        """
        try:
            params = parse_params(authentication_info)
            if params.get("sid") != self._sid:
                raise MalformedMessage("another sid")
            self._client.set_server_final(decoded(params))
        except (MalformedAuth, ScramException, MalformedMessage) as error:
            raise ServerNotProven(
                f"the server did not prove that it knows the password: {_reason(error)}"
            ) from error


def _reason(error: Exception) -> str:
    return str(error.args[0]) if error.args else "malformed data"
