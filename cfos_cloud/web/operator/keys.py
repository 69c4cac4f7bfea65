"""Access keys as credentials at addresses of ours: ``Authorization: Bearer``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol as Interface

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import fold
from cfos_cloud.keys.authority import KeyRefused
from cfos_cloud.keys.key import AccessKey, Role
from cfos_cloud.keys.rules import bearer_of
from cfos_cloud.web.answers import client_address
from cfos_cloud.web.operator.caller import Caller, Life, set_caller
from cfos_cloud.web.problem import KeyUnauthorized


class KeyLife(Life, Interface):
    """An access key that works, and what lives by it."""

    @property
    def key(self) -> AccessKey: ...


class KeyAccesses(Interface):
    """Where keys that work are found; the gateway has them."""

    def find(self, token: bytes, client: str) -> KeyLife:
        """:raises KeyRefused: it does not work."""


class KeyAuthority(Interface):
    """Who knows whose a token is, whatever the state of its key."""

    def look(self, token: bytes) -> AccessKey:
        """:raises KeyRefused: it is none of ours."""


class Refusals(Interface):
    """Who has the log say what was refused; the gateway's gate does."""

    def refused(self, error: KeyRefused, client: str) -> None: ...


class Bearers:
    """Looks at the keys that requests bring along."""

    def __init__(
        self, accesses: KeyAccesses, authority: KeyAuthority, refusals: Refusals
    ) -> None:
        self._accesses = accesses
        self._authority = authority
        self._refusals = refusals

    def use_cloud_key(self, request: IRequest, roles: Collection[Role]) -> None:
        """
        Let ``request`` go on by the key of scope ``cloud`` that it has.

        :raises KeyUnauthorized: it has none of these roles that works.
        """
        client = client_address(request)
        try:
            life = self._accesses.find(_token(request), client)
            key = life.key
            if key.cloud_id is not None:
                raise KeyRefused("is a system's, and this is the operator's", key)
            if key.role not in roles:
                raise KeyRefused("its role may not do this", key)
        except KeyRefused as error:
            raise self._refused(error, client) from error
        set_caller(request, Caller(life, f"key:{key.name}", is_key=True))

    def find(self, request: IRequest) -> AccessKey:
        """
        The key that ``request`` has, in whatever state.

        :raises KeyUnauthorized: it has none.
        """
        try:
            return self._authority.look(_token(request))
        except KeyRefused as error:
            raise self._refused(error, client_address(request)) from error

    def _refused(self, error: KeyRefused, client: str) -> KeyUnauthorized:
        self._refusals.refused(error, client)
        return KeyUnauthorized()


class OperatorKey:
    """
    A key of scope ``cloud`` and role ``admin``; requests without a key go on to
    ``otherwise``. Without ``bearers`` no key is good.
    """

    def __init__(self, bearers: Bearers | None, otherwise: _Authorizer) -> None:
        self._bearers = bearers
        self._otherwise = otherwise

    async def authorize(self, request: IRequest, path: Mapping[str, str]) -> None:
        """See :class:`~cfos_cloud.web.operator.authorization.Authorizer`."""
        if not has_bearer(request):
            await self._otherwise.authorize(request, path)
            return
        if self._bearers is None:
            raise KeyUnauthorized
        self._bearers.use_cloud_key(request, (Role.ADMIN,))


class CloudKey:
    """A key of scope ``cloud``, of whatever role; nothing else."""

    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    async def authorize(self, request: IRequest, path: Mapping[str, str]) -> None:
        """See :class:`~cfos_cloud.web.operator.authorization.Authorizer`."""
        self._bearers.use_cloud_key(request, tuple(Role))


class KeyItself:
    """The very key that the path names, in whatever state it is."""

    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    async def authorize(self, request: IRequest, path: Mapping[str, str]) -> None:
        """See :class:`~cfos_cloud.web.operator.authorization.Authorizer`."""
        key = self._bearers.find(request)
        is_of_system = key.cloud_id is not None and (
            fold(key.cloud_id) == fold(path["cloud_id"])
        )
        if not is_of_system or key.id != path["key_id"]:
            raise KeyUnauthorized


def has_bearer(request: IRequest) -> bool:
    """
    Whether the request means to come by an access key: also where it is misspelled,
    or there is more than one.
    """
    return any(
        value.strip().lower().partition(b" ")[0] == b"bearer"
        for value in _authorization(request)
    )


def _token(request: IRequest) -> bytes:
    token = bearer_of(_authorization(request))
    if token is None:
        raise KeyRefused("not exactly one field Authorization: Bearer")
    return token


def _authorization(request: IRequest) -> list[bytes]:
    values: list[bytes] = request.requestHeaders.getRawHeaders(b"authorization", [])
    return values


class _Authorizer(Interface):
    async def authorize(self, request: IRequest, path: Mapping[str, str]) -> None: ...
