"""
What reads strangers' bytes, with any bytes at all: each module here is one reader, and
what must be true whatever it is given.

A few thousand for each in every run of the tests, always the same; minutes, led by the
coverage, by ``make slow`` or ``python -m tests.fuzz NAME --seconds 600``.
"""
