"""A gibibyte each way, bit for bit, through little memory."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import EndToEndTestCase

MIB = 1024 * 1024
#: Half of it with a length, half of it in chunks.
HALF = 512 * MIB
#: What each daemon may have resident, at most.
MEMORY = 150 * MIB


@cache
def digest_of_half() -> str:
    return digest(blocks(HALF))


class LargeTransferTests(EndToEndTestCase):
    def check_memory(self) -> None:
        for process in (self.server.process, self.site.device.process):
            self.assertLess(process.memory(), MEMORY, process.name)

    def test_a_gibibyte_comes_down_whole(self) -> None:
        client = self.admin
        for path in ("/sized", "/chunked"):
            connection = client.connection()
            self.addCleanup(connection.close)
            client.send(connection, "GET", f"{path}?n={HALF}")
            response = connection.getresponse()
            got = hashlib.sha256()
            while data := response.read(256 * 1024):
                got.update(data)
            self.assertEqual(got.hexdigest(), digest_of_half())
        self.check_memory()

    def test_a_gibibyte_goes_up_whole(self) -> None:
        for fields in ([("Content-Length", str(HALF))], []):
            answer = self.admin.request("POST", "/hash", blocks(HALF), fields)
            self.assertEqual(
                json.loads(answer.body), {"length": HALF, "sha256": digest_of_half()}
            )
        self.check_memory()
