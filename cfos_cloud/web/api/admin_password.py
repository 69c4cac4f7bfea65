"""``password`` of the operator API: the operator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.logger import Logger
from twisted.web.iweb import IRequest

from cfos_cloud.registry import Operator
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.api.operation import STRING, Operation, Shape, as_json
from cfos_cloud.web.api.routes import Answer, route
from cfos_cloud.web.api.schema import MAX_PASSWORD, read_object
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import caller_of, check_still
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.operator.password import OperatorPassword
from cfos_cloud.web.problem import InvalidInput, Unauthorized

#: Fewest characters of an admin password that is set here (NIST SP 800-63B §3.1.1).
MIN_LENGTH = 8

PASSWORD_CHANGE = Shape(
    "PasswordChange",
    {
        "type": "object",
        "required": ["new"],
        "properties": {
            "old": {
                "type": ["string", "null"],
                "description": "the present password",
            },
            "new": {
                **STRING,
                "minLength": MIN_LENGTH,
                "maxLength": MAX_PASSWORD,
                "format": "admin-password",
                "description": "without control characters",
            },
        },
    },
)


@dataclass(frozen=True)
class PasswordChange:
    """``old`` ``None``: the credentials of the request have to be enough."""

    old: str | None
    new: str

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> PasswordChange:
        """:raises InvalidInput: with the member that is at fault."""
        old, new = data.get("old"), data.get("new")
        if old is not None and not isinstance(old, str):
            raise InvalidInput("old", "the present password is a string")
        if not isinstance(new, str):
            raise InvalidInput("new", "a new password is needed, as a string")
        if len(new) < MIN_LENGTH:
            raise InvalidInput(
                "new", f"an admin password has at least {MIN_LENGTH} characters"
            )
        if len(new) > MAX_PASSWORD:
            raise InvalidInput(
                "new", f"an admin password has at most {MAX_PASSWORD} characters"
            )
        if any(not character.isprintable() for character in new):
            # Nobody could type it again, and a file of it would end early.
            raise InvalidInput("new", "an admin password has no control characters")
        return cls(old, new)


class AdminPasswordResource:
    """
    A wrong ``old`` counts as wrong credentials do: a browser that somebody left open
    must not be a place to guess.
    """

    _log = Logger()

    def __init__(self, operator: Operator, password: OperatorPassword) -> None:
        self._operator = operator
        self._password = password

    @route(
        "/password",
        method="POST",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "Change the admin password",
            {204: None},
            description="""
            `old` is for who asks at the browser once more, and has to come with an
            access key. All sessions and streams of events end.
            """,
            body=as_json(PASSWORD_CHANGE),
            problems={409: "The password comes from a file and is changed there."},
        ),
    )
    async def change(self, request: IRequest) -> Answer:
        wanted = PasswordChange.from_json(read_object(request))
        caller = caller_of(request)
        if wanted.old is None and caller is not None and caller.is_key:
            # Or who has stolen it would stay, however soon it is revoked.
            raise InvalidInput("old", "an access key needs the present password, too")
        if wanted.old is not None and not self._operator.fixed:
            try:
                await self._password.check(client_address(request), wanted.old)
            except Unauthorized as error:
                raise InvalidInput("old", "this is not the present password") from error
        check_still(request)
        await self._operator.set_password(wanted.new, operator_of(request))
        self._log.warn(
            "the admin password was changed from {client}",
            client=client_address(request),
        )
        return Answer(204)
