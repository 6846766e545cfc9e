"""What all tests share: Hypothesis never judges by the clock, on no machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("evenload", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evenload")
