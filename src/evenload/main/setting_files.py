"""Files of settings: what stands in them, and what may not: a setting that does not exist, a value that none may have.

oslo.config would pass over the first, and tells the second in Python's words.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg, types

from evenload.main.options import GROUPS

KEYSTONE, SERVICE_AUTH = "keystone_authtoken", "service_auth"
"""The sections whose settings are those of a library, known only where that is imported."""

_Options = Mapping[str, Mapping[str, Any]]
"""By section and name, former ones included."""


def files_of(conf: Any) -> list[Path]:
    """Each once: oslo.config finds the usual one by the project's and by the program's name."""
    directories = [Path(name) for name in conf.config_dir or ()]
    found = [Path(name) for name in conf.config_file or ()]
    found += [path for directory in directories for path in sorted(directory.glob("*.conf"))]
    return list(dict.fromkeys(found))


def read_sections(path: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """What stands in a file: section → name → values, uninterpreted."""
    sections: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(str(path), sections).parse()
    return sections


def validate_file(path: Path) -> None:
    """Raises ValueError, which names file, section and setting, and what is allowed."""
    known = _known()
    sections = read_sections(path)
    others = {KEYSTONE, SERVICE_AUTH}
    others |= {other for name in (KEYSTONE, SERVICE_AUTH) for other in sections.get(name, {}).get("auth_section", ())}
    for section, values in sections.items():
        if section in others:
            continue  # its names are the library's: main/keystone.py, main/barbican.py
        options = known.get(section) or known.get(section.lower())  # oslo.config has groups in any case
        if options is None:
            raise ValueError(f"{path}: there is no section [{section}]")
        for name, texts in values.items():
            if name not in options:
                raise ValueError(f"{path}: [{section}] {name}: there is no such setting")
            for fault in _faults(options[name].type, texts):
                raise ValueError(f"{path}: [{section}] {name}: {fault}")


def _known() -> _Options:
    known = {group or "DEFAULT": {opt.name: opt for opt in opts} for group, opts in GROUPS}
    for group, opts in GROUPS:
        for opt in opts:
            for older in opt.deprecated_opts:
                known[older.group or group or "DEFAULT"][older.name or opt.name] = opt
    return known


def _faults(kind: Any, texts: list[str]) -> Iterator[str]:
    for text in texts:
        if "$" in text:
            continue  # of another setting's value, which oslo.config puts in
        try:
            value = kind(text)
        except ValueError as error:
            yield _words(kind, text, error)
        else:
            if isinstance(kind, types.Number) and (value is None or not math.isfinite(value)):
                yield _not_a_number(kind, text)


def _words(kind: Any, text: str, error: ValueError) -> str:
    if isinstance(kind, types.Number):
        return _not_a_number(kind, text)
    if isinstance(kind, types.Boolean):
        return f"{text!r} is neither true nor false"
    if isinstance(kind, types.URI):
        return f"{text!r} is no URL with {' or '.join(kind.schemes)}"
    return str(error) if text and text in str(error) else f"{text!r}: {error}"


def _not_a_number(kind: types.Number, text: str) -> str:
    word = "whole number" if kind.num_type is int else "number"
    least, most = (None if bound is None else f"{bound:.15g}" for bound in (kind.min, kind.max))
    match least, most:
        case None, None:
            bounds = ""
        case None, _:
            bounds = f" of at most {most}"
        case _, None:
            bounds = f" of at least {least}"
        case _:
            bounds = f" from {least} to {most}"
    return f"{text!r} is no {word}{bounds}"
