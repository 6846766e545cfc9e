"""Work counted in steps of the interpreter, for tests of how it grows: no time, so no machine is too slow for them."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """How many instructions of Python's the work takes in this thread. What C does in one of them is not seen."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return note

    former = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(former)
    return count
