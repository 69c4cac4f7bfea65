"""What can be asked of a server, one method each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from urllib.parse import quote

from cfos_cloud.operator_tool.api import Object, OperatorAPI

Query = Mapping[str, str | Sequence[str]]

#: Items on a page that is asked for.
PAGE = 500


class OperatorClient:
    """Every method raises :class:`ToolError` when it can't do what it says."""

    def __init__(self, api: OperatorAPI) -> None:
        self._api = api
        self.server = api.server

    def systems(self, query: Query) -> AsyncIterator[Object]:
        """All that ``query`` finds, page by page."""
        return self._pages("/systems", query)

    async def add(self, cloud_id: str, password: str | None, name: str) -> Object:
        """The new system, with ``password`` if the server made it."""
        members = {"cloud_id": cloud_id, "password": password, "name": name}
        return await self._api.ask("POST", "/systems", json=members)

    async def show(self, cloud_id: str) -> Object:
        return await self._api.ask("GET", _path(cloud_id))

    async def change(self, cloud_id: str, **members: object) -> Object:
        """The system with these members changed."""
        return await self._api.ask("PATCH", _path(cloud_id), json=members)

    async def rotate(self, cloud_id: str, password: str | None) -> Object:
        """The system, with ``password`` if the server made it."""
        path = f"{_path(cloud_id)}/password"
        return await self._api.ask("POST", path, json={"password": password})

    async def disconnect(self, cloud_id: str) -> bool:
        """Whether there was a tunnel to cut."""
        answer = await self._api.ask("POST", f"{_path(cloud_id)}/disconnect")
        return bool(answer["disconnected"])

    async def remove(self, cloud_id: str, *, erase: bool) -> None:
        """``erase``: and all events that are about it."""
        query = {"erase": "true"} if erase else {}
        await self._api.ask("DELETE", _path(cloud_id), params=query)

    def events(self, query: Query, at_most: int) -> AsyncIterator[Object]:
        """The newest first."""
        return self._pages("/events", query, at_most)

    def access_keys(self) -> AsyncIterator[Object]:
        """The access keys of scope ``cloud``, the newest first."""
        return self._pages("/keys", {})

    async def add_key(self, name: str, role: str, expires: str | None) -> Object:
        """The new access key, with ``key``: what is presented."""
        members = {"name": name, "role": role}
        if expires is not None:
            members["expires"] = expires
        return await self._api.ask("POST", "/keys", json=members)

    async def authorize_key(self, key_id: str, password: str) -> Object:
        """The access key as it is then; ``password`` is the admin password."""
        path = f"/keys/{quote(key_id, safe='')}/authorize"
        return await self._api.ask("POST", path, json={"password": password})

    async def revoke_key(self, key_id: str) -> None:
        await self._api.ask("DELETE", f"/keys/{quote(key_id, safe='')}")

    async def signing_keys(self) -> list[Object]:
        """The one that signs first."""
        return list((await self._api.ask("GET", "/signing-keys"))["items"])

    async def rotate_signing_key(self) -> Object:
        """The new one."""
        return await self._api.ask("POST", "/signing-keys")

    async def drop_signing_key(self, kid: str) -> None:
        """All access keys under it are over."""
        await self._api.ask("DELETE", f"/signing-keys/{quote(kid, safe='')}")

    async def certificate(self) -> Object:
        return await self._api.ask("GET", "/certificate")

    async def import_certificate(self, certificate: str, private_key: str) -> Object:
        """The certificate as it is served from then on; both are PEM."""
        members = {"certificate": certificate, "private_key": private_key}
        return await self._api.ask("PUT", "/certificate", json=members)

    async def certificates(self, name: str = "") -> list[Object]:
        """All in use, or the one that is served to whoever asks for ``name``."""
        query = {"name": name} if name else {}
        answer = await self._api.ask("GET", "/certificates", params=query)
        return list(answer["items"])

    async def remove_certificate(self, fingerprint: str) -> None:
        await self._api.ask("DELETE", f"/certificates/{quote(fingerprint, safe='')}")

    async def backup(self, write: Callable[[bytes], object], with_keys: bool) -> None:
        """A tar file, given to ``write`` piece by piece."""
        query = {"keys": "true" if with_keys else "false"}
        await self._api.download("/backup", query, write)

    async def change_password(self, new: str, old: str) -> None:
        """Another admin password; this client knows the old one only."""
        await self._api.ask("POST", "/password", json={"new": new, "old": old})

    async def log_level(self) -> int:
        return int((await self._api.ask("GET", "/loglevel"))["loglevel"])

    async def set_log_level(self, level: int) -> int:
        answer = await self._api.ask("PUT", "/loglevel", json={"loglevel": level})
        return int(answer["loglevel"])

    async def status(self) -> Object:
        """How the server stands."""
        return await self._api.ask("GET", "/status")

    async def _pages(
        self, path: str, query: Query, at_most: int | None = None
    ) -> AsyncIterator[Object]:
        cursor: str | None = ""
        left = at_most
        while cursor is not None and left != 0:
            limit = PAGE if left is None else min(left, PAGE)
            turn = {"cursor": cursor} if cursor else {}
            page = await self._api.ask(
                "GET", path, params={**query, "limit": str(limit), **turn}
            )
            for item in page["items"]:
                yield item
            if left is not None:
                left -= len(page["items"])
            # A page of nothing that has a next one would lead on for ever.
            cursor = page["next"] if page["items"] else None


def _path(cloud_id: str) -> str:
    return f"/systems/{quote(cloud_id, safe='')}"
