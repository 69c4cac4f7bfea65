"""Other people's vectors: of ES256 we take what is valid, of the rest nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.jws import BadToken, verify

FILE = Path(__file__).parent / "vectors" / "json_web_signature.json"
ES256 = ("es256", "SpecialCaseEs256")


def read_groups() -> dict[str, dict[str, Any]]:
    groups = json.loads(FILE.read_text(encoding="utf-8"))["testGroups"]
    return {group["comment"]: group for group in groups}


class WycheproofTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.groups = read_groups()
        key = ECAlgorithm.from_jwk(self.groups["es256"]["public"])
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.key = key

    def verifies(self, vector: dict[str, Any]) -> bool:
        try:
            verify(vector["jws"].encode("utf-8"), self.key)
        except BadToken:
            return False
        return True

    def vectors(self, *, es256: bool) -> list[dict[str, Any]]:
        return [
            vector
            for name, group in self.groups.items()
            if (name in ES256) is es256
            for vector in group["tests"]
        ]

    def test_all_vectors_are_here(self) -> None:
        results = [vector["result"] for vector in self.vectors(es256=True)]
        self.assertEqual(results.count("valid"), 2)
        self.assertEqual(results.count("invalid"), 37)
        self.assertEqual(len(self.vectors(es256=False)), 22)

    def test_of_es256_the_valid_verify_and_no_other(self) -> None:
        for vector in self.vectors(es256=True):
            valid = vector["result"] == "valid"
            self.assertEqual(self.verifies(vector), valid, vector["tcId"])

    def test_another_algorithm_never_verifies(self) -> None:
        for vector in self.vectors(es256=False):
            self.assertFalse(self.verifies(vector), vector["tcId"])
