"""Whom an event names when the operator did it."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from cfos_cloud.events import Origin
from cfos_cloud.web.answers import client_address


def operator_of(request: IRequest) -> Origin:
    """The operator, at the address that the request came from."""
    return Origin("operator", client_address(request) or None)
