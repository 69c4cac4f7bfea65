"""What the site shows, as JSON has it."""

from __future__ import annotations

from typing import TypedDict

from cfos_cloud.demo.site.model.charging_sessions import ChargingSession, rfc3339
from cfos_cloud.demo.site.model.simulation import METER
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A
from cfos_cloud.demo.site.settings import LEAST_LIMIT_W, MOST_LIMIT_W
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.visitors import Role, Visitor

Document = dict[str, object]


class UserItem(TypedDict):
    name: str
    wallbox: str | None


def about(site: ChargingSite) -> Document:
    """Name, serial number and version."""
    return {
        "name": site.settings.name,
        "serial": site.settings.serial,
        "version": site.firmware.version,
    }


def state(site: ChargingSite, visitor: Visitor) -> Document:
    """
    Everything live; a user sees their own wallbox, and no meter. The site's ``power_w``
    is the sum of the wallboxes that are seen and of ``rest_w``, to the watt: the house
    with its roof, and for a user the others' wallboxes. Negative: the roof makes more.
    """
    simulation = site.simulation
    boxes = site.wallboxes_of(visitor)
    power = round(simulation.load.total)
    shown = sum(round(simulation.wallboxes[id_].power_w) for id_ in boxes)
    return {
        "time": rfc3339(simulation.now),
        "site": {
            **about(site),
            "limit_w": site.settings.limit_w,
            "power_w": power,
            "rest_w": power - shown,
        },
        "meter": None if visitor.role is Role.USER else meter(site),
        "wallboxes": [wallbox(site, id_) for id_ in boxes],
        "user": visitor.name,
        "role": visitor.role.value,
    }


def meter(site: ChargingSite) -> Document:
    """Power in W (+ drawn, − fed in), energies in Wh, voltages and currents."""
    reading = site.simulation.reading
    return {
        "id": METER,
        "power_w": round(reading.total / 1000),
        "import_wh": round(reading.import_energy / 1000),
        "export_wh": round(reading.export_energy / 1000),
        "voltage_v": [round(value / 1000, 1) for value in reading.voltage],
        "current_a": [round(value / 1000, 2) for value in reading.current],
    }


def wallbox(site: ChargingSite, id_: str) -> Document:
    """One wallbox, with what is plugged in."""
    box, settings = site.simulation.wallboxes[id_], site.settings.wallboxes[id_]
    session = site.simulation.sessions.running(id_)
    vehicle = None
    if box.car is not None:
        soc = int(box.car.charge * 100)
        vehicle = {"name": box.car.vehicle.name, "soc": soc}
    return {
        "id": id_,
        "name": settings.name,
        "state": int(box.state),
        "enabled": box.enabled,
        "waiting": box.wanted_a > 0 and site.simulation.waits(id_),
        "vehicle": vehicle,
        "power_w": round(box.power_w),
        "current_a": round(box.drawn_a, 1),
        "offered_a": round(box.offered_a, 1),
        "current_limit_a": box.current_limit_a,
        "min_current_a": MIN_CURRENT_A,
        "max_current_a": box.max_current_a,
        "phases": box.phases,
        "energy_wh": round(box.energy_wh),
        "session": None if session is None else _present(session),
    }


def _present(session: ChargingSession) -> Document:
    return {
        "id": session.id,
        "started": rfc3339(session.started),
        "energy_wh": round(session.energy_wh),
        "user": session.user,
    }


def history(site: ChargingSite, visitor: Visitor, minutes: int) -> Document:
    """Power over time; ``minutes`` from 1 to 1,440."""
    plot = site.simulation.history.plot(site.simulation.now, minutes)
    shown = set(site.wallboxes_of(visitor))
    if visitor.role is not Role.USER:
        shown.add(METER)
    return {
        "step_s": plot.step,
        "from": rfc3339(plot.begins),
        "series": {
            name: values for name, values in plot.series.items() if name in shown
        },
    }


def visible_sessions(site: ChargingSite, visitor: Visitor) -> list[ChargingSession]:
    """Those of the visitor's wallboxes, newest first."""
    return site.simulation.sessions.newest_first(site.wallboxes_of(visitor))


def sessions(site: ChargingSite, visitor: Visitor) -> Document:
    """The charging sessions that the visitor may see."""
    items = visible_sessions(site, visitor)
    return {"items": [session.document() for session in items]}


def users(site: ChargingSite) -> list[UserItem]:
    """All users with their wallboxes."""
    boxes = site.settings.users
    return [
        {"name": name, "wallbox": boxes.get(name)} for name in site.accounts.user_names
    ]


def wallbox_names(site: ChargingSite, visitor: Visitor) -> list[Document]:
    """ID and name of the wallboxes that the visitor may see."""
    names = site.settings.wallboxes
    return [{"id": id_, "name": names[id_].name} for id_ in site.wallboxes_of(visitor)]


def settings(site: ChargingSite) -> Document:
    """What the page of settings shows, without the cloud service."""
    return {
        "name": site.settings.name,
        "limit_w": site.settings.limit_w,
        "limit_min_w": LEAST_LIMIT_W,
        "limit_max_w": MOST_LIMIT_W,
        "admin_password_set": site.accounts.admin_password_set,
    }


def cloud(site: ChargingSite) -> Document:
    """The cloud service as it is set, and what it is doing."""
    kept, status = site.settings.cloud, site.cloud.status
    retry_at = status.retry_at
    return {
        "enabled": kept.enabled,
        "server": kept.server,
        "cloud_id": kept.cloud_id,
        "password_set": bool(kept.password),
        "admin_password_set": site.accounts.admin_password_set,
        "state": status.state.value,
        "since": rfc3339(status.since),
        "reason": status.reason,
        "cause": None if status.cause is None else status.cause.value,
        "retry_at": None if retry_at is None else rfc3339(retry_at),
        "login_url": status.login_url,
        "serial": site.settings.serial,
    }
