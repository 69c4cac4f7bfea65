"""Who stands before a page of ours, as far as a request tells."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.gateway import cookies, origin_rule
from cfos_cloud.gateway.addresses import ENTER_PATH, login_path
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.languages import SUPPORTED, choose
from cfos_cloud.web import answers
from cfos_cloud.web.csrf import is_nonce
from cfos_cloud.web.prefill import Prefill


@dataclass(frozen=True)
class Visitor:
    """``cookie`` is all of the field; the three after ``session`` are ours of it."""

    language: str
    secure: bool
    address: str
    cookie: bytes
    session: Session | None
    nonces: tuple[bytes, ...]
    known: bytes | None
    prefill: Prefill | None
    #: Whose host it is; ``None``: the cloud's own, or there is one for all.
    device: DeviceHost | None = None

    @classmethod
    def of(
        cls, request: IRequest, sessions: SessionTable, language: str | None = None
    ) -> Visitor:
        """
        ``language`` is the address's, and the browser's wish counts where it isn't
        one of ours.
        """
        secure = answers.is_secure(request)
        device = answers.device_of(request)
        cookie = answers.cookies(request)
        token = cookies.find(cookie, cookies.session_name(secure))
        nonces = cookies.find_all(cookie, cookies.our_name(b"csrf", secure))
        last = cookies.find(cookie, cookies.our_name(b"last", secure))
        if language not in SUPPORTED:
            wanted = answers.field(request, b"accept-language") or b""
            language = choose(wanted.decode("latin-1"))
        return cls(
            language=language,
            secure=secure,
            address=answers.client_address(request),
            cookie=cookie,
            session=None if token is None else sessions.find(token, device),
            nonces=tuple(filter(is_nonce, nonces)),
            known=cookies.find(cookie, cookies.our_name(b"known", secure)),
            prefill=Prefill.read(last),
            device=device,
        )

    @property
    def way_out(self) -> bytes:
        """
        The path that leads to the log-in from a form, too: where that is on another
        host, our pages' policy (``form-action``) takes no redirection there.
        """
        return login_path(self.language) if self.device is None else ENTER_PATH

    @property
    def nonce(self) -> bytes | None:
        """What our next form's token is of."""
        return self.nonces[-1] if self.nonces else None

    def clear_planted(self) -> list[tuple[bytes, bytes]]:
        """Fields that remove cookies of our names that a device's page has added."""
        expired = cookies.expire_doubled(self.cookie, self.language)
        return [(b"Set-Cookie", value) for value in expired]

    def set_cookie(
        self, suffix: bytes | None, value: bytes, max_age: int | None = None
    ) -> tuple[bytes, bytes]:
        """A ``Set-Cookie`` field for ours; no ``suffix``: the session's."""
        name = (
            cookies.session_name(self.secure)
            if suffix is None
            else cookies.our_name(suffix, self.secure)
        )
        value = cookies.set_cookie(name, value, secure=self.secure, max_age=max_age)
        return b"Set-Cookie", value

    def forget(self) -> list[tuple[bytes, bytes]]:
        """Fields that take away the session, its log-in, and what its device left."""
        return [
            self.set_cookie(None, b"", 0),
            self.set_cookie(b"last", b"", 0),
            *self.clear_device(),
        ]

    def clear_device(self) -> list[tuple[bytes, bytes]]:
        """
        Fields that remove what a device has left in the browser, before another
        one, or another person, comes to the same origin.
        """
        folder = b"/ui/" + self.language.encode()
        paths = [b"/", b"/ui", b"/ui/", folder, folder + b"/"]
        expired = cookies.expire_foreign(self.cookie, paths, secure=self.secure)
        return [
            # The cache, too, or the next device's page takes a script of this one from
            # it. Not "cookies", which would take ours with it.
            (b"Clear-Site-Data", b'"cache", "storage"'),
            *((b"Set-Cookie", value) for value in expired),
        ]


def refusal(request: IRequest, visitor: Visitor) -> origin_rule.Refusal | None:
    """The rule for requests from other sites, applied to a page of ours."""
    return origin_rule.refusal(
        method=request.method,
        target=request.uri,
        is_upgrade=False,
        sec_fetch_site=answers.field(request, b"sec-fetch-site"),
        sec_fetch_mode=answers.field(request, b"sec-fetch-mode"),
        sec_fetch_dest=answers.field(request, b"sec-fetch-dest"),
        origin=answers.field(request, b"origin"),
        scheme=b"https" if visitor.secure else b"http",
        host=answers.field(request, b"host") or b"",
    )
