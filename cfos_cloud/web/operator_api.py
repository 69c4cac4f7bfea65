"""The operator API, ``/cloud/api/v1/``: JSON over HTTP."""

from __future__ import annotations

from klein import Klein

from cfos_cloud.registry import Operator, Systems
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.api_routes import APIResource, mount
from cfos_cloud.web.api_systems import Presences, SystemsResource
from cfos_cloud.web.authorization import Needs, OperatorCredentials
from cfos_cloud.workers import Worker

#: Where it is mounted.
BASE = "/cloud/api/v1"


class OperatorAPI:
    """
    One Klein app; each resource is a module of its own whose routes are put on it.

    ``throttle`` is the operators' own table; ``worker`` computes verifiers.
    """

    def __init__(
        self,
        systems: Systems,
        exchange: Presences,
        operator: Operator,
        throttle: Throttle,
        worker: Worker,
    ) -> None:
        self.app = Klein()
        resources = (SystemsResource(systems, exchange, worker, BASE),)
        mount(
            self.app,
            resources,
            {Needs.OPERATOR: OperatorCredentials(operator, throttle)},
        )

    def resource(self) -> APIResource:
        """To be mounted at :data:`BASE`."""
        return APIResource(self.app)
