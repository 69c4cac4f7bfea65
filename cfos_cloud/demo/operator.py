"""The demonstration's own calls of the server's operator API."""

from __future__ import annotations

import base64
import http.client
import json
import ssl

#: Seconds for one call.
PATIENCE = 5.0
#: Largest answer that is read.
MAX_ANSWER = 1024 * 1024


class Operator:
    """Speaks to the server on loopback, with the operator's password."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._headers = {
            "Authorization": "Basic "
            + base64.b64encode(f"admin:{password}".encode()).decode("ascii"),
            "Content-Type": "application/json",
        }
        # our own child on loopback, with a certificate made a moment ago
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def call(
        self, method: str, path: str, document: dict[str, object] | None = None
    ) -> tuple[int, dict[str, object]]:
        """
        Status and JSON object (empty where there is none) of one call; ``path`` is
        what follows ``/cloud/api/v1/``.

        :raises OSError: no connection, or it is lost.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=PATIENCE, context=self._tls
        )
        body = None if document is None else json.dumps(document)
        try:
            connection.request(
                method, f"/cloud/api/v1/{path}", body=body, headers=self._headers
            )
            response = connection.getresponse()
            text = response.read(MAX_ANSWER)
        except http.client.HTTPException as error:
            raise ConnectionError(f"no answer of HTTP: {error!r}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(text) if text else {}
        except ValueError:
            answer = {}
        return response.status, answer if isinstance(answer, dict) else {}
