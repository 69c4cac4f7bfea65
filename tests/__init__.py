"""The tests mirror the package."""

from hypothesis import HealthCheck, settings

# How long an example takes is the business of the machine, and of who shares it.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
