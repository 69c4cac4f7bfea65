"""How much a small machine lets itself in for: handshakes, and connections."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from cfos_cloud.source_rates import Rate, SourceRates
from cfos_cloud.throttle import source_key

#: Connections at the same time, in all and of one source. A browser opens six.
MAX_CONNECTIONS = 32
MAX_PER_SOURCE = 16
#: Handshakes that may follow each other at once, and then in each second, of one
#: source. On a small machine one takes 5 to 20 ms.
BURST = 24
PER_SECOND = 3
#: The same for all sources together.
BURST_OF_ALL = 64
PER_SECOND_OF_ALL = 12
#: Sources that are remembered from which somebody came in; the latest.
MAX_KNOWN = 100


class HandshakeLimits:
    """
    Says which handshakes are not even begun, so that who asks for many costs next to
    nothing. ``seconds`` is a clock.

    From where somebody has come in before, the limit of all does not count: strangers
    with a few addresses would keep out the household.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._rates = SourceRates(
            seconds, Rate(BURST, PER_SECOND), Rate(BURST_OF_ALL, PER_SECOND_OF_ALL)
        )
        self._known: OrderedDict[str, None] = OrderedDict()

    def let_in(self, client: str) -> None:
        """Somebody at ``client``, an address, has a session or a key."""
        source = source_key(client)
        self._known[source] = None
        self._known.move_to_end(source)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def admit(self, client: str) -> bool:
        """Whether ``client``, an address, may begin one now; if so it counts."""
        is_known = source_key(client) in self._known
        return self._rates.admit(client, among_all=not is_known)
