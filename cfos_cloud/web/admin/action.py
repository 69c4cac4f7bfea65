"""What a form of the operator's page is: what it does, and what to say of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.web.iweb import IRequest

from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.notes import Note

Form = Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """Where to go, and what to say there. ``logged_out``: the session is over."""

    query: str
    note: Note | None = None
    logged_out: bool = False


#: The last argument is the Cloud ID of the page, or empty.
Run = Callable[[AdminParts, IRequest, Form, str], Awaitable[Done]]


@dataclass(frozen=True)
class Action:
    """
    ``controls`` have a place for what is wrong with them; ``typed`` are filled in
    again after that; ``names`` say how the API calls what the form calls otherwise.
    """

    run: Run
    fresh: bool = False
    controls: Sequence[str] = ()
    typed: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
