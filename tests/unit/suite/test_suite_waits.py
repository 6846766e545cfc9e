"""The tests themselves: none may need a machine of a certain speed, or to be alone (tests/waiting.py)."""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import demo
import pytest
from tests.waiting import NET

ROOT = Path(demo.__file__).parent.parent
CLOCKS = {"monotonic", "perf_counter", "time", "monotonic_ns", "perf_counter_ns", "process_time", "thread_time"}
LONGEST_PAUSE = 0.2
"""Seconds between two looks; what sleeps longer waits for time to pass."""
WAITS = {
    **dict.fromkeys(("wait", "join", "settimeout"), 0),
    **dict.fromkeys(("wait_for",), 1),
    **dict.fromkeys(("acquire", "get", "communicate", "run", "check_output", "check_call", "result"), None),
    **dict.fromkeys(("create_connection", "HTTPConnection", "Barrier", "select", "first"), None),
}
"""Calls that end after so many seconds, and where those stand if not behind ``timeout=``."""
ALLOWED = {
    ("demo/backend.py", "_answer"): "the path /slow is slow on purpose",
    ("demo/backend.py", "main"): "a pause between two looks",
    ("demo/service.py", "_answers"): "a pause between two looks",
    ("tests/contract/interleaving.py", "proceed"): "a pause between two looks",
    ("tests/e2e/world.py", "reaches"): "a pause between two looks",
    ("tests/e2e/test_networks.py", "_assert_served_inside_the_vlan_only"): "that it is in vain is what the test wants",
    ("tests/e2e/test_protocols.py", "test_a_connection_limit_holds"): "that it is in vain is what the test wants",
    ("tests/e2e/test_switch.py", "test_a_vlan_network_on_open_vswitch"): "that it is in vain is what the test wants",
    ("tests/root/hanging.py", "_answers"): "that it is in vain is what the test wants",
    ("tests/root/test_haproxy_checks.py", "test_a_check_is_late_as_a_whole"): "the server is slow on purpose",
    ("tests/root/test_haproxy_checks.py", "test_a_check_has_its_time_where_a_listener_connects_faster"): (
        "the server is slow on purpose"
    ),
    ("tests/root/test_haproxy_checks.py", "test_a_check_may_connect_for_longer_than_the_delay"): (
        "the server is slow on purpose"
    ),
    ("tests/root/test_haproxy_checks.py", "test_a_check_that_connects_too_late_fails"): "the server is slow on purpose",
    ("tests/root/test_haproxy_checks.py", "test_what_hangs_fails_at_the_timeout_and_is_asked_again_after_the_delay"): (
        "that it is not sooner is what the test wants"
    ),
    ("tests/unit/main/http/test_http_server.py", "test_a_client_that_reads_nothing_is_let_go"): "a pause between tries",
}
SHARED = {
    ("tests/waiting.py", "__init__"): "threads are compared with those of before",
    ("tests/waiting.py", "named"): "threads are compared with those of before",
}

Found = Iterator[tuple[str, int]]


def offences(tree: ast.Module) -> Found:
    """Function and line of each assertion about a time that went by, of each sleep that is no short pause, and of each
    wait for an event that a slow machine may not bring within its time."""
    constants = {
        target.id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for function, node in nodes(tree):
        by_the_clock = isinstance(node, ast.Assert) and any(map(is_time_gone_by, ast.walk(node)))
        if by_the_clock or is_long_sleep(node) or is_short_net(node, constants):
            yield function, node.lineno  # type: ignore[attr-defined]


def nodes(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            yield from ((function.name, node) for node in ast.walk(function))


def is_time_gone_by(node: ast.AST) -> bool:
    """A clock less something. A deadline that is compared with a clock is a net, and may stay."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Call)
        and is_of(node.left.func, "time", CLOCKS)
    )


def is_long_sleep(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and is_of(node.func, "time", {"sleep"})):
        return False
    [pause] = node.args
    return isinstance(pause, ast.Name | ast.BinOp) or (
        isinstance(pause, ast.Constant) and isinstance(pause.value, int | float) and pause.value > LONGEST_PAUSE
    )


def is_short_net(node: ast.AST, constants: Mapping[str, object]) -> bool:
    """A wait that gives up before ``NET`` is over: on a machine of another speed it has promised something."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in WAITS:
        return False
    place = WAITS[name]
    given = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
    if place is not None:
        given += node.args[place : place + 1]
    for each in given:
        value = each.value if isinstance(each, ast.Constant) else constants.get(getattr(each, "id", ""))
        if isinstance(value, int | float) and 0 < value < NET:
            return True
    return False


def shared(tree: ast.Module) -> Found:
    """Function and line of each look at all threads of the process, to which other tests add theirs, and of each
    assertion that takes one piece of a stream for all of it."""
    for function, node in nodes(tree):
        counts = isinstance(node, ast.Attribute) and is_of(node, "threading", {"active_count", "enumerate"})
        if counts or (isinstance(node, ast.Assert) and any(map(is_piece, ast.walk(node)))):
            yield function, node.lineno  # type: ignore[attr-defined]


def is_piece(node: ast.AST) -> bool:
    """``recv(4096) == b"…"`` or ``recv(4096).endswith(…)``; one byte, and the end of the stream, come in one piece."""
    if isinstance(node, ast.Compare):
        end = any(isinstance(each, ast.Constant) and each.value == b"" for each in node.comparators)
        return not end and any(map(receives, (node.left, *node.comparators)))
    return isinstance(node, ast.Attribute) and node.attr == "endswith" and receives(node.value)


def receives(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "recv"):
        return False
    whole = any(isinstance(each, ast.Attribute) and each.attr == "MSG_WAITALL" for each in node.args[1:])
    return not whole and not (isinstance(node.args[0], ast.Constant) and node.args[0].value == 1)


def is_of(function: ast.expr, module: str, names: set[str]) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == module
        and function.attr in names
    )


@pytest.mark.parametrize(("look", "allowed"), [(offences, ALLOWED), (shared, SHARED)])
def test_no_test_waits_by_the_clock_or_looks_at_what_is_anothers(
    look: Callable[[ast.Module], Found], allowed: dict[tuple[str, str], str]
) -> None:
    found = {
        (str(path.relative_to(ROOT)), function): line
        for folder in ("tests", "demo")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for function, line in look(ast.parse(path.read_text()))
    }
    assert {place: line for place, line in found.items() if place not in allowed} == {}
    assert set(allowed) <= set(found), "an exception that nobody needs any more"


@pytest.mark.parametrize(
    ("line", "offends"),
    [
        ("time.sleep(1.5)", True),
        ("time.sleep(_SECONDS / 2)", True),
        ("time.sleep(0.01)", False),
        ("assert time.monotonic() - begun < 2.0", True),
        ("assert time.monotonic() < deadline", False),
        ("measure(time.monotonic() - begun)", False),
        ("assert told.wait(10)", True),
        ("assert told.get(timeout=SHORT)", True),
        ("thread.join(5.0)", True),
        ("subprocess.run(command, timeout=30)", True),
        ("assert told.wait(NET)", False),
        ("assert told.wait(300)", False),
        ("', '.join(names)", False),
    ],
)
def test_what_offends(line: str, offends: bool) -> None:
    assert bool(list(offences(ast.parse(f"SHORT = 10.0\n\ndef test() -> None:\n    {line}\n")))) is offends


@pytest.mark.parametrize(
    ("line", "offends"),
    [
        ("assert threading.active_count() == 3", True),
        ("before = set(threading.enumerate())", True),
        ("assert client.recv(4096).endswith(b'body')", True),
        ("assert client.recv(4096) == b'body'", True),
        ("assert client.recv(4096) == b''", False),
        ("assert client.recv(1) == b'H'", False),
    ],
)
def test_what_is_anothers(line: str, offends: bool) -> None:
    assert bool(list(shared(ast.parse(f"def test() -> None:\n    {line}\n")))) is offends
