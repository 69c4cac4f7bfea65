"""
The words of our errors, by kind, in English; the translations' source as well.

For people who charge a car: what happened, and what to do.
"""

from __future__ import annotations


def _(message: str) -> str:
    """Marks a text for the collector of messages; the template translates it."""
    return message


TITLES: dict[str, str] = {
    "offline": _("The device is offline"),
    "refused": _("The device does not answer"),
    "timeout": _("The device takes too long"),
    "busy": _("The device is busy"),
    "bad-gateway": _("The device's answer was cut off"),
    "not-allowed": _("This device is not for you to see"),
    "no-such-device": _("The site has no such device"),
    "cross-site": _("Stopped for your safety"),
    "bad-request": _("The request was not understood"),
    "unauthorised": _("Please log in"),
    "not-found": _("There is no such page"),
    "method-not-allowed": _("That does not work here"),
    "too-large": _("That was too much"),
    "unavailable": _("One moment, please"),
    "internal": _("Something went wrong here"),
}

DETAILS: dict[str, str] = {
    "offline": _(
        "It has no connection to this server. "
        "As soon as it is back, you can go on where you were."
    ),
    "refused": _(
        "The connection to the site is there, "
        "but the device behind it does not accept requests."
    ),
    "timeout": _(
        "The connection to the site is there, "
        "but no answer came in time. It may be worth another try."
    ),
    "busy": _("It is answering other requests. Please try again in a moment."),
    "bad-gateway": _(
        "What came back from the device could not be used. It may be worth another try."
    ),
    "not-allowed": _(
        "The site has no device of this name that you may open. "
        "Whoever runs the site can change that."
    ),
    "no-such-device": _(
        "No device of this name is set up there. The address may have been mistyped."
    ),
    "cross-site": _(
        "Another website tried to send this request to your device in your name."
    ),
    "bad-request": _("The browser sent something that this server can't read."),
    "unauthorised": _("This address needs a log-in."),
    "not-found": _("The address may have been mistyped."),
    "method-not-allowed": _("This address can't be used in that way."),
    "too-large": _("More was sent than this page takes."),
    "unavailable": _("This server is just starting, or has a lot to do."),
    "internal": _("This server made a mistake. It has been noted in its log."),
}

#: What somebody can look at, before they ask for help.
CHECKS: dict[str, tuple[str, ...]] = {
    "offline": (
        _("Does the site have power and Internet?"),
        _("Is the router running, and the device's cloud service switched on?"),
    ),
    "refused": (
        _("Is the device switched on, and has it finished starting?"),
        _("Has its local address changed? Then it has to be entered anew at the site."),
    ),
    "timeout": (
        _("Is the device doing something that takes long, such as an update?"),
        _("Is its own connection weak: Wi-Fi, powerline, a loose cable?"),
    ),
    "busy": (
        _("Close other pages and apps that show this device: it can serve only a few."),
    ),
}

#: Said where somebody's last step was no mere look at a page.
NOT_REACHED = _("Your last action did not reach the device.")
NOT_CERTAIN = _(
    "It is not certain whether the device has carried out your last action. "
    "Please look there before you repeat it."
)
MISSED: dict[str, str] = {
    "offline": NOT_REACHED,
    "refused": NOT_REACHED,
    "busy": NOT_REACHED,
    "timeout": NOT_CERTAIN,
    "bad-gateway": NOT_CERTAIN,
}
