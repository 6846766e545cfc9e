"""Work counted in steps of the interpreter, for tests of how it grows: no time, so no machine is too slow for them."""

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """How many instructions of Python's the work takes in this thread. What C does in one of them is not seen."""
    return _monitored(work) if sys.version_info >= (3, 12) else _traced(work)


def _traced(work: Callable[[], object]) -> int:
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


if sys.version_info >= (3, 12):

    def _monitored(work: Callable[[], object]) -> int:
        """From 3.12 on, tracing misses the instructions of a function's first run."""
        monitoring = sys.monitoring
        tool, events, thread = 4, monitoring.events.INSTRUCTION, threading.get_ident()
        count = 0

        def note(code: CodeType, offset: int) -> None:
            nonlocal count
            count += threading.get_ident() == thread

        monitoring.use_tool_id(tool, "steps")
        monitoring.register_callback(tool, events, note)
        monitoring.set_events(tool, events)
        try:
            work()
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.register_callback(tool, events, None)
            monitoring.free_tool_id(tool)
        return count
else:
    _monitored = _traced
