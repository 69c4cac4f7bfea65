"""Devices as their makers describe them, with real sockets, and nothing of ours in."""
