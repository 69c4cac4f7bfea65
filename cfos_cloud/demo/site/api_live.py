"""What everybody uses: the present state, its past, wallboxes, sessions."""

from __future__ import annotations

from cfos_cloud.demo.site import checks, documents
from cfos_cloud.demo.site.calls import Answer, Call, Invalid, Refused
from cfos_cloud.demo.site.model.charging_sessions import write_csv
from cfos_cloud.demo.site.model.history import MAX_MINUTES
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A
from cfos_cloud.demo.site.routes import Needs, route
from cfos_cloud.demo.site.site import ChargingSite

_CSV = b"text/csv; charset=utf-8"
_ATTACHMENT = b'attachment; filename="charging-sessions.csv"'


class LiveAPI:
    """Users get what is theirs; the rest is unknown to them."""

    def __init__(self, site: ChargingSite) -> None:
        self._site = site

    @route("/api/site/state", needs=Needs.PERSON)
    async def state(self, call: Call) -> Answer:
        return Answer(body=documents.state(self._site, call.visitor))

    @route("/api/site/live", needs=Needs.PERSON)
    async def live(self, call: Call) -> Answer:
        """Without an Upgrade; with one it never comes here."""
        raise Refused(426, "upgrade", (b"Upgrade", b"websocket"))

    @route("/api/site/history", needs=Needs.PERSON)
    async def history(self, call: Call) -> Answer:
        minutes = 60
        if "minutes" in call.parameters:
            minutes = int(checks.number(call.parameters, "minutes", 1, MAX_MINUTES))
        return Answer(body=documents.history(self._site, call.visitor, minutes))

    @route("/api/site/wallboxes/<id_>", method="POST", needs=Needs.PERSON)
    async def change_wallbox(self, call: Call, id_: str) -> Answer:
        site, data = self._site, call.members
        if id_ not in site.wallboxes_of(call.visitor):
            raise Refused(404, "unknown")
        enabled = checks.boolean(data, "enabled") if "enabled" in data else None
        limit = None
        if "current_limit_a" in data:
            most = site.simulation.wallboxes[id_].max_current_a
            limit = checks.number(data, "current_limit_a", MIN_CURRENT_A, most)
        if enabled is None and limit is None:
            raise Invalid(enabled="required")
        await site.change_wallbox(id_, enabled=enabled, current_limit_a=limit)
        return Answer(body=documents.wallbox(site, id_), done="wallbox-saved")

    @route("/api/site/sessions", needs=Needs.PERSON)
    async def sessions(self, call: Call) -> Answer:
        return Answer(body=documents.sessions(self._site, call.visitor))

    @route("/api/site/sessions.csv", needs=Needs.PERSON)
    async def sessions_csv(self, call: Call) -> Answer:
        sessions = documents.visible_sessions(self._site, call.visitor)
        disposition = (b"Content-Disposition", _ATTACHMENT)
        body = write_csv(sessions).encode("utf-8")
        return Answer(body=body, content_type=_CSV, fields=(disposition,))
