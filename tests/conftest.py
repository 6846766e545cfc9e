"""What all tests share: Hypothesis never judges by the clock, on no machine; helpers say why they fail."""

import pytest
from hypothesis import HealthCheck, settings

HELPERS = ("contract", "databases", "e2e", "fakes", "golden", "root", "unit", "waiting", "walk")
pytest.register_assert_rewrite(*(f"tests.{name}" for name in HELPERS))
settings.register_profile("evenload", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evenload")
