"""``cfos-cloud system …``: the operator's tool, a client of the operator API."""
