"""Token, grant, consent: only ever forwards."""

from __future__ import annotations

import base64
import hashlib

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.consent import consent_of, grant_of


class ConsentTests(SynchronousTestCase):
    def test_they_are_the_documented_hashes(self) -> None:
        grant = base64.urlsafe_b64encode(hashlib.sha256(b"cfos-keya.b.c").digest())
        self.assertEqual(grant_of(b"a.b.c") + "=", grant.decode())
        consent = base64.urlsafe_b64encode(hashlib.sha256(grant[:-1]).digest())
        self.assertEqual(consent_of(grant[:-1].decode()) + "=", consent.decode())

    def test_they_stay_what_they_are(self) -> None:
        """Or keys that devices have consented to would end with an update."""
        grant = grant_of(b"a.b.c")
        self.assertEqual(grant, "KNHxe8MQNfAe9EcRGKemTogSYJFOTkAT5CgztDRec2U")
        self.assertEqual(
            consent_of(grant), "8_Nk8_oQ3rvmcLJODk23WnrP_lSbsHm276ROOD1e3ik"
        )

    def test_they_have_43_signs_that_need_no_escape(self) -> None:
        for token in (b"", b"\xff" * 5000, b"a.b.c"):
            for text in (grant_of(token), consent_of(grant_of(token))):
                self.assertRegex(text, r"\A[A-Za-z0-9_-]{43}\Z")
