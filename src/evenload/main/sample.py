"""The sample configuration, made from the options: ``python -m evenload.main.sample > packaging/evenload.conf``."""

import sys
import textwrap
from typing import Any

from evenload.main.settings import options


def render_sample() -> str:
    """Every option with its help and default, commented out."""
    lines = ["# Evenload. Every setting with its default; remove the # to change one."]
    for group, opts in options():
        lines += ["", f"[{group or 'DEFAULT'}]"]
        for opt in opts:
            lines += ["", *textwrap.wrap(_explained(opt), 116, initial_indent="# ", subsequent_indent="# ")]
            lines.append(f"#{opt.name} = {_default(opt.default)}".rstrip())
    return "\n".join(lines) + "\n"


def _explained(opt: Any) -> str:
    choices = getattr(opt.type, "choices", None)
    return f"{opt.help} One of {', '.join(choices)}." if choices else str(opt.help)


def _default(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dict():
            return ",".join(f"{key}:{item}" for key, item in value.items())
        case list():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)


if __name__ == "__main__":
    sys.stdout.write(render_sample())
