"""What the operator's page consists of: the resources of the API, and who may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.history import HistoryResource
from cfos_cloud.web.api.loglevel import LogLevelResource
from cfos_cloud.web.api.routes import Handler
from cfos_cloud.web.api.session import SessionResource
from cfos_cloud.web.api.settings import SettingsResource
from cfos_cloud.web.api.status import StatusResource
from cfos_cloud.web.api.system_access import SystemAccessResource
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.api.tables import TablesResource
from cfos_cloud.web.operator.login import OperatorLogin
from cfos_cloud.web.operator.session import OperatorSessions
from cfos_cloud.web.public_address import PublicAddress


@dataclass(frozen=True)
class AdminKeys:
    """
    Handlers of the API. Those of one key are called with ``key_id``, that of one
    signing key with ``kid``.
    """

    list_all: Handler
    add: Handler
    authorise: Handler
    revoke: Handler
    list_signing: Handler
    rotate: Handler
    drop: Handler


@dataclass(frozen=True)
class AdminParts:
    """
    :ivar password_fixed: whether a file is the authority for the admin password.
    :ivar now: the time, aware of its zone.
    """

    systems: SystemsResource
    access: SystemAccessResource
    tables: TablesResource
    history: HistoryResource
    events: EventsResource
    status: StatusResource
    settings: SettingsResource
    certificate: CertificateResource
    password: AdminPasswordResource
    loglevel: LogLevelResource
    session: SessionResource
    sessions: OperatorSessions
    login: OperatorLogin
    password_fixed: Callable[[], bool]
    now: Callable[[], datetime]
    address: PublicAddress
    keys: AdminKeys
