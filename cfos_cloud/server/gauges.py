"""What there is of each thing now, for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized

from cfos_cloud.server.parts import ServerParts

#: By name, without the prefix of all: what it is, and how to tell.
Gauges = Mapping[str, tuple[str, Callable[[], float]]]


def gauges_of(
    parts: ServerParts,
    operator_sessions: Sized,
    live: Sized,
    longest_lag: Callable[[], float],
) -> Gauges:
    """
    :param live: who listens to what happens.
    :param longest_lag: in seconds.
    """
    stores = parts.stores
    return {
        "systems": ("Systems", lambda: len(stores.systems)),
        "sessions": (
            "Browsers that are logged in to a system",
            lambda: len(parts.sessions),
        ),
        "operator_sessions": (
            "Browsers that are logged in as the operator",
            lambda: len(operator_sessions),
        ),
        "streams": (
            "Streams of all tunnels: one each for control, and one for a request",
            lambda: sum(session.stream_count for session in parts.exchange),
        ),
        "timers": (
            "What is to happen later, if nothing else does before",
            lambda: len(parts.clock.getDelayedCalls()),
        ),
        "live_listeners": ("Who is told at once what happens", lambda: len(live)),
        "certificate_days": (
            "Days until the certificate expires that does so first",
            lambda: parts.certificates.days_left,
        ),
        "database_up": (
            "Whether the database answers",
            lambda: int(parts.health.ok),
        ),
        "events_waiting": (
            "Events that wait for the database",
            lambda: len(stores.events),
        ),
        "connections_waiting": (
            "Records of tunnels that wait for the database",
            lambda: len(stores.connections),
        ),
        "reactor_lag_seconds": (
            "The longest that anything due had to wait, of the last minute",
            longest_lag,
        ),
    }
