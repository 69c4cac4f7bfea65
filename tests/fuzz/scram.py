"""SCRAM over HTTP: who has no password proves nothing, and breaks nothing."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from cfos_cloud.tunnel.auth_params import (
    MAX_PARAMS,
    MAX_SCHEMES,
    MalformedAuth,
    format_message,
    format_params,
    parse_challenges,
    parse_params,
)
from cfos_cloud.tunnel.scram import (
    PLAIN,
    PLUS,
    Challenge,
    ClientHandshake,
    FakeVerifiers,
    HandshakeError,
    Refused,
    ServerHandshake,
    ServerNotProven,
)
from tests.fuzz.harness import Harness

_FAKES = FakeVerifiers(b"secret")
_BINDING = b"b" * 32
_NONCE = "n" * 24
_ITERATIONS = re.compile(r"i=\s*\+?0*([0-9]{4,})")


def check(data: bytes) -> None:
    """Lines: the first is for the server, so is the second; then both for a client."""
    values = (data.split(b"\n") + [b""] * 4)[:4]
    for value in values:
        _check_syntax(value)
    for binding in (None, _BINDING):
        server = ServerHandshake(_FAKES.make, binding, bytes)
        for value in values[:2]:
            answer = server.respond(value)
            assert isinstance(answer, Challenge | Refused), answer
            for challenge in answer.www_authenticate:
                assert parse_challenges(challenge)
        if not _is_costly(values[2]):
            _check_client(binding, values[2], values[3])


def _check_syntax(value: bytes) -> None:
    try:
        messages = parse_challenges(value)
    except MalformedAuth:
        messages = []
    assert len(messages) <= MAX_SCHEMES
    for message in messages:
        assert len(message.params) <= MAX_PARAMS
        written = format_message(message.scheme, message.params)
        if message.params:
            assert parse_challenges(written) == [message]
    try:
        params = parse_params(value)
    except MalformedAuth:
        return
    assert parse_params(format_params(params)) == params


def _check_client(binding: bytes | None, challenge: bytes, proof: bytes) -> None:
    client = ClientHandshake("W00-008J", "correct horse", binding, _NONCE)
    first = client.first()
    assert first.startswith((PLUS if binding else PLAIN).encode())
    try:
        client.final(challenge)
    except HandshakeError as error:
        assert "\n" not in str(error)
        return
    try:
        client.finish(proof)
    except ServerNotProven as error:
        assert "\n" not in str(error)
        return
    raise AssertionError("nobody here knows the password")


def _is_costly(value: bytes) -> bool:
    """Whether a client would compute for long: that has a bound of its own."""
    try:
        for message in parse_challenges(value):
            data = b64decode(message.params.get("data", "")).decode()
            found = _ITERATIONS.search(data)
            if found is not None and int(found[1]) > 5_000:
                return True
    except (MalformedAuth, Base64Error, UnicodeDecodeError):
        pass
    return False


def _message(mechanism: str, text: str, **more: str) -> bytes:
    return format_message(mechanism, more | {"data": b64encode(text.encode()).decode()})


def _seeds() -> list[bytes]:
    realm = {"realm": "cfos-tunnel"}
    sid = {"sid": bytes(16).hex()}
    nonce = _NONCE + "s" * 8
    salt = b64encode(b"s" * 16).decode()
    plus = b64encode(b"p=tls-server-end-point,," + _BINDING).decode()
    proof = b64encode(b"p" * 32).decode()
    server_first = f"r={nonce},s={salt},i=100"
    out = []
    for mechanism, gs2, bound in (
        (PLAIN, "n,,", "biws"),
        (PLAIN, "y,,", "eSws"),
        (PLUS, "p=tls-server-end-point,,", plus),
    ):
        own = b64encode(bytes(24)).decode()
        lines = (
            _message(mechanism, f"{gs2}n=W00-008J,r={_NONCE}", **realm),
            _message(mechanism, f"c={bound},r={_NONCE}{own},p={proof}", **sid),
            _message(mechanism, server_first, sid="x"),
            format_params({"sid": "x", "data": b64encode(b"v=" + b"A" * 44).decode()}),
        )
        out.append(b"\n".join(lines))
    for value in (
        b'Basic realm="x", SCRAM-SHA-256 realm="cfos-tunnel", Negotiate',
        b"SCRAM-SHA-256 data=biws, sid=x",
        b'SCRAM-SHA-256 error="authentication-failed"',
        b"Negotiate abc==",
    ):
        out.append(b"\n".join([value] * 4))
    return out


HARNESS = Harness(
    "scram",
    check,
    _seeds,
    (
        b"\n",
        b"SCRAM-SHA-256 ",
        b"SCRAM-SHA-256-PLUS ",
        b'realm="cfos-tunnel"',
        b'sid="x"',
        b"sid=",
        b"data=",
        b'data=""',
        b", ",
        b'"',
        b"\\",
        b"=",
        b64encode(b"n,,n=a,r=b"),
        b64encode(b"r=" + b"n" * 24 + b"x,s=cw==,i=1"),
        b64encode(b"c=biws,r=b,p=cA=="),
        b64encode(b"e=other-error"),
        b64encode(b"v="),
    ),
)
