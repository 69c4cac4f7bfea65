"""The log-in page as it is shown: the form, what went wrong, and a session's links."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import fold
from cfos_cloud.pages import HTML, Pages, page_fields
from cfos_cloud.web.answers import answer, redirect
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.login.guard import SystemNames
from cfos_cloud.web.login.landing import Landing
from cfos_cloud.web.login.wanted import Wanted
from cfos_cloud.web.prefill import Prefill
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.visitor import Visitor


@dataclass(frozen=True)
class LoginPage:
    """
    ``csrf`` makes the form's token; ``landing`` knows what was wanted; ``takes_keys``:
    whether one can log in by an access key; ``address``: where devices have hosts of
    their own, the server's; ``end_to_end``: the one Cloud ID, where the page is that
    system's own.
    """

    pages: Pages
    csrf: Csrf
    systems: SystemNames
    landing: Landing
    takes_keys: bool = False
    end_to_end: str | None = None
    address: PublicAddress | None = None

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
        session, wanted = visitor.session, self.landing.wanted(request)
        prefill = _prefill(visitor.prefill, wanted)
        values = {
            "path": "cloud-login.htm",
            "query": "" if wanted is None else wanted.query,
            "problem": problem,
            "wait": wait,
            "csrf": None if nonce is None else self.csrf.token(nonce),
            "system_name": None if session is None else self._name(session.cloud_id),
            "cloud_id": self.end_to_end or (prefill.cloud_id if prefill else None),
            "as_admin": prefill is not None and prefill.as_admin,
            "takes_keys": self.takes_keys,
            "manages_keys": self.takes_keys
            and session is not None
            and session.manages_keys,
            "shared_origin": self.landing.is_shared,
            "end_to_end": self.end_to_end is not None,
            # Said to everybody alike: nobody learns whether there is such a system.
            "own_hosts": None if self.address is None else self.address.host(request),
        }
        body = self.pages.render("login.html", visitor.language, values)
        answered = [
            (b"Content-Type", HTML),
            # A script of ours presents the access key that the browser keeps.
            *page_fields(connects=True, forms_to=self.landing.forms_to(request)),
            *(fields or ()),
            *visitor.clear_planted(),
        ]
        return answer(request, status, answered, body)

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

    def welcome(
        self, request: IRequest, location: bytes, fields: list[tuple[bytes, bytes]]
    ) -> bytes:
        """To the device."""
        return redirect(request, location, fields)

    def _name(self, cloud_id: str) -> str:
        system = self.systems.get(cloud_id)
        return cloud_id if system is None else system.name or cloud_id


def _prefill(last: Prefill | None, wanted: Wanted | None) -> Prefill | None:
    """What the address says goes before what the browser did last."""
    if wanted is None:
        return last
    cloud_id = wanted.device.cloud_id
    if last is not None and fold(last.cloud_id) == cloud_id:
        return last
    return Prefill(cloud_id, as_admin=False)
