"""
The way from an open connection to ``101 Switching Protocols``, as a device goes it.

HTTP/1.1 and SCRAM (RFC 7804): two requests on one connection. Bytes in and out, no
transport. Source of the messages: docs/tunnel-protocol.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import httptools

from cfos_cloud.device.retry_after import retry_after_seconds
from cfos_cloud.device.ways import UpgradeRequest, Way
from cfos_cloud.tunnel.auth_params import (
    AuthMessage,
    MalformedAuth,
    format_message,
    parse_challenges,
)
from cfos_cloud.tunnel.scram import PLAIN, PLUS, ClientHandshake, HandshakeError

PATH = "/cloud/tunnel"
#: Most bytes of a response's head, and of its body.
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class ProofWanted:
    """The server's challenge, for :meth:`UpgradeHandshake.proof`."""

    challenge: bytes


@dataclass(frozen=True)
class Upgraded:
    """The server is proven; what follows on the connection begins with ``rest``."""

    rest: bytes


@dataclass(frozen=True)
class Rejected:
    """
    The answer is no; ``retry_after`` in seconds if it said so. ``turned_away``: it may
    be somebody's on the way, who does not know this kind of request.
    """

    status: int
    reason: str
    retry_after: float | None
    turned_away: bool = False


@dataclass
class _Response:
    """One response as llhttp reads it."""

    status: int = 0
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body_bytes: int = 0
    head_complete: bool = False
    complete: bool = False
    keeps_alive: bool = False
    extra: bool = False

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.extra = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        # Not later: llhttp forgets it when the message is complete.
        self.keeps_alive = self.parser.should_keep_alive()
        self.head_complete = self.status == 101 or self.status >= 200
        if not self.head_complete:
            self.headers.clear()

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)

    def on_message_complete(self) -> None:
        self.complete = self.head_complete

    def values(self, name: str) -> list[bytes]:
        return [value for found, value in self.headers if found == name]


class UpgradeHandshake:
    """
    One attempt. Send :meth:`begin`; give what comes to :meth:`receive`; when that
    wants a proof, compute it by :meth:`proof` and send what :meth:`prove` returns.

    :param authority: the Host header.
    :param agent: the User-Agent header, ``NAME/VERSION``.
    :param way: what the connection is to become.
    """

    def __init__(
        self,
        authority: str,
        agent: str,
        scram: ClientHandshake,
        way: Way = Way.UPGRADE,
    ) -> None:
        self._authority = authority
        self._agent = agent
        self._scram = scram
        self._way = way
        self._asked = UpgradeRequest(way)
        self._response: _Response | None = None
        self._fed = 0
        self._proof_sent = False

    def begin(self) -> bytes:
        """The first request."""
        return self._request(self._scram.first())

    def proof(self, challenge: bytes) -> bytes:
        """
        The proof for ``challenge``. Costs CPU: call it in a thread, it touches nothing
        that :meth:`receive` uses.

        :raises HandshakeError: the challenge can't be answered.
        """
        return self._scram.final(challenge)

    def prove(self, proof: bytes) -> bytes:
        """The second request."""
        self._proof_sent = True
        return self._request(proof)

    def receive(self, data: bytes) -> ProofWanted | Upgraded | Rejected | None:
        """
        :return: ``None``: more bytes are needed.
        :raises HandshakeError: this is no server of ours, or it speaks out of turn.
        :raises ServerNotProven: 101 without a right signature of the server.
        """
        response = self._response
        if response is None:
            raise HandshakeError("the server speaks out of turn")
        self._fed += len(data)
        rest: bytes | None = None
        try:
            response.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            raise HandshakeError("the server's answer is not HTTP/1.1") from error
        if not response.head_complete:
            if self._fed > MAX_HEAD_BYTES:
                raise HandshakeError("the head of the server's answer is too long")
            return None
        return self._judge(response, rest)

    def _request(self, authorization: bytes) -> bytes:
        self._response = _Response()
        self._fed = 0
        self._asked = UpgradeRequest(self._way)
        lines = (
            f"GET {PATH} HTTP/1.1\r\nHost: {self._authority}\r\n"
            f"User-Agent: {self._agent}\r\n"
        ).encode("ascii")
        return b"%b%bAuthorization: %b\r\n\r\n" % (
            lines,
            self._asked.lines,
            authorization,
        )

    def _judge(
        self, response: _Response, rest: bytes | None
    ) -> ProofWanted | Upgraded | Rejected | None:
        if response.status == 101:
            return self._upgraded(response, rest)
        if response.status != 401:
            return self._rejection(response)
        challenges = _challenges(response.values("www-authenticate"))
        wanted = [
            c
            for c in challenges
            if c.is_of(self._scram.mechanism) and "sid" in c.params
        ]
        if self._proof_sent or not wanted:
            return _rejection(response, self._why_refused(challenges))
        if response.body_bytes > MAX_BODY_BYTES or self._fed > 2 * MAX_BODY_BYTES:
            raise HandshakeError("the server's answer is too long")
        if not response.complete:
            return None
        if response.extra or not response.keeps_alive:
            raise HandshakeError(
                "the server does not keep the connection for the proof"
            )
        self._response = None
        return ProofWanted(format_message(wanted[0].scheme, wanted[0].params))

    def _upgraded(self, response: _Response, rest: bytes | None) -> Upgraded:
        if not self._proof_sent:
            raise HandshakeError("the server switches protocols without a proof")
        if rest is None or not self._asked.is_granted(response.values):
            raise HandshakeError("the server switches to another protocol")
        self._scram.finish(b", ".join(response.values("authentication-info")))
        self._response = None
        return Upgraded(rest)

    def _rejection(self, response: _Response) -> Rejected:
        status = response.status
        reason = _REASONS.get(status)
        if status == 426:
            reason = (
                f"the request for a tunnel {self._way.value} does not arrive as such: "
                "something on the way changes it"
            )
        elif status == 403 and not self._proof_sent:
            # The server says that only to who has proven the password.
            reason = "something on the way forbids the request for a tunnel"
        told = _FINAL_AFTER_PROOF if self._proof_sent else _FINAL_BEFORE_PROOF
        return _rejection(response, reason, turned_away=status not in told)

    def _why_refused(self, challenges: Sequence[AuthMessage]) -> str:
        offered = {challenge.scheme.upper() for challenge in challenges}
        if self._scram.mechanism == PLUS and PLAIN in offered and PLUS not in offered:
            return (
                "the server does not see this TLS connection: something on the way "
                "ends it. If that is a proxy you trust, use --verify ca"
            )
        return "the server refuses this Cloud ID with this password"


_REASONS = {
    403: "the system is disabled at the server",
    404: "there is no cfos-cloud server at this address",
    308: "the server takes https only: write https:// in --server",
    429: "too many tries",
    503: "the server is too busy",
}
#: Answers that are the server's own, or do not depend on how a tunnel is asked for.
_FINAL_AFTER_PROOF = frozenset((308, 403, 429, 503))
#: A gateway whose server is down, too; later it may be about the 101.
_FINAL_BEFORE_PROOF = frozenset((308, 429, 502, 503, 504))


def _challenges(values: Sequence[bytes]) -> list[AuthMessage]:
    """What can be read of them: a proxy may add schemes of another syntax."""
    found: list[AuthMessage] = []
    for value in values:
        try:
            found += parse_challenges(value)
        except MalformedAuth:
            continue
    return found


def _rejection(
    response: _Response, reason: str | None, *, turned_away: bool = False
) -> Rejected:
    return Rejected(
        response.status,
        reason or f"the server answers with status {response.status}",
        retry_after_seconds(response.values("retry-after"), response.values("date")),
        turned_away,
    )
