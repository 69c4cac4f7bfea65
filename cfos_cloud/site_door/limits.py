"""How much a small machine lets itself in for: handshakes, and connections."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from cfos_cloud.throttle import Throttle, source_key

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
#: Sources that are remembered.
MAX_SOURCES = 2_000
#: … and those from which somebody came in; the latest.
MAX_KNOWN = 100

_ALL = ("all",)


class HandshakeLimits:
    """
    Says which handshakes are not even begun, so that who asks for many costs next to
    nothing. ``seconds`` is a clock.

    From where somebody has come in before, the limit of all does not count: strangers
    with a few addresses would keep out the household.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        # A debt of so many seconds a handshake is just such a limit.
        self._sources = Throttle(
            seconds,
            penalty=1 / PER_SECOND,
            tolerance=(BURST - 0.5) / PER_SECOND,
            cap=BURST / PER_SECOND,
            max_keys=MAX_SOURCES,
        )
        self._all = Throttle(
            seconds,
            penalty=1 / PER_SECOND_OF_ALL,
            tolerance=(BURST_OF_ALL - 0.5) / PER_SECOND_OF_ALL,
            cap=BURST_OF_ALL / PER_SECOND_OF_ALL,
            max_keys=1,
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
        key = source_key(client)
        source = (key,)
        if self._sources.wait(source) > 0:
            return False
        if key not in self._known:
            if self._all.wait(_ALL) > 0:
                return False
            self._all.failed(_ALL)
        self._sources.failed(source)
        return True
