"""All of them."""

from __future__ import annotations

from tests.fuzz import (
    client_hello,
    control,
    request_head,
    response_head,
    scram,
    websocket,
    yamux,
)
from tests.fuzz.harness import Harness

HARNESSES: dict[str, Harness] = {
    module.HARNESS.name: module.HARNESS
    for module in (
        request_head,
        response_head,
        client_hello,
        yamux,
        control,
        scram,
        websocket,
    )
}
