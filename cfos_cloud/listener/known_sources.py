"""Where device ends and the operator come from: for them places are kept."""

from __future__ import annotations

from collections import Counter, OrderedDict

from cfos_cloud.cloud_id import fold
from cfos_cloud.throttle import source_key

#: Sources from which the operator's password has come; the latest are remembered.
MAX_OPERATORS = 100
#: Connections for the operator at each: a browser, the tool, whatever asks for metrics.
OPERATOR_PLACES = 32
#: Connections for each system: its tunnel, the one before it, and the browsers of the
#: household behind the same address.
SYSTEM_PLACES = 8
#: Who is on the machine itself can do worse than connect.
_OWN = (source_key("127.0.0.1"), source_key("::1"))


class KnownSources:
    """
    The source from which each system's tunnel came last, and those of the operator.
    Nobody gets in here who has not proven a password.
    """

    def __init__(self) -> None:
        self._source_of: dict[str, str] = {}
        self._systems: Counter[str] = Counter()
        self._operators: OrderedDict[str, None] = OrderedDict()

    def system_came(self, cloud_id: str, address: str) -> None:
        """The tunnel of ``cloud_id`` came from ``address``."""
        self.system_went(cloud_id)
        source = self._source_of[fold(cloud_id)] = source_key(address)
        self._systems[source] += 1

    def system_went(self, cloud_id: str) -> None:
        """There is no such system any more."""
        source = self._source_of.pop(fold(cloud_id), None)
        if source is not None:
            self._systems[source] -= 1
            if not self._systems[source]:
                del self._systems[source]

    def operator_came(self, address: str) -> None:
        """The operator's password came from ``address``."""
        source = source_key(address)
        self._operators[source] = None
        self._operators.move_to_end(source)
        if len(self._operators) > MAX_OPERATORS:
            self._operators.popitem(last=False)

    def places(self, source: str) -> int:
        """How many connections a source may have for what is known of it."""
        places = self._systems.get(source, 0) * SYSTEM_PLACES
        if source in self._operators or source in _OWN:
            places += OPERATOR_PLACES
        return places
