"""Further devices of a site, beside ``--target``: a name and an address of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfos_cloud.device.origin import InvalidOrigin, Origin, parse_origin
from cfos_cloud.hosts import DEVICE_NAME

MAX_FURTHER = 16


class InvalidFurther(ValueError):
    """What names no further device; one line."""


@dataclass(frozen=True)
class FurtherDevice:
    """``name`` is in its host, ``NAME--<cloud-id>.<domain>``."""

    name: str
    origin: Origin


def check_device_name(text: str) -> str:
    """
    ``text`` unchanged, if it can name a further device.

    :raises InvalidFurther: it is not 1 to 20 of ``a-z 0-9``, or would make a host's
        name one in another alphabet (RFC 5890 §2.3.2.1).
    """
    if text == "xn":
        raise InvalidFurther(
            "a device can't be named 'xn': browsers read xn--… as another name"
        )
    if DEVICE_NAME.match(text) is None:
        raise InvalidFurther(
            f"a device's name is 1 to 20 of a-z and 0-9, not {text[:64]!r}"
        )
    return text


def parse_further(text: str) -> FurtherDevice:
    """
    ``NAME=URL``.

    :raises InvalidFurther: it is something else.
    """
    name, equals, url = text.partition("=")
    if not equals:
        raise InvalidFurther(f"{text[:64]!r} is not NAME=URL")
    check_device_name(name)
    try:
        return FurtherDevice(name, parse_origin(url))
    except InvalidOrigin as error:
        raise InvalidFurther(f"{name}: {error}") from error


def check_further(devices: Sequence[FurtherDevice]) -> None:
    """
    :raises InvalidFurther: more than 16, two of a name, or one that wants TLS.
    """
    if len(devices) > MAX_FURTHER:
        raise InvalidFurther(f"{MAX_FURTHER} further devices at most")
    names: set[str] = set()
    for device in devices:
        check_device_name(device.name)
        if device.name in names:
            raise InvalidFurther(f"{device.name} is there twice")
        names.add(device.name)
        if device.origin.tls:
            raise InvalidFurther(
                f"{device.name}: https addresses are not supported yet; give the "
                "device's http:// address"
            )
