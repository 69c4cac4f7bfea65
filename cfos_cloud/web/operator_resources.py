"""What the operator API consists of, each part made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from cfos_cloud.web.api_admin_password import AdminPasswordResource
from cfos_cloud.web.api_backup import BackupResource
from cfos_cloud.web.api_certificate import CertificateResource
from cfos_cloud.web.api_events import EventsResource
from cfos_cloud.web.api_history import HistoryResource
from cfos_cloud.web.api_live import LiveResource
from cfos_cloud.web.api_loglevel import LogLevelResource
from cfos_cloud.web.api_session import SessionResource
from cfos_cloud.web.api_settings import SettingsResource
from cfos_cloud.web.api_status import StatusResource
from cfos_cloud.web.api_system_access import SystemAccessResource
from cfos_cloud.web.api_systems import SystemsResource
from cfos_cloud.web.api_tables import TablesResource


@dataclass(frozen=True)
class OperatorResources:
    """The API's routes; the operator's page calls the same handlers."""

    systems: SystemsResource
    access: SystemAccessResource
    tables: TablesResource
    history: HistoryResource
    events: EventsResource
    live: LiveResource
    status: StatusResource
    settings: SettingsResource
    certificate: CertificateResource
    password: AdminPasswordResource
    backup: BackupResource
    loglevel: LogLevelResource
    session: SessionResource

    def __iter__(self) -> Iterator[object]:
        return iter([getattr(self, field.name) for field in fields(self)])
