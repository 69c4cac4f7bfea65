"""Whom an event names when the operator did it."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from cfos_cloud.events import Origin
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.operator.caller import caller_of


def operator_of(request: IRequest) -> Origin:
    """
    The operator, or the access key that acts for them, at the address that the
    request came from.
    """
    caller = caller_of(request)
    actor = "operator" if caller is None else caller.actor
    return Origin(actor, client_address(request) or None)
