"""The site in the vendor's words: currents in mA, powers in W, energies in Wh."""

from __future__ import annotations

from collections.abc import Sequence

from cfos_cloud.demo.site.model.electricity import PHASES, VOLTS
from cfos_cloud.demo.site.model.load_management import CYCLE
from cfos_cloud.demo.site.model.simulation import METER
from cfos_cloud.demo.site.model.wallbox import MIN_CURRENT_A
from cfos_cloud.demo.site.site import ChargingSite

Document = dict[str, object]

DEVICE_TYPES: Sequence[Document] = (
    {"dev_type": "evse_demo", "name": "Simulated wallbox", "is_evse": True},
    {"dev_type": "meter_demo", "name": "Simulated meter", "is_evse": False},
)


def milliamperes(limit_w: float) -> int:
    """A limit of the whole site, as the current of each phase."""
    return round(limit_w / VOLTS / PHASES * 1000)


def limit_of(current_ma: float) -> int:
    """And back, in watts."""
    return round(current_ma / 1000 * VOLTS * PHASES)


def params(site: ChargingSite) -> Document:
    """What is said of the whole site."""
    simulation, settings = site.simulation, site.settings
    boxes = simulation.wallboxes.values()
    vendor, product, _ = settings.serial.partition("-")
    return {
        "title": settings.name,
        "desc": "Simulated charging site",
        "version": site.firmware.version,
        "time": int(simulation.now),
        "cycle_time": round(CYCLE * 1000),
        "max_evses": len(simulation.wallboxes),
        "max_total_current": milliamperes(settings.limit_w),
        "reserve_current": 0,
        "used_current": round(sum(box.drawn_a for box in boxes) * 1000),
        "cons_power": round(simulation.load.total),
        "cons_evse_power": round(sum(box.power_w for box in boxes)),
        "lb_enabled": True,
        "cpu": 7,
        "mem": 41_216,
        "cloud_enabled": settings.cloud.enabled,
        "vsn": {
            "vendorid": vendor,
            "productid": product,
            "serialno": settings.serial,
        },
    }


def devices(site: ChargingSite, wallboxes: Sequence[str], *, meter: bool) -> Document:
    """These wallboxes, and the meter where it is to be seen."""
    number = 0
    listed: list[Document] = []
    for number, id_ in enumerate(wallboxes, start=1):
        listed.append(wallbox(site, id_, number))
    if meter:
        listed.append(meter_device(site, number + 1))
    return {"devices": listed}


def wallbox(site: ChargingSite, id_: str, number: int) -> Document:
    box, name = site.simulation.wallboxes[id_], site.settings.wallboxes[id_].name
    session = site.simulation.sessions.running(id_)
    load = box.load
    document: Document = {
        **_device(site, id_, "evse_demo", name, number),
        "model": f"Simulated wallbox {box.max_current_a:.0f} A",
        "is_evse": True,
        "state": int(box.state),
        "charging_enabled": box.enabled,
        "paused": not box.enabled,
        "paused_time": 0,
        "device_enabled": True,
        "cur_charging_power": round(box.power_w),
        "power_w": round(box.power_w),
        "total_energy": round(box.energy_wh),
        "cur_energy": 0 if session is None else round(session.energy_wh),
        "last_rfid": "",
        "user": "" if session is None else session.user or "",
        "used_phases": box.phases,
        "phases": 7 if box.phases == PHASES else 1 << box.first_phase,
        "min_charging_cur": round(MIN_CURRENT_A * 1000),
        "max_charging_cur": round(box.current_limit_a * 1000),
        "cur_charging_cur": round(box.offered_a * 1000),
    }
    for phase in range(PHASES):
        document[f"current_l{phase + 1}"] = round(load[phase] / VOLTS * 1000)
    return document


def meter_device(site: ChargingSite, number: int) -> Document:
    reading = site.simulation.reading
    document: Document = {
        **_device(site, METER, "meter_demo", "Grid meter", number),
        "model": "Simulated meter",
        "is_evse": False,
        "role": "grid",
        "device_enabled": True,
        "power_w": round(reading.total / 1000),
        "import_wh": round(reading.import_energy / 1000),
        "export_wh": round(reading.export_energy / 1000),
        "total_energy": round(reading.import_energy / 1000),
        "frequency": reading.frequency,
    }
    for phase in range(PHASES):
        document[f"voltage_l{phase + 1}"] = round(reading.voltage[phase] / 1000)
        document[f"current_l{phase + 1}"] = reading.current[phase]
        document[f"power_l{phase + 1}"] = round(reading.power[phase] / 1000)
    return document


def variables(site: ChargingSite) -> list[Document]:
    """What charging rules could be made of."""
    simulation = site.simulation
    values = {
        "grid_demand": simulation.load.total,
        "house": simulation.house_w,
        "evse_power": sum(box.power_w for box in simulation.wallboxes.values()),
        "limit": site.settings.limit_w,
    }
    return [{"name": name, "val": round(value)} for name, value in values.items()]


def _device(
    site: ChargingSite, id_: str, kind: str, name: str, number: int
) -> Document:
    return {
        "dev_type": kind,
        "dev_id": id_,
        "name": name,
        "desc": "simulated",
        "address": f"demo:{id_.lower()}",
        "id": number,
        "number": number,
        "serial": f"{site.settings.serial}-{id_}",
        "com_err": False,
        "com_errors": 0,
        "last_error": "",
    }
