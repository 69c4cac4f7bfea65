"""End to end: the device end's own TLS, log-in page and sessions."""
