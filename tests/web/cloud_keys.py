"""The operator's access keys of a test's server, behind the real API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cfos_cloud.keys.issuer import KeyIssuer
from cfos_cloud.keys.signing import SigningKeys
from cfos_cloud.throttle import Throttle
from cfos_cloud.web.admin.parts import AdminKeys
from cfos_cloud.web.api.cloud_keys import CloudKeysResource
from cfos_cloud.web.api.device_consents import DeviceConsents
from cfos_cloud.web.api.key_making import KeyMaking
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.signing_changes import SigningChanges
from cfos_cloud.web.api.signing_keys import SigningKeysResource
from tests.web.operator_support import OperatorAPICase


class NoTunnels:
    """No device is asked for its consent."""

    def session(self, cloud_id: str) -> Any:
        return None


def key_resources(
    case: OperatorAPICase,
) -> tuple[CloudKeysResource, SigningKeysResource]:
    """Of the case's registry and clock."""

    def now() -> datetime:
        return datetime.fromtimestamp(case.clock.seconds(), UTC)

    signing = SigningKeys.in_directory(case.data_dir, now)
    issuer = KeyIssuer(signing, "https://cloud.example", now)
    making = KeyMaking(issuer, case.keys)
    changes = SigningChanges(signing, case.keys, making.turns, case.events)
    consents = DeviceConsents(NoTunnels(), Throttle(case.clock.seconds), case.events)
    return (
        CloudKeysResource(case.keys, making, case.password, BASE, now),
        SigningKeysResource(case.keys, changes, consents, now),
    )


def admin_keys(case: OperatorAPICase) -> AdminKeys:
    """What the operator's page asks of them."""
    keys, signing = key_resources(case)
    return AdminKeys(
        list_all=keys.list_all,
        add=keys.add,
        authorise=keys.authorise,
        revoke=keys.revoke,
        list_signing=signing.list_all,
        rotate=signing.rotate,
        drop=signing.drop,
    )
