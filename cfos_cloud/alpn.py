"""The names in ALPN (RFC 7301), which a ClientHello shows to whoever reads it."""

from __future__ import annotations

#: The one protocol spoken inside.
HTTP_1_1 = b"http/1.1"
#: Offered by device ends beside it, and never chosen: it says that a tunnel is to come,
#: so that a server which many of them reach at once can let others go first.
TUNNEL = b"cfos-tunnel/1"
