"""What can go wrong in the registry: known to who has none, too."""

from __future__ import annotations


class DatabaseError(Exception):
    """The database can't be used; the message is one clear line for the log."""


class DatabaseUnavailable(DatabaseError):
    """It does not answer; what was under way may have been done or not."""


class CopyFailed(DatabaseError):
    """There was no room for a copy, say."""


class NoCopy(Exception):
    """The database's own tools make its backups; the message is one clear line."""


class UnknownSystem(LookupError):
    """No system has this Cloud ID."""


class DuplicateSystem(Exception):
    """A system with this Cloud ID, in whatever case, is there already."""


class UnknownKey(LookupError):
    """No access key has this ID."""


class KeyEnded(Exception):
    """The access key is revoked or has expired, and stays so."""


class TooManyKeys(Exception):
    """A scope has as many access keys as it may: revoke one first."""


class InvalidCursor(ValueError):
    """A text that is no cursor of a page."""


class AdminPasswordError(Exception):
    """The admin password can't be taken; the message is one clear line."""


class AdminPasswordFixed(AdminPasswordError):
    """The admin password comes from a file and can be changed there only."""


class SiteInfoFixed(Exception):
    """The member ``name`` comes from an option of the command line."""

    def __init__(self, name: str) -> None:
        option = "--" + name.replace("_", "-")
        super().__init__(f"it comes from {option} and is changed there")
        self.name = name
