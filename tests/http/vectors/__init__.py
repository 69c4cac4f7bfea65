"""
What comes from clients and devices, well-formed and not, as bytes.

What llhttp's and HAProxy's own tests and the tools that look for request smuggling
cover, put down anew for the rules in docs/http-rules.md: each vector names one.
"""
