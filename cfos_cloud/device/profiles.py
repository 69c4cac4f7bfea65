"""
The parts of a device end whose device decides by itself who may come in.

The site may give the device end the device's admin password, in the file of
``admin_password_file``. Then access keys act with it where there is no other
credential, a ``cfos`` device is asked for its users by it, and it is what a log-in is
compared with where such a device asks its own machine for no password.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cfos_cloud.device.consents import Consents
from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.profile import KeptCredential, Profile, RealDevice
from cfos_cloud.device.profile_cfos import CfosDevice
from cfos_cloud.device.profile_prover import ProfileProver
from cfos_cloud.device.profile_sessions import PasswordWatch
from cfos_cloud.device.profile_tq import TqDevice
from cfos_cloud.device.target_client import TargetClient
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.throttle import Throttle
from cfos_cloud.workers import Worker


class FileCredential:
    """
    The credential for the password in the file, as it is now.

    It has none while there is no password in plain text: what goes without it then is
    refused by the device, in its own words.
    """

    def __init__(self, credentials: Credentials, device: RealDevice) -> None:
        self._credentials = credentials
        self._device = device
        self._made: KeptCredential | None = None

    @property
    def header(self) -> TargetHeader | None:
        """Nothing without a password."""
        current = self._current
        return _NOTHING if current is None else current.header

    def renewal(self) -> Deferred[None] | None:
        """Of the token."""
        current = self._current
        return None if current is None else current.renewal()

    def doubt(self) -> None:
        """The device has refused it."""
        current = self._current
        if current is not None:
            current.doubt()

    @property
    def _current(self) -> KeptCredential | None:
        secret = self._credentials.admin.plain
        if secret is None:
            self._made = None
        elif self._made is None or self._made.secret != secret:
            self._made = self._device.credential(secret)
        return self._made


_NOTHING = TargetHeader(())


class ProfileSide:
    """
    :ivar device: asked who may come in, and what they may do.
    :ivar key_credential: for access keys.
    """

    log = Logger()

    def __init__(
        self,
        profile: Profile,
        client: TargetClient,
        credentials: Credentials,
        grants: Grants,
        consents: Consents,
        key_grants: KeyGrants,
        clock: IReactorTime,
        worker: Worker,
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._clock = clock
        self._worker = worker
        self._watch = PasswordWatch(
            grants, key_grants, lambda: consents.given_by, clock, worker
        )
        self.device: RealDevice
        if profile is Profile.CFOS:
            self.device = CfosDevice(
                client, lambda: credentials.admin.plain, self._watch.suspect
            )
        else:
            self.device = TqDevice(client, clock, self._watch.suspect)
        self._watch.device = self.device
        self.key_credential = FileCredential(credentials, self.device)

    def make_prover(self, throttle: Throttle) -> ProfileProver:
        """One that charges failures to ``throttle``."""
        return ProfileProver(
            self.device,
            self._credentials,
            throttle,
            self._clock,
            self._worker,
            unprotected=self._watch.unprotected,
            proven=self._watch.proven,
        )

    def poll(self) -> None:
        """To be called again and again."""
        self._watch.look_for_users()

    def say(self) -> None:
        """What the log should have at the start."""
        self.log.info(
            "profile {profile}: the device decides who may log in",
            profile=self._profile.value,
        )
        if self._credentials.admin.hash is not None:
            self.log.warn(
                "the admin password is given as a hash: nothing can be asked of the "
                "device by it"
            )
