"""
By what a request may do what it asks for: found before it is answered, and looked at
once more before anything counts that has taken its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from typing import Protocol as Interface

from twisted.web.iweb import IRequest

from cfos_cloud.gateway.access import Abortable
from cfos_cloud.web.problem import Unauthorized


class Life(Interface):
    """
    A session, or an access key that works. Who adds a stream to ``streams``, which
    end with it, looks at ``ended`` in the same turn.
    """

    @property
    def ended(self) -> bool: ...

    @property
    def streams(self) -> set[Abortable]: ...


@dataclass(frozen=True)
class Caller:
    """Who sent a request; ``actor`` is how events call them."""

    life: Life = field(repr=False)
    actor: str = "operator"
    #: By an access key, and no person.
    is_key: bool = False

    def check(self) -> None:
        """:raises Unauthorized: what allowed the request has ended."""
        if self.life.ended:
            raise Unauthorized


def set_caller(request: IRequest, caller: Caller) -> None:
    """Note on ``request`` what it is allowed by."""
    cast(Any, request).caller = caller


def caller_of(request: IRequest) -> Caller | None:
    """``None``: by a password that came along, or nobody has looked."""
    caller = getattr(request, "caller", None)
    return caller if isinstance(caller, Caller) else None


def check_still(request: IRequest) -> None:
    """
    To be asked after whatever took its time, right before a change is committed.

    :raises Unauthorized: the session or the key that allowed it has ended.
    """
    caller = caller_of(request)
    if caller is not None:
        caller.check()
