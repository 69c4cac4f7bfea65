"""What the gateway looks for in the fields of a request."""

from __future__ import annotations

from cfos_cloud.gateway import cookies
from cfos_cloud.http.message import Field


class FieldNotes:
    """
    Good for all requests that share this list of fields
    (:class:`~cfos_cloud.http.known_fields.KnownFields`).

    :ivar cookies: the values of ``Cookie``.
    :ivar has_authorization: whether there is ``Authorization``.
    """

    __slots__ = ("_token", "_token_name", "cookies", "fields", "has_authorization")

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.cookies: list[bytes] = []
        self.has_authorization = False
        self._token: bytes | None = None
        self._token_name = b""
        for lower, _, value in fields:
            if lower == b"cookie":
                self.cookies.append(value)
            elif lower == b"authorization":
                self.has_authorization = True

    def token(self, name: bytes) -> bytes | None:
        """The first value of our cookie ``name`` that is unambiguous in its field."""
        if name != self._token_name:
            found = (cookies.find(value, name) for value in self.cookies)
            self._token = next((each for each in found if each is not None), None)
            self._token_name = name
        return self._token
