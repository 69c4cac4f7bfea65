"""Where somebody goes who has logged in, and by what their browser knows them then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from twisted.web.iweb import IRequest

from cfos_cloud.gateway.addresses import login_path
from cfos_cloud.gateway.known_browsers import MAX_AGE, KnownBrowsers
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.web.answers import redirect
from cfos_cloud.web.login.wanted import Wanted
from cfos_cloud.web.prefill import Prefill
from cfos_cloud.web.visitor import Visitor

Fields = list[tuple[bytes, bytes]]
#: Where log-out leads to on the log-in page: its script then forgets the access key
#: that the browser keeps. No Cloud ID, which may stand there too, has such a name.
LOGGED_OUT = b"#logged_out"


class Landing(Interface):
    """How the hosts of the server play together at a log-in."""

    @property
    def is_shared(self) -> bool:
        """Whether devices' pages have the origin of the log-in page."""

    def wanted(self, request: IRequest) -> Wanted | None:
        """What the address of a log-in page says of it."""

    def forms_to(self, request: IRequest) -> bytes:
        """Where the form may lead, other than this host."""

    def arrive(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        wanted: Wanted | None,
    ) -> tuple[bytes, Fields]:
        """Where to go with the new session, and what the answer carries."""

    def onward(self, request: IRequest, visitor: Visitor) -> bytes | None:
        """Where who opens the log-in page goes instead; ``None``: nowhere."""

    def leave(self, request: IRequest, visitor: Visitor) -> bytes:
        """The answer to who follows a link to log-out."""


@dataclass(frozen=True)
class Entrance:
    """The fields by which the browser becomes a session's."""

    sessions: SessionTable
    known: KnownBrowsers

    def remember(self, visitor: Visitor, session: Session) -> Fields:
        """That this person has logged in by this browser, on this host."""
        last = Prefill(session.cloud_id, session.role == "admin")
        return [
            self.note(visitor, session),
            visitor.set_cookie(b"last", last.to_cookie(), MAX_AGE),
        ]

    def note(self, visitor: Visitor, session: Session) -> tuple[bytes, bytes]:
        """The same, of which no form is filled in."""
        known = self.known.remember(visitor.known, *_who(session))
        return visitor.set_cookie(b"known", known, MAX_AGE)

    def settle(self, visitor: Visitor, session: Session) -> Fields:
        """
        The session itself, on the host of its device. The one before it ends; and what
        the device has left in the browser goes, if that was somebody else's.
        """
        who, old = _who(session), visitor.session
        if old is None:
            is_same = self.known.was_last(visitor.known, *who)
        else:
            is_same = _who(old) == who
            self.sessions.end(old, Ending.REPLACED)
        fields = [visitor.set_cookie(None, session.token)]
        return fields if is_same else [*fields, *visitor.clear_device()]


@dataclass(frozen=True)
class OneOrigin:
    """One host for all: the device is where the log-in was."""

    entrance: Entrance
    is_shared: bool = True

    def wanted(self, request: IRequest) -> Wanted | None:
        """See :class:`Landing`."""
        return None

    def forms_to(self, request: IRequest) -> bytes:
        """See :class:`Landing`."""
        return b""

    def arrive(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        wanted: Wanted | None,
    ) -> tuple[bytes, Fields]:
        """See :class:`Landing`."""
        settled = self.entrance.settle(visitor, session)
        remembered = self.entrance.remember(visitor, session)
        return b"/", [*settled, *remembered, *visitor.clear_planted()]

    def onward(self, request: IRequest, visitor: Visitor) -> bytes | None:
        """See :class:`Landing`."""
        return None

    def leave(self, request: IRequest, visitor: Visitor) -> bytes:
        """See :class:`Landing`."""
        return redirect(request, login_path(visitor.language))


def _who(session: Session) -> tuple[str, str, str]:
    """
    Who comes to the device, as far as what it keeps in the browser goes. The name of a
    key is anybody's.
    """
    if session.key_id is not None:
        return session.cloud_id, "key", session.key_id
    return session.cloud_id, session.role, session.user
