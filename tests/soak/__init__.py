"""A server and a device end that are in use for long: does anything grow?"""
