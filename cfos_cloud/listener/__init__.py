"""One port: what comes first on a connection, TLS and its certificate."""
