"""
What clients and devices send, through both ends of a tunnel: what comes out at the
other side is read by strangers' parsers, and is one whole message or none.
"""
