"""What the page of access keys is made of, and what it asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Interface

from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.routes import Handler
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.public_address import PublicAddress


class SystemName(Interface):
    @property
    def name(self) -> str: ...


class SystemNames(Interface):
    """Where the page looks systems up, in memory."""

    def get(self, cloud_id: str) -> SystemName | None: ...


@dataclass(frozen=True)
class KeysAPI:
    """
    Handlers of the API that are for the session of a system's admin. Each is called
    with ``cloud_id``, those of one key with ``key_id``, too.
    """

    list_keys: Handler
    add_key: Handler
    authorise_key: Handler
    revoke_key: Handler
    show_pairing: Handler
    open_pairing: Handler
    close_pairing: Handler
    list_sessions: Handler
    end_sessions: Handler
    list_logins: Handler

    @classmethod
    def of(
        cls,
        keys: SystemKeysResource,
        pairing: PairingResource,
        sessions: SystemSessionsResource,
        logins: SystemLoginsResource,
    ) -> KeysAPI:
        """Those of the resources that the API has mounted."""
        return cls(
            list_keys=keys.list_all,
            add_key=keys.add,
            authorise_key=keys.authorise,
            revoke_key=keys.revoke,
            show_pairing=pairing.show,
            open_pairing=pairing.open,
            close_pairing=pairing.close,
            list_sessions=sessions.list_all,
            end_sessions=sessions.end_all,
            list_logins=logins.list_all,
        )


def _by_a_ca() -> str | None:
    """Where nobody is known but those whom a CA vouches for."""
    return None


@dataclass(frozen=True)
class KeysParts:
    """
    :ivar csrf_of: the token of a session, which its changes have to bring along.
    :ivar login_csrf: makes the tokens of the log-in page's forms, log-out's among them.
    :ivar now: the time, aware of its zone.
    :ivar self_signed: whether the certificate in use is.
    :ivar pin: by what programs may know the key of a certificate that nobody vouches
        for, see :func:`~cfos_cloud.listener.fingerprints.pin_of`.
    """

    sessions: SessionTable
    systems: SystemNames
    api: KeysAPI
    csrf_of: Callable[[Session], str]
    login_csrf: Csrf
    now: Callable[[], datetime]
    address: PublicAddress
    self_signed: Callable[[], bool]
    pin: Callable[[], str | None] = _by_a_ca
