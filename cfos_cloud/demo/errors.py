"""What can go wrong at the start of a demonstration, in one line."""

from __future__ import annotations

from cfos_cloud.demo.directory import DirectoryInUse
from cfos_cloud.demo.site.store import SettingsError, SettingsFull
from cfos_cloud.device.admin_password import AdminPasswordError
from cfos_cloud.device.user_tool import UserToolError
from cfos_cloud.secret_files import SecretFileError

#: Errors whose text is the line.
EXPECTED = (
    AdminPasswordError,
    DirectoryInUse,
    SecretFileError,
    SettingsError,
    SettingsFull,
    UserToolError,
)


def line_of(error: OSError) -> str:
    """File and reason."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason
