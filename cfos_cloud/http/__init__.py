"""HTTP/1.1 messages without I/O: bytes in, heads and bodies out, strictly."""
