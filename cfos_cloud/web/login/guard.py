"""What stands between a log-in form that was sent and the device that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol as Interface

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.events import NO_EVENTS, EventKind, EventLog, Origin
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.login import Authenticator, LoginFailed
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.throttle import Throttle, source_key, stranger_keys
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.forms import BadForm, read_form
from cfos_cloud.web.login.key_logins import KeyLogins
from cfos_cloud.web.login.throttled import Throttled
from cfos_cloud.web.visitor import Visitor, refusal

#: Characters of an admin password or user ID.
MAX_SECRET = 1_000


class KnownSystem(Interface):
    """What a log-in needs of a system."""

    @property
    def cloud_id(self) -> str:
        """As the registry spells it."""

    @property
    def name(self) -> str:
        """Given by the operator; may be empty."""

    @property
    def enabled(self) -> bool:
        """Whether anybody may log in to it."""

    @property
    def end_to_end(self) -> bool:
        """Whether its log-in is its device's own, and not here."""


class SystemNames(Interface):
    """Where the log-in page looks systems up; ``Systems`` is one."""

    def get(self, cloud_id: str) -> KnownSystem | None: ...


@dataclass(frozen=True)
class LoginForm:
    """A complete form of ours; whether any of it is true is another question."""

    cloud_id: str
    secret: str = field(repr=False)
    as_admin: bool


@dataclass(frozen=True)
class KeyForm:
    """The other form of ours, with an access key alone."""

    token: bytes = field(repr=False)


def read_login_form(
    request: IRequest, csrf: Csrf, nonces: Sequence[bytes]
) -> LoginForm | KeyForm:
    """
    The form in ``request``. Blanks around a Cloud ID or a user ID, which telephones
    like to add, don't count, and none do within a key, which is long enough to have
    been broken into lines.

    :raises BadForm: no form of this browser's, or something is missing in it.
    :raises InvalidCloudID: no system can have this Cloud ID.
    """
    form = read_form(request)
    if not csrf.is_valid(nonces, form.get("csrf", "")):
        raise BadForm("the form's token is not this browser's")
    key = form.get("key")
    if key is not None:
        return KeyForm("".join(key.split()).encode())
    cloud_id = check_cloud_id(form.get("cloud_id", "").strip())
    as_admin = form.get("admin", "").lower() not in ("", "0", "off", "false")
    secret = form.get("cloud_user_id", "")
    if not as_admin:
        secret = secret.strip()
    if not 0 < len(secret) <= MAX_SECRET:
        raise BadForm("no secret, or one that is too long")
    return LoginForm(cloud_id, secret, as_admin)


@dataclass(frozen=True)
class LoginGuard:
    """``throttle``: of browsers alone. Without ``keys`` nobody logs in by one."""

    authenticator: Authenticator
    systems: SystemNames
    throttle: Throttle
    known: KnownBrowsers
    csrf: Csrf
    events: EventLog = NO_EVENTS
    keys: KeyLogins | None = None

    async def log_in(self, request: IRequest, visitor: Visitor) -> Session:
        """
        Ask the device, or look at the access key, if the throttle allows.

        What another site makes a browser send is not charged, for the visitors of
        that site would pay. What else is no form of ours is charged to its source.

        :raises LoginFailed: for whatever reason; all are to look the same.
        :raises Throttled: nobody was asked.
        """
        foreign = refusal(request, visitor)
        if foreign is not None:
            raise LoginFailed(foreign.value)
        try:
            form = read_login_form(request, self.csrf, visitor.nonces)
        except (BadForm, InvalidCloudID) as error:
            source = (source_key(visitor.address),)
            self._check(source, None)
            self.throttle.failed(source)
            raise LoginFailed(str(error)) from error
        if isinstance(form, KeyForm):
            return self._log_in_by_key(form, visitor)
        known = self.known.throttle_key(visitor.known, form.cloud_id)
        # Who is known has a key of their own: strangers, be it behind the same
        # router, can't lock them out.
        keys = (
            stranger_keys(visitor.address, form.cloud_id) if known is None else (known,)
        )
        system = self.systems.get(form.cloud_id)
        self._check(keys, None if system is None else system.cloud_id)
        self.throttle.begin(keys)
        try:
            session = await self._ask(form, visitor, system)
        except BaseException:  # cancelled, too: the browser didn't wait
            self.throttle.failed(keys)
            raise
        self.throttle.succeeded(keys)
        self._note(session, form)
        return session

    def _log_in_by_key(self, form: KeyForm, visitor: Visitor) -> Session:
        if self.keys is None:
            raise LoginFailed("access keys are not taken here")
        return self.keys.log_in(form.token, visitor.address, visitor.language)

    def _note(self, session: Session, form: LoginForm) -> None:
        # A name is the device's word: one that repeats what was typed is no name.
        is_name = session.role == "user" and form.secret not in session.user
        actor = f"user:{session.user}" if is_name else session.role
        by = Origin(actor, session.client)
        self.events.note(EventKind.LOGGED_IN, by, session.cloud_id)

    def _check(self, keys: tuple[str, ...], cloud_id: str | None) -> None:
        wait = self.throttle.wait(keys)
        if wait > 0:
            raise Throttled(wait, cloud_id)

    async def _ask(
        self, form: LoginForm, visitor: Visitor, system: KnownSystem | None
    ) -> Session:
        if system is None:
            raise LoginFailed("unknown system")
        if not system.enabled:
            raise LoginFailed("disabled", system.cloud_id)
        # Its device is not even asked: what was typed is not this server's to see,
        # let alone to pass on.
        if system.end_to_end:
            raise LoginFailed("end to end", system.cloud_id)
        session = await self.authenticator.log_in(
            system.cloud_id,
            form.secret,
            form.as_admin,
            visitor.address,
            visitor.language,
        )
        after = self.systems.get(system.cloud_id)
        if after is not None and after.end_to_end:
            # It has become so meanwhile.
            self.authenticator.revoke(session)
            raise LoginFailed("end to end", system.cloud_id)
        return session
