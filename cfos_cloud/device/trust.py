"""Whether a server may be sent a proof of the Cloud password."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from twisted.logger import Logger

from cfos_cloud.device.origin import Origin
from cfos_cloud.device.pins import PinFile, PinFileError, pin_of
from cfos_cloud.device.tls_client import ReceivedCertificate
from cfos_cloud.tunnel.scram import UnsupportedCertificate, end_point_binding


class Verify(Enum):
    """``--verify``: by channel binding and a pinned key, or by a CA alone."""

    AUTO = "auto"
    CA = "ca"


class PinState(Enum):
    """How the server's key relates to the one seen before."""

    NONE = "no key is pinned yet"
    SAME = "the key is the pinned one"
    CHANGED = "the key is not the pinned one"


class ServerDistrusted(Exception):
    """The server gets no proof; one line says why and what to do."""


class ServerKeyChanged(ServerDistrusted):
    """The server's key is another than before, and nothing vouches for it."""


@dataclass(frozen=True)
class Admission:
    """
    The server may be sent a proof, bound to ``binding`` if that is not ``None``;
    ``pin`` is to be kept once the server has proven itself.
    """

    binding: bytes | None = None
    pin: str | None = None
    changed: bool = False


class ServerTrust:
    """
    Decides before the proof, and remembers after it.

    A chosen password can be guessed offline from a proof by whoever gets one; a
    generated one can't, and its proof is worth nothing elsewhere, being bound to the
    certificate. So only a chosen one depends on the pinned key.
    """

    log = Logger()

    def __init__(
        self, server: Origin, verify: Verify, generated: bool, pins: PinFile
    ) -> None:
        self._server = server
        self._verify = verify
        self._generated = generated
        self._pins = pins

    def admit(self, received: ReceivedCertificate | None) -> Admission:
        """
        :param received: ``None``: the connection is without TLS.
        :raises ServerDistrusted: the server gets no proof.
        """
        if received is None:
            if self._verify is Verify.CA:
                raise ServerDistrusted("--verify ca needs a server with https")
            return Admission()
        if self._verify is Verify.CA:
            if received.problem is not None:
                raise ServerDistrusted(
                    f"the certificate of {self._server} is not valid: "
                    f"{received.problem}"
                )
            return Admission()
        try:
            binding = end_point_binding(received.der)
        except UnsupportedCertificate as error:
            raise ServerDistrusted(f"{self._server}: {error}") from error
        changed = self.pin_state(received) is PinState.CHANGED
        if changed and received.problem is not None and not self._generated:
            raise ServerKeyChanged(
                f"the key of {self._server} is not the one seen before, and no CA "
                "vouches for it: no proof of the Cloud password was sent. Ask the "
                "operator of the server; if the change is theirs, delete "
                f"{self._server.host_and_port} from {self._pins.path} to accept it"
            )
        return Admission(binding, pin_of(received.certificate), changed)

    def pin_state(self, received: ReceivedCertificate) -> PinState:
        """
        :raises ServerDistrusted: the pin file can't be used.
        """
        try:
            known = self._pins.get(self._server.host_and_port)
        except PinFileError as error:
            raise ServerDistrusted(str(error)) from error
        if known is None:
            return PinState.NONE
        same = known == pin_of(received.certificate)
        return PinState.SAME if same else PinState.CHANGED

    def proven(self, admission: Admission) -> None:
        """The server has shown that it knows the password: keep its key."""
        if admission.pin is None:
            return
        name = self._server.host_and_port
        try:
            if self._pins.get(name) == admission.pin:
                return
            self._pins.put(name, admission.pin)
        except PinFileError as error:
            self.log.error("the server's key is not kept: {why}", why=str(error))
            return
        if admission.changed:
            self.log.warn(
                "the key of {server} has changed: accepted, pinned", server=name
            )
        else:
            self.log.info("the key of {server} is pinned now", server=name)
