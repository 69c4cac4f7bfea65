"""
Messages of the control stream: JSON-RPC 2.0, one message a line.

Bytes in, messages out; nothing here knows a transport. Batches are not part of
the protocol. Source: https://www.jsonrpc.org/specification
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Longest line, newline included.
MAX_LINE_BYTES = 64 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

JSONObject = dict[str, object]


class ControlViolation(Exception):
    """The peer sent what can't be a message; the control stream must end."""


class RpcError(Exception):
    """An error answer: ours to send, or the peer's as received."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class UnknownMethod(RpcError):
    """The method is not one of ours."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN_METHOD, "method not found")


class InvalidParams(RpcError):
    """A member is missing or of the wrong type."""

    def __init__(self, message: str) -> None:
        super().__init__(INVALID_PARAMS, message)


@dataclass(frozen=True)
class Call:
    """A request that wants an answer under ``id``."""

    id: int | str
    method: str
    params: JSONObject


@dataclass(frozen=True)
class Notification:
    """A request that wants no answer."""

    method: str
    params: JSONObject


@dataclass(frozen=True)
class Result:
    """The answer to our request ``id``."""

    id: int | str
    result: JSONObject


@dataclass(frozen=True)
class Refusal:
    """The error answer to our request ``id`` (``None``: the peer couldn't tell)."""

    id: int | str | None
    error: RpcError


Message = Call | Notification | Result | Refusal


@dataclass
class LineSplitter:
    """Cut a byte stream into lines of at most :data:`MAX_LINE_BYTES`."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[bytes]:
        """
        The lines that are complete now, without their newline.

        :raises ControlViolation: a line is longer than allowed.
        """
        self._buffer += data
        if b"\n" not in data and len(self._buffer) < MAX_LINE_BYTES:
            # Else a line that comes byte by byte would be copied for each of them.
            return []
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        longest = max(len(rest), *map(len, lines)) if lines else len(rest)
        if longest >= MAX_LINE_BYTES:
            raise ControlViolation(f"a line of {MAX_LINE_BYTES} bytes or more")
        return [bytes(line) for line in lines]


def parse(line: bytes) -> Message:
    """
    One line as a message. Unknown members are ignored, ``params`` and ``result``
    that are absent or null are empty.

    :raises ControlViolation: not a JSON-RPC 2.0 message.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ControlViolation("a line is not JSON") from error
    if not isinstance(data, dict) or data.get("jsonrpc") != "2.0":
        raise ControlViolation("a line is not a JSON-RPC 2.0 object")
    number = data.get("id")
    if number is not None and (
        isinstance(number, bool) or not isinstance(number, int | str)
    ):
        raise ControlViolation("an id is neither a string nor an integer")
    if "method" in data:
        method, params = data["method"], _object(data, "params")
        if not isinstance(method, str):
            raise ControlViolation("a method is not a string")
        if number is None:
            return Notification(method, params)
        return Call(number, method, params)
    if "error" in data:
        return Refusal(number, _error(data["error"]))
    if number is None:
        raise ControlViolation("an answer without an id")
    return Result(number, _object(data, "result"))


def _object(data: JSONObject, member: str) -> JSONObject:
    value = data.get(member)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ControlViolation(f"{member} is not an object")
    return value


def _error(value: object) -> RpcError:
    if isinstance(value, dict):
        code, message = value.get("code"), value.get("message")
        if isinstance(code, int) and isinstance(message, str):
            return RpcError(code, message)
    raise ControlViolation("an error without code and message")


def serialise(message: Message) -> bytes:
    """
    The line for ``message``, newline included.

    :raises ValueError: it is longer than :data:`MAX_LINE_BYTES`.
    """
    data: JSONObject = {"jsonrpc": "2.0"}
    match message:
        case Call(number, method, params):
            data |= {"id": number, "method": method, "params": params}
        case Notification(method, params):
            data |= {"method": method, "params": params}
        case Result(number, result):
            data |= {"id": number, "result": result}
        case Refusal(refused, error):
            data |= {
                "id": refused,
                "error": {"code": error.code, "message": error.message},
            }
    line = json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a control message of {len(line)} bytes")
    return line


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: JSON's ``"\\ud800"`` is half a character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def text_member(
    params: Mapping[str, object], member: str, *, limit: int = 256
) -> str | None:
    """
    A text of at most ``limit`` characters, or ``None`` where it is absent or null.

    :raises InvalidParams: it is something else.
    """
    value = params.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit or not _is_unicode(value):
        raise InvalidParams(f"{member} must be a text of at most {limit} characters")
    return value
