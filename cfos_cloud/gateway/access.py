"""What a request on its way to a device is allowed by."""

from __future__ import annotations

from typing import Protocol as Interface


class Abortable(Interface):
    """What lives by an access, a request's stream say; hashable."""

    def abort(self) -> None:
        """End at once."""


class Access(Interface):
    """
    A session, or an access key that works.

    Who carries a request of it adds itself to ``streams`` in the turn in which it
    was found, or after a look at ``ended``, and takes itself out when done.
    """

    @property
    def cloud_id(self) -> str:
        """As the registry spells it."""

    @property
    def grant(self) -> str:
        """What the device knows it by; never logged."""

    @property
    def streams(self) -> set[Abortable]:
        """What ends with it."""

    @property
    def ended(self) -> bool:
        """Whether it has ended: nothing new may begin."""

    @property
    def for_people(self) -> bool:
        """Whether somebody looks at the answers; else a program reads them."""

    @property
    def language(self) -> str | None:
        """Of what it is shown; ``None``: as its requests wish."""
