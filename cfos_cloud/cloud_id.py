"""The name of a system at the server: its Cloud ID."""

from __future__ import annotations

import re

_CLOUD_ID = re.compile(r"(?=.{1,40}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\Z", re.ASCII)


class InvalidCloudID(ValueError):
    """A text that can't be a Cloud ID; the message says why in one line."""


def check_cloud_id(text: str) -> str:
    """
    Return ``text`` unchanged if it is a Cloud ID: 1 to 40 of ``A-Z a-z 0-9 -``,
    no ``-`` at either end, no ``--``.

    :raises InvalidCloudID: otherwise.
    """
    if _CLOUD_ID.match(text) is None:
        raise InvalidCloudID(
            "a Cloud ID is 1 to 40 letters, digits and single '-', "
            "neither first nor last"
        )
    return text


def fold(cloud_id: str) -> str:
    """The form under which two Cloud IDs are the same: ASCII lower case."""
    return cloud_id.lower()
