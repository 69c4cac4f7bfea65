"""What the operator's page consists of: the resources of the API, and who may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cfos_cloud.web.admin_access import PublicAddress
from cfos_cloud.web.api_admin_password import AdminPasswordResource
from cfos_cloud.web.api_certificate import CertificateResource
from cfos_cloud.web.api_events import EventsResource
from cfos_cloud.web.api_history import HistoryResource
from cfos_cloud.web.api_loglevel import LogLevelResource
from cfos_cloud.web.api_session import SessionResource
from cfos_cloud.web.api_settings import SettingsResource
from cfos_cloud.web.api_status import StatusResource
from cfos_cloud.web.api_system_access import SystemAccessResource
from cfos_cloud.web.api_systems import SystemsResource
from cfos_cloud.web.api_tables import TablesResource
from cfos_cloud.web.operator_login import OperatorLogin
from cfos_cloud.web.operator_session import OperatorSessions


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
