"""Members of JSON and fields of forms, checked into values; errors are codes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping

from scramp import ScramException
from scramp.utils import saslprep

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.cloud_password import MIN_CHOSEN_LENGTH
from cfos_cloud.demo.site.calls import Invalid
from cfos_cloud.demo.site.settings import MAX_NAME, CloudSettings
from cfos_cloud.device.origin import InvalidOrigin, parse_origin
from cfos_cloud.device.users import check_user_name

MAX_TEXT = 1024

_TRUE = frozenset({"1", "true", "on", "yes"})
_FALSE = frozenset({"0", "false", "off", "no", ""})


def text(data: Mapping[str, object], name: str, longest: int = MAX_TEXT) -> str:
    """
    A text without blanks around it; empty where there is none.

    :raises Invalid: no text, too long, or with control characters.
    """
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(**{name: "invalid"})
    value = value.strip()
    if len(value) > longest:
        raise Invalid(**{name: "too-long"})
    if any(unicodedata.category(each)[0] == "C" for each in value):
        raise Invalid(**{name: "invalid"})
    return value


def boolean(data: Mapping[str, object], name: str) -> bool:
    """:raises Invalid: neither yes nor no."""
    value = data.get(name)
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, str | int) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid(**{name: "invalid"})


def number(data: Mapping[str, object], name: str, least: float, most: float) -> float:
    """:raises Invalid: no number, or out of range."""
    value = data.get(name)
    if isinstance(value, str):
        value = _parse(name, value.strip())
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Invalid(**{name: "invalid"})
    if not math.isfinite(value):
        raise Invalid(**{name: "invalid"})
    if not least <= value <= most:
        raise Invalid(**{name: "out-of-range"})
    return float(value)


def _parse(name: str, word: str) -> float:
    if not word:
        raise Invalid(**{name: "required"})
    try:
        return float(word)
    except ValueError as error:
        raise Invalid(**{name: "invalid"}) from error


def site_name(data: Mapping[str, object]) -> str:
    """:raises Invalid: empty, too long, or with control characters."""
    name = text(data, "name", MAX_NAME)
    if not name:
        raise Invalid(name="required")
    return name


def user_name(data: Mapping[str, object]) -> str:
    """:raises Invalid: none that a user can have."""
    name = text(data, "name")
    if not name:
        raise Invalid(name="required")
    try:
        return check_user_name(name)
    except ValueError as error:
        raise Invalid(name="invalid") from error


def wallbox(data: Mapping[str, object], known: Mapping[str, object]) -> str | None:
    """
    The ID of a wallbox, ``None`` for none.

    :raises Invalid: there is no such wallbox.
    """
    id_ = text(data, "wallbox")
    if not id_:
        return None
    if id_ not in known:
        raise Invalid(wallbox="unknown")
    return id_


def cloud(
    data: Mapping[str, object], kept: CloudSettings, *, is_form: bool
) -> CloudSettings:
    """
    New settings of the cloud service. What is absent stays; in a form, a box that is
    not ticked is absent, and means no.

    :raises Invalid: with each member that is at fault.
    """
    errors: dict[str, str] = {}
    enabled, server, cloud_id, password = (
        kept.enabled,
        kept.server,
        kept.cloud_id,
        kept.password,
    )
    try:
        if is_form or "enabled" in data:
            enabled = "enabled" in data and boolean(data, "enabled")
        if "server" in data:
            server = _server(text(data, "server"))
    except Invalid as error:
        errors |= error.errors
    try:
        if "cloud_id" in data:
            cloud_id = _cloud_id(text(data, "cloud_id"))
    except Invalid as error:
        errors |= error.errors
    try:
        password = _password(data) or password
    except Invalid as error:
        errors |= error.errors
    if enabled:
        missing = {
            "server": "" if server else "vendor-cloud",
            "cloud_id": "" if cloud_id or not server else "required",
            "password": "" if password or not server else "required",
        }
        errors = {name: code for name, code in missing.items() if code} | errors
    if errors:
        raise Invalid(**errors)
    return CloudSettings(enabled, server, cloud_id, password)


def _server(given: str) -> str:
    """The server's origin: ``cloud.example.org:4443`` means https."""
    if not given:
        return ""
    try:
        return str(parse_origin(given if "://" in given else f"https://{given}"))
    except InvalidOrigin as error:
        raise Invalid(server="invalid") from error


def _cloud_id(given: str) -> str:
    if not given:
        return ""
    try:
        return check_cloud_id(given)
    except InvalidCloudID as error:
        raise Invalid(cloud_id="invalid") from error


def _password(data: Mapping[str, object]) -> str:
    """A pasted one may bring blanks or a newline along."""
    password = data.get("password")
    if password is None:
        return ""
    if not isinstance(password, str):
        raise Invalid(password="invalid")  # noqa: S106 - a code
    password = password.strip()
    if not password:
        return ""
    if len(password) > MAX_TEXT:
        raise Invalid(password="too-long")  # noqa: S106 - a code
    try:
        prepared = saslprep(password)
    except ScramException as error:
        raise Invalid(password="invalid") from error  # noqa: S106 - a code
    if len(prepared) < MIN_CHOSEN_LENGTH:
        raise Invalid(password="too-short")  # noqa: S106 - a code
    return password
