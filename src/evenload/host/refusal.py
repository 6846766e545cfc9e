"""What an errno of the kernel means for a load balancer: the one place where it becomes a domain error.

For every OSError that ``host/`` catches; not for HAProxy's or Open vSwitch's own words.
"""

import errno
import os

from evenload.model.errors import Hopeless, HostError

# These stay as they are however often the same is tried: somebody has to change the set-up of the host.
_HOPELESS = {
    errno.EPERM: "the agent lacks a capability; it needs root, or CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW",
    errno.EACCES: "the agent may not; it needs root and a place that is its own",
    errno.EROFS: "the file system is read-only",
    errno.EOPNOTSUPP: "this kernel does not support it",
    errno.EAFNOSUPPORT: "this kernel does not support the address family",
    errno.ENAMETOOLONG: "the name is too long",
}
_PASSING = {
    errno.EXFULL: "the bridge is full, a Linux bridge has at most 1023 ports",
    errno.EADDRINUSE: "a connection that is open, or was a minute ago, has this port",
    errno.EAGAIN: "the kernel does not answer in time",
    errno.ENOBUFS: "the kernel is out of buffers or its neighbour table is full",
    errno.EMFILE: "the agent has too many open files; raise its limit (LimitNOFILE)",
    errno.ENOSPC: "no space left, on the disk or in a limit under /proc/sys/user",
}


def refusal(attempted: str, cause: OSError, *, detail: str | None = None) -> HostError:
    """The error to raise ``from cause``. ``attempted`` says what was done to what: "add 10.0.0.5/24 to ns-1234".

    ``detail``: further words of the kernel (netlink's extended acknowledgement).
    """
    number = cause.errno or 0
    name = errno.errorcode.get(number, str(number))
    words = _HOPELESS.get(number) or _PASSING.get(number) or os.strerror(number)
    if detail:
        words = f"{detail}; {words}"
    text = f"cannot {attempted}: {words} ({name})"
    return Hopeless(text) if number in _HOPELESS else HostError(text)
