"""The sample configuration that is shipped says what the options say."""

from pathlib import Path

from evenload.main.sample import render_sample
from evenload.main.settings import read_settings

SHIPPED = Path(__file__).parents[3] / "packaging" / "evenload.conf"


def test_the_shipped_sample_is_the_rendered_one() -> None:
    assert SHIPPED.read_text() == render_sample()


def test_the_service_starts_with_the_shipped_sample_as_it_is() -> None:
    assert read_settings(["--config-file", str(SHIPPED)]).serving.auth_strategy == "none"
