"""What tools/site/hooks.py makes of a page. That the links of the site lead somewhere, ``make docs`` sees."""

import importlib.util
from pathlib import Path
from typing import Any

from evenload.main.sample import render_sample

ROOT = Path(__file__).parents[3]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "tools/site/hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = load()


def test_links_lead_to_pages_of_the_site_and_nowhere_else() -> None:
    text = "[a](docs/tls.md#a-walk), [b](CHANGELOG.md), ![c](docs/pictures/demo.svg), [d](tools/setup), [e](https://e.example/)\n"
    assert HOOKS.render_page(text, "README.md", "index.md") == (
        "[a](tls.md#a-walk), [b](changelog.md), ![c](pictures/demo.svg), d, [e](https://e.example/)\n"
    )
    code = "```sh\n[x](../../tools/setup)\n```\n"
    text = f"[a](../tls.md) [b](../../README.md#security) [c](0009-store.md) [d](#here)\n{code}"
    assert HOOKS.render_page(text, "docs/adr/0001-folding.md", "adr/0001-folding.md") == (
        f"[a](../tls.md) [b](../index.md#security) [c](0009-store.md) [d](#here)\n{code}"
    )


def test_a_link_alone_becomes_the_file() -> None:
    made = HOOKS.render_page("[.ci/run](../.ci/run)\n", "docs/page.md", "page.md")
    assert made == f'``` text title=".ci/run"\n{(ROOT / ".ci/run").read_text()}```\n'


def test_every_setting_is_in_the_table() -> None:
    sample = render_sample()
    made = HOOKS.render_settings(sample)
    assert made.count("\n| `") == sum(
        line.startswith("#") and not line.startswith("# ") for line in sample.splitlines()
    )
    assert "### [api]" in made
    assert "| `bind_port` | `9876` | Port on which the API listens. |" in made
