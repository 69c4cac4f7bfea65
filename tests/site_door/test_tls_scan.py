"""The door's TLS as a scanner finds it, with a certificate that a CA issued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.threads import deferToThread

from cfos_cloud.site_door import limits
from tests.listener.authority import Authority, pem
from tests.site_door.case import DoorCase
from tests.site_door.server import HOST
from tests.tls_scan import intermediate_findings, require_sslyze

#: What keys of a CA are for.
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class ScanTests(DoorCase):
    def setUp(self) -> None:
        super().setUp()
        now = datetime.now(UTC)
        start, end = now - timedelta(hours=1), now + timedelta(days=80)
        authority, key = Authority(), ec.generate_private_key(ec.SECP256R1())
        public = authority.key.public_key()
        root = authority.issue(
            authority.key,
            authority.name,
            start=start,
            end=end,
            usage=None,
            is_ca=True,
            more=(
                x509.SubjectKeyIdentifier.from_public_key(public),
                _SIGNS_CERTIFICATES,
            ),
        )
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
        leaf = authority.issue(key, HOST, start=start, end=end, more=(by,))
        self.root = self.directory / "root.pem"
        self.certificate_file = self.directory / "cert.pem"
        self.key_file = self.directory / "key.pem"
        self.root.write_bytes(pem(root))
        self.certificate_file.write_bytes(pem(leaf))
        self.key_file.write_bytes(pem(key))

    async def test_it_is_by_mozilla_s_intermediate_profile(self) -> None:
        require_sslyze()
        # A scanner is just what they are made to keep out.
        self.patch(limits, "PER_SECOND", 1_000_000)
        self.patch(limits, "PER_SECOND_OF_ALL", 1_000_000)
        await self.start(certificate_file=self.certificate_file, key_file=self.key_file)
        found = await deferToThread(intermediate_findings, self.port, HOST, self.root)
        self.assertEqual(found, {})
