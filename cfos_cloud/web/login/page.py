"""The log-in page as it is shown: the form, what went wrong, and a session's links."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.pages import HTML, LIVE_PAGE_FIELDS, Pages
from cfos_cloud.web.answers import answer, redirect
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.login.guard import SystemNames
from cfos_cloud.web.visitor import Visitor


@dataclass(frozen=True)
class LoginPage:
    """
    ``csrf`` makes the form's token; ``takes_keys``: whether one can log in by an access
    key; ``shared_origin``: whether a device's pages can read what ours keep in the
    browser.
    """

    pages: Pages
    csrf: Csrf
    systems: SystemNames
    takes_keys: bool = False
    shared_origin: bool = True

    def answer(
        self,
        request: IRequest,
        visitor: Visitor,
        nonce: bytes | None,
        status: int,
        *,
        problem: str | None = None,
        wait: int = 0,
        fields: list[tuple[bytes, bytes]] | None = None,
    ) -> bytes:
        """
        The page. Without a ``nonce`` it has no form but a link to one: a new nonce
        here would make each failure of such a browser look different.

        :param problem: ``failed``, ``throttled`` (for ``wait`` seconds) or ``stale``.
        """
        session, prefill = visitor.session, visitor.prefill
        values = {
            "path": "cloud-login.htm",
            "problem": problem,
            "wait": wait,
            "csrf": None if nonce is None else self.csrf.token(nonce),
            "system_name": None if session is None else self._name(session.cloud_id),
            "cloud_id": None if prefill is None else prefill.cloud_id,
            "as_admin": prefill is not None and prefill.as_admin,
            "takes_keys": self.takes_keys,
            "manages_keys": self.takes_keys
            and session is not None
            and session.by_admin,
            "shared_origin": self.shared_origin,
        }
        body = self.pages.render("login.html", visitor.language, values)
        page_fields = [
            (b"Content-Type", HTML),
            # A script of ours presents the access key that the browser keeps.
            *LIVE_PAGE_FIELDS,
            *(fields or ()),
            *visitor.clear_planted(),
        ]
        return answer(request, status, page_fields, body)

    def failed(self, request: IRequest, visitor: Visitor) -> bytes:
        """The one page of all failures."""
        return self.answer(request, visitor, visitor.nonce, 401, problem="failed")

    def throttled(self, request: IRequest, visitor: Visitor, seconds: int) -> bytes:
        """Not before so many seconds."""
        return self.answer(
            request,
            visitor,
            visitor.nonce,
            429,
            problem="throttled",
            wait=seconds,
            fields=[(b"Retry-After", b"%d" % seconds)],
        )

    def welcome(self, request: IRequest, fields: list[tuple[bytes, bytes]]) -> bytes:
        """To the device."""
        return redirect(request, b"/", fields)

    def _name(self, cloud_id: str) -> str:
        system = self.systems.get(cloud_id)
        return cloud_id if system is None else system.name or cloud_id
