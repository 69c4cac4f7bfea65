"""What the stand-ins have in common: a web server in threads, and all its paths."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from tests.end_to_end.target import Request, Route, Target


class Routes(dict[str, Route]):
    """:param rest: answers all other paths."""

    def __init__(self, rest: Route) -> None:
        super().__init__()
        self._rest = rest

    def get(self, path: str, default: object = None) -> Route:
        return super().get(path, self._rest)


class StandIn(Target):
    """Listens on a loopback address."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.routes = Routes(self.answer)

    def answer(self, request: Request) -> None:
        """Whatever has no route."""
        raise NotImplementedError


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form in the body."""
    body = b"".join(request.body())
    if request.field("Content-Type") != "application/x-www-form-urlencoded":
        return {}
    fields = parse_qs(body.decode("ascii"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def send_json(request: Request, document: object, status: str = "200 OK") -> None:
    body = json.dumps(document).encode()
    request.respond(status, "Content-Type: application/json", body=body)


def send_page(request: Request, text: str, *lines: str) -> None:
    """A page of HTML."""
    page = f"<!DOCTYPE html><title>{text}</title><p>{text}</p>".encode()
    request.respond(
        "200 OK", "Content-Type: text/html; charset=utf-8", *lines, body=page
    )
