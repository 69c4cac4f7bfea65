"""Self-hosted remote access for energy devices: server, device end and tools."""

__version__ = "0.1.0"
