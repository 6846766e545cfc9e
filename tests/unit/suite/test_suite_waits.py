"""The tests themselves: none may need a machine of a certain speed (CONTRIBUTING.md, tests/waiting.py)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import demo
import pytest

ROOT = Path(demo.__file__).parent.parent
CLOCKS = {"monotonic", "perf_counter", "time", "monotonic_ns", "perf_counter_ns", "process_time", "thread_time"}
LONGEST_PAUSE = 0.2
"""Seconds between two looks; what sleeps longer waits for time to pass."""
ALLOWED = {
    ("demo/backend.py", "_answer"): "the path /slow is slow on purpose",
}


def offences(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Function and line of each assertion about a time that went by, and of each sleep that is no short pause."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if (isinstance(node, ast.Assert) and any(map(is_time_gone_by, ast.walk(node)))) or is_long_sleep(node):
                    yield function.name, node.lineno  # type: ignore[attr-defined]


def is_time_gone_by(node: ast.AST) -> bool:
    """A clock less something. A deadline that is compared with a clock is a net, and may stay."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Call)
        and is_of_time(node.left.func, CLOCKS)
    )


def is_long_sleep(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and is_of_time(node.func, {"sleep"})):
        return False
    [pause] = node.args
    return isinstance(pause, ast.Name | ast.BinOp) or (
        isinstance(pause, ast.Constant) and isinstance(pause.value, int | float) and pause.value > LONGEST_PAUSE
    )


def is_of_time(function: ast.expr, names: set[str]) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "time"
        and function.attr in names
    )


def test_no_test_sleeps_or_fails_by_the_clock() -> None:
    found = {
        (str(path.relative_to(ROOT)), function): line
        for folder in ("tests", "demo")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for function, line in offences(ast.parse(path.read_text()))
    }
    assert {place: line for place, line in found.items() if place not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found), "an exception that nobody needs any more"


@pytest.mark.parametrize(
    ("line", "offends"),
    [
        ("time.sleep(1.5)", True),
        ("time.sleep(_SECONDS / 2)", True),
        ("time.sleep(0.01)", False),
        ("assert time.monotonic() - begun < 2.0", True),
        ("assert time.monotonic() < deadline", False),
        ("measure(time.monotonic() - begun)", False),
    ],
)
def test_what_offends(line: str, offends: bool) -> None:
    assert bool(list(offences(ast.parse(f"def test() -> None:\n    {line}\n")))) is offends
