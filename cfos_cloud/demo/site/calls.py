"""One call of the site's addresses, and what may become of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from twisted.web.iweb import IRequest

from cfos_cloud.demo.site.visitors import Fields, Visitor
from cfos_cloud.languages import SUPPORTED

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"

_PAGE_PATH = re.compile(rf"/ui/({'|'.join(SUPPORTED)})/([a-z]{{1,20}})\.htm\Z")
_CODE = re.compile(r"[a-z-]{1,40}\Z")


class Refused(Exception):
    """The answer is an error: its status, its code, and more fields."""

    def __init__(self, status: int, code: str, *fields: tuple[bytes, bytes]) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.fields = fields


class Invalid(Exception):
    """What was sent can't be used: a code for each member that is at fault."""

    def __init__(self, **errors: str) -> None:
        super().__init__(str(errors))
        self.errors = errors


@dataclass(frozen=True)
class Answer:
    """
    :param body: goes out as JSON; bytes go out as they are.
    :param done: the code of what has happened, for a page after a form.
    """

    status: int = 200
    body: object = None
    content_type: bytes = JSON
    fields: tuple[tuple[bytes, bytes], ...] = ()
    done: str = "saved"


class Call:
    """A request of a visitor."""

    def __init__(self, request: IRequest, visitor: Visitor) -> None:
        self.request = request
        self.visitor = visitor

    @cached_property
    def headers(self) -> Fields:
        """Its header fields."""
        return header_fields(self.request)

    @property
    def address(self) -> str:
        """Where it comes from."""
        return address_of(self.request)

    @property
    def is_form(self) -> bool:
        """Whether a page without a script has sent it."""
        content_type = self.headers.get(b"content-type", b"")
        return content_type.partition(b";")[0].strip().lower() == FORM

    @property
    def back(self) -> str:
        """The page to return to after a form."""
        path = self.parameter("back")
        return path if _PAGE_PATH.match(path) else "/"

    @property
    def back_page(self) -> tuple[str, str] | None:
        """Language and name of that page, if it is one."""
        match = _PAGE_PATH.match(self.back)
        return None if match is None else (match[1], match[2])

    @cached_property
    def members(self) -> Mapping[str, object]:
        """
        What was sent: the members of a JSON object, or the fields of a form.

        :raises Refused: neither.
        """
        if self.is_form:
            return self.parameters
        try:
            data = json.loads(self.request.content.read().decode("utf-8") or "{}")
        except (ValueError, RecursionError) as error:
            raise Refused(400, "malformed") from error
        if not isinstance(data, dict):
            raise Refused(400, "malformed")
        return data

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Of the query, and of a form; of several of one name, the last."""
        return {
            name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
            for name, values in (self.request.args or {}).items()
        }

    def parameter(self, name: str) -> str:
        """One of them; empty where there is none."""
        return self.parameters.get(name, "")

    def code(self, name: str) -> str | None:
        """A parameter that is a code for a page to show."""
        text = self.parameter(name)
        return text if _CODE.match(text) else None


def header_fields(request: IRequest) -> Fields:
    """By names in lower case."""
    return {
        name.lower(): b", ".join(values)
        for name, values in request.requestHeaders.getAllRawHeaders()
    }


def address_of(request: IRequest) -> str:
    """The address of the connection, as the one who took it says."""
    return str(getattr(request, "client_address", ""))
