"""The log-in page as it is shown: the form, what went wrong, and a session's links."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.pages import HTML, PAGE_FIELDS, Pages
from cfos_cloud.web.answers import answer
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.login.guard import SystemNames
from cfos_cloud.web.visitor import Visitor


@dataclass(frozen=True)
class LoginPage:
    """``csrf`` makes the form's token."""

    pages: Pages
    csrf: Csrf
    systems: SystemNames

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
        }
        body = self.pages.render("login.html", visitor.language, values)
        page_fields = [
            (b"Content-Type", HTML),
            *PAGE_FIELDS,
            *(fields or ()),
            *visitor.clear_planted(),
        ]
        return answer(request, status, page_fields, body)

    def _name(self, cloud_id: str) -> str:
        system = self.systems.get(cloud_id)
        return cloud_id if system is None else system.name or cloud_id
