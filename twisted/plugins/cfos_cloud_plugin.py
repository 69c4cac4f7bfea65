"""The two services that ``twistd`` offers."""

from twisted.application.service import ServiceMaker

server = ServiceMaker(
    "cfos-cloud",
    "cfos_cloud.server.service",
    "The cloud server: browsers reach devices through it.",
    "cfos-cloud",
)
device = ServiceMaker(
    "cfos-device",
    "cfos_cloud.device_end",
    "The device end: connects a device's web UI to a cloud server.",
    "cfos-device",
)
