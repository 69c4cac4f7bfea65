"""
The device end's half of the log-in, as cheap as it can be.

As docs/tunnel-protocol.md says it in sections 3.2 and 3.3. What takes time, the salted
password, is computed once for each password and salt, which many systems may share.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from functools import lru_cache

from cfos_cloud.tunnel.scram import end_point_binding

_GS2 = b"p=tls-server-end-point,,"
_DATA = re.compile(rb'data="([^"]*)"')
_SID = re.compile(rb'sid="([^"]*)"')

binding_of = lru_cache(maxsize=8)(end_point_binding)


class NotProven(Exception):
    """What the server says is not what it should; the message is one line."""


@lru_cache(maxsize=64)
def keys_of(password: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """ClientKey and ServerKey of RFC 5802 §3."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    return _hmac(salted, b"Client Key"), _hmac(salted, b"Server Key")


class Proof:
    """For one connection, to the server that has shown ``certificate`` (DER)."""

    def __init__(self, cloud_id: str, password: str, certificate: bytes) -> None:
        self._password = password.encode("ascii")
        self._nonce = b64encode(secrets.token_bytes(18))
        self._bare = b"n=%b,r=%b" % (cloud_id.encode("ascii"), self._nonce)
        self._binding = b64encode(_GS2 + binding_of(certificate))
        self._signature = b""

    def first(self) -> bytes:
        """The first ``Authorization``."""
        data = b64encode(_GS2 + self._bare)
        return b'SCRAM-SHA-256-PLUS realm="cfos-tunnel", data="%b"' % data

    def final(self, head: bytes) -> bytes:
        """
        The second ``Authorization``, by the 401.

        :raises NotProven: there is no challenge in it.
        """
        server_first = b64decode(_found(_DATA, head))
        parts = dict(part.split(b"=", 1) for part in server_first.split(b","))
        nonce = parts[b"r"]
        if not nonce.startswith(self._nonce):
            raise NotProven("the server's nonce does not begin with ours")
        salt, iterations = b64decode(parts[b"s"]), int(parts[b"i"])
        client_key, server_key = keys_of(self._password, salt, iterations)
        without_proof = b"c=%b,r=%b" % (self._binding, nonce)
        message = b",".join((self._bare, server_first, without_proof))
        signature = _hmac(hashlib.sha256(client_key).digest(), message)
        self._signature = _hmac(server_key, message)
        mixed = int.from_bytes(client_key, "big") ^ int.from_bytes(signature, "big")
        data = b"%b,p=%b" % (without_proof, b64encode(mixed.to_bytes(32, "big")))
        sid = _found(_SID, head)
        return b'SCRAM-SHA-256-PLUS sid="%b", data="%b"' % (sid, b64encode(data))

    def check(self, head: bytes) -> None:
        """
        The server's own proof, in the 101.

        :raises NotProven: it is wrong.
        """
        data = b64decode(_found(_DATA, head))
        if not hmac.compare_digest(data, b"v=" + b64encode(self._signature)):
            raise NotProven("the server's signature is wrong")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _found(pattern: re.Pattern[bytes], head: bytes) -> bytes:
    found = pattern.search(head)
    if found is None:
        raise NotProven(f"the server answers {head[:200]!r}")
    return found[1]
