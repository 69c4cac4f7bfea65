"""What the operator API consists of, each part made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.backup import BackupResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.cloud_keys import CloudKeysResource
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.history import HistoryResource
from cfos_cloud.web.api.key_requests import KeyRequestsResource
from cfos_cloud.web.api.live import LiveResource
from cfos_cloud.web.api.loglevel import LogLevelResource
from cfos_cloud.web.api.pairing import PairingResource
from cfos_cloud.web.api.session import SessionResource
from cfos_cloud.web.api.settings import SettingsResource
from cfos_cloud.web.api.signing_keys import SigningKeysResource
from cfos_cloud.web.api.status import StatusResource
from cfos_cloud.web.api.system_access import SystemAccessResource
from cfos_cloud.web.api.system_keys import SystemKeysResource
from cfos_cloud.web.api.system_logins import SystemLoginsResource
from cfos_cloud.web.api.system_sessions import SystemSessionsResource
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.api.tables import TablesResource


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


@dataclass(frozen=True)
class KeyResources:
    """What the API says of access keys; our pages call the same handlers."""

    cloud_keys: CloudKeysResource
    signing_keys: SigningKeysResource
    system_keys: SystemKeysResource
    pairing: PairingResource
    sessions: SystemSessionsResource
    logins: SystemLoginsResource
    requests: KeyRequestsResource

    def __iter__(self) -> Iterator[object]:
        return iter([getattr(self, field.name) for field in fields(self)])
