"""What the library takes is what HAProxy takes."""

import subprocess
from pathlib import Path

import pytest

from evenload.host.pcre import Pcre, find_fault_finder
from evenload.model.l7_rules import find_fault_by_python
from evenload.render import quoting

TAKEN = [
    "a|b",
    r"^/v[0-9]+(/|$)",
    r"\.(jpe?g|png)$",
    "(?i)x",
    "(?<name>a)",
    "(?P<name>a)",
    r"\d+\s?\w*",
    r"\p{L}",
    "(?=a)b",
    "a++",
    "é",
    "$HOME %[x] ' \" #",
    "()",
    "a{,3}",
    "(a{1000}){20}",
]
REFUSED = [
    "a(b",
    "[a",
    "*a",
    "a{1,2}{3}",
    "\\",
    "(?<1>a)",
    "a{3,1}",
    "[z-a]",
    r"(?<=a+)b",
    "(?",
    "((((a{99}){99}){99}){99})",
]


@pytest.mark.parametrize("expression", [*TAKEN, *REFUSED])
def test_the_library_says_what_haproxy_says(expression: str, tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    lines = ["frontend f", "    mode http", "    timeout client 1s", "    bind 127.0.0.1:1"]
    lines += [f"    acl a path -m reg -- {quoting.pattern(expression)}", "    http-request deny if a", ""]
    config.write_text("\n".join(lines))
    judged = subprocess.run(["/usr/sbin/haproxy", "-c", "-f", str(config)], capture_output=True, check=False)
    fault = Pcre().find_fault(expression)
    assert (fault is None) == (judged.returncode == 0), (fault, judged.stderr)
    assert (fault is None) == (expression in TAKEN)
    assert fault is None or "\n" not in fault


def test_without_the_library_python_says_most_of_it() -> None:
    find_fault = find_fault_finder("libnothing.so.9")
    assert find_fault is find_fault_by_python
    assert find_fault("^/v[0-9]+$") is None
    assert "unterminated" in (find_fault("a(b") or "")
    assert find_fault_finder("libc.so.6") is find_fault_by_python
