"""Regular expressions as HAProxy's own library takes them: PCRE2, asked directly, without a process.

An expression is only compiled, as HAProxy does it, never run. The library bounds what that costs: the size of what is
compiled and the depth of its parentheses.
"""

import ctypes

from evenload.model.l7_rules import FindFault, find_fault_by_python

LIBRARY = "libpcre2-8.so.0"
_JIT_COMPLETE = 1
_NO_JIT = -45
_MESSAGE = 256


def find_fault_finder(library: str = LIBRARY) -> FindFault:
    """By the library where this host has it, else by Python's, which knows most expressions: what gets past that and is
    none to HAProxy, the agent refuses."""
    try:
        return Pcre(library).find_fault
    except (OSError, AttributeError):
        return find_fault_by_python


class Pcre:
    """Raises OSError where there is no such library, AttributeError where it is another."""

    def __init__(self, library: str = LIBRARY) -> None:
        loaded = ctypes.CDLL(library)
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        self._compile = loaded.pcre2_compile_8
        self._compile.restype = pointer
        self._compile.argtypes = [
            ctypes.c_char_p,
            size,
            ctypes.c_uint32,
            ctypes.POINTER(ctypes.c_int),
            ctypes.POINTER(size),
            pointer,
        ]
        self._compile_further = loaded.pcre2_jit_compile_8
        self._compile_further.argtypes = [pointer, ctypes.c_uint32]
        self._free = loaded.pcre2_code_free_8
        self._free.argtypes = [pointer]
        self._free.restype = None
        self._message = loaded.pcre2_get_error_message_8
        self._message.argtypes = [ctypes.c_int, ctypes.c_char_p, size]

    def find_fault(self, expression: str) -> str | None:
        code, place = ctypes.c_int(), ctypes.c_size_t()
        text = expression.encode()
        compiled = self._compile(text, len(text), 0, ctypes.byref(code), ctypes.byref(place), None)
        if not compiled:
            return f"{self._name(code.value)} (at byte {place.value})"
        try:
            further = self._compile_further(compiled, _JIT_COMPLETE)
        finally:
            self._free(compiled)
        return None if further in (0, _NO_JIT) else self._name(further)

    def _name(self, error: int) -> str:
        said = ctypes.create_string_buffer(_MESSAGE)
        self._message(error, said, _MESSAGE)
        return said.value.decode(errors="replace")
