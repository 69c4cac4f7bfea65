"""The device's consent to a key of its own door: asked in the same process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Interface

from twisted.internet.defer import Deferred

from cfos_cloud.tunnel.authorize_params import authorize_params
from cfos_cloud.tunnel.control import JSONObject
from cfos_cloud.web.api.device_consents import CAPABILITY


class Authorizes(Interface):
    """Whoever proves the admin password, and agrees; ``Authorization`` does."""

    def authorize(self, params: Mapping[str, object]) -> Deferred[JSONObject]: ...


class Forgets(Interface):
    """Where consents are taken back; ``KeyGrants`` is one."""

    def forget(self, keys: Iterable[str]) -> None: ...


@dataclass(frozen=True)
class LocalConsents:
    """
    A :class:`~cfos_cloud.web.api.device_consents.ConsentTunnels` of the one system
    that is here, which is always up.
    """

    authorization: Authorizes
    key_grants: Forgets
    capabilities: frozenset[str] = frozenset({CAPABILITY})

    def session(self, cloud_id: str) -> LocalConsents:
        """Of whatever system the key is: no other has keys here."""
        return self

    def authorize(
        self,
        consent: str,
        name: str,
        role: str,
        expires: datetime | None,
        secret: str,
    ) -> Deferred[None]:
        """As a tunnel's, but that nothing leaves the process."""
        params = authorize_params(consent, name, role, expires, secret)
        return self.authorization.authorize(params).addCallback(lambda _: None)

    def forget_keys(self, consents: Sequence[str]) -> None:
        self.key_grants.forget(consents)
