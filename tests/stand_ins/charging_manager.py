"""A cFos Charging Manager: Basic, ``/cnf?cmd=…``, and changes by GET."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from tests.end_to_end.target import Request
from tests.stand_ins.stand_in import StandIn, form_of, send_json, send_page

SERIAL = "W00-008J"
READING = (
    *("get_params", "get_devices", "get_dev_types", "get_users", "get_user"),
    "get_cm_vars",
)
CHANGING = ("set_params", "set_device", "override_device", "del_device", "reset_device")


class ChargingManager(StandIn):
    """
    :ivar password: of ``admin``; empty: everybody is admin.
    :ivar localhost_is_admin: everybody on this machine is, whatever the password.
    :ivar users: names by their IDs.
    :ivar commands: those that were carried out.
    """

    def __init__(self, password: str, **users: str) -> None:
        self.password = password
        self.localhost_is_admin = False
        self.users = {user_id: name for name, user_id in users.items()}
        self.commands: list[str] = []
        self.title = "Garage"
        super().__init__()

    def answer(self, request: Request) -> None:
        if request.path == "/cnf":
            self._command(request)
        elif request.path == "/":
            request.respond("302 Found", "Location: /ui/en/sim.htm")
        elif request.path == "/firmware":
            self._upload(request)
        elif request.path.startswith("/ui/") and request.path.endswith(".htm"):
            if self._admits(request):
                send_page(request, f"{self.title} {request.path}")
        else:
            request.respond("404 Not Found")

    def _admits(self, request: Request) -> bool:
        """Whether it is the admin; else it is answered."""
        pair = b64encode(f"admin:{self.password}".encode()).decode()
        if (
            not self.password
            or self.localhost_is_admin
            or request.field("Authorization") == f"Basic {pair}"
        ):
            return True
        for _ in request.body():
            pass
        request.respond("401 Unauthorized", 'WWW-Authenticate: Basic realm="cFos"')
        return False

    def _upload(self, request: Request) -> None:
        if self._admits(request):
            size = sum(len(data) for data in request.body())
            self.commands.append("firmware")
            send_json(request, size)

    def _command(self, request: Request) -> None:
        data: Mapping[str, str] = request.query
        if request.method == "POST":
            data = {**data, **form_of(request)}
        command = data.get("cmd", "")
        if command == "get_dev_info":
            send_json(request, self.dev_info())
        elif command == "set_user" and data.get("id") in self.users:
            self._done(request, command)
        elif self._admits(request):
            self._as_admin(request, command, data)

    def _as_admin(
        self, request: Request, command: str, data: Mapping[str, str]
    ) -> None:
        if command == "get_users":
            users = [{"id": key, "name": name} for key, name in self.users.items()]
            send_json(request, users)
        elif command == "change_admin_pwd":
            self._change_password(request, data)
        elif command in READING:
            send_json(request, {"command": command})
        elif command in CHANGING:
            self._done(request, command)
        else:
            send_json(request, "unknown command", "404 Not Found")

    def _change_password(self, request: Request, data: Mapping[str, str]) -> None:
        if data.get("old_pwd", "") != self.password:
            send_json(request, "wrong password")
            return
        self.password = data.get("new_pwd", "")
        self._done(request, "change_admin_pwd")

    def _done(self, request: Request, command: str) -> None:
        self.commands.append(command)
        send_json(request, "ok")

    def dev_info(self) -> dict[str, object]:
        """Some 3 KB, as a site with four devices has."""
        devices = [
            {
                "dev_type": "evse_powerbrain" if number else "meter_em420",
                "dev_id": f"E{number}" if number else "M1",
                "name": f"Wallbox {number}" if number else "Meter",
                "desc": "Ground floor, on the left of the gate",
                "address": f"192.168.1.{20 + number}",
                "id": number,
                "number": number,
                "model": "Power Brain 11 kW",
                "is_evse": bool(number),
                "state": 3 if number == 1 else 1,
                "charging_enabled": True,
                "cur_charging_power": 11_000 if number == 1 else 0,
                "total_energy": 4_711_000 + number,
                "com_err": 0,
                "remarks": "." * 300,
            }
            for number in range(4)
        ]
        vendor = {"vendorid": "cfos", "productid": "cm", "serialno": SERIAL}
        params = {
            "title": self.title,
            "desc": "",
            "version": "1.22.1200",
            "time": 1_770_000_000,
            "cycle_time": 3,
            "max_evses": 3,
            "lb_enabled": True,
            "cpu": 7,
            "mem": 61,
            "vsn": vendor,
        }
        return {
            "params": params,
            "devices": devices,
            "auth_cnt": len(self.users),
            "loadmgr_disabled": False,
        }
