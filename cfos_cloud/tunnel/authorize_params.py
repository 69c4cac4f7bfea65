"""What a device is told of an access key that it is to agree to."""

from __future__ import annotations

from datetime import datetime

from cfos_cloud.timestamps import rfc3339
from cfos_cloud.tunnel.control import JSONObject


def authorize_params(
    consent: str, name: str, role: str, expires: datetime | None, secret: str
) -> JSONObject:
    """Of the call ``authorize``; ``secret`` is the device's admin password."""
    params: JSONObject = {
        "key": consent,
        "name": name,
        "role": role,
        "secret": secret,
    }
    if expires is not None:
        params["expires"] = rfc3339(expires)
    return params
