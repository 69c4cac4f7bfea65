"""The consent to an access key where the target knows the password, and nobody else."""

from __future__ import annotations

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import Argon2Hash
from cfos_cloud.device.authorization import Authorization
from cfos_cloud.device.password_mark import MARK_BYTES, make_mark


class ProfileAuthorization(Authorization):
    """Keeps a hash of the password that was proven, and never the password."""

    async def _marked(self, secret: str, patience: float) -> tuple[AdminPassword, str]:
        started = self._clock.seconds()
        known = self._consents.given_by
        if known is not None and await self._compute(patience, known.matches, secret):
            mark = self._consents.mark_of(known)
            if mark is not None:
                return known, mark
        patience -= self._clock.seconds() - started
        made = await self._compute(
            max(patience, 0.0),
            make_mark,
            AdminPassword(plain=secret),
            self._random(MARK_BYTES),
        )
        return AdminPassword(hash=Argon2Hash.parse(made)), made
