"""``python -m demo [--keep]``: checks what is needed, plays the steps, always cleans up.

Exit codes: 0 all shown and nothing left, 1 something failed, 2 something is missing, 130 interrupted.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from types import FrameType

_PROGRAMS = {"ip": "iproute2", "haproxy": "haproxy"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A load balancer before your eyes.")
    parser.add_argument("--keep", action="store_true", help="leave it running, to go on by hand; Ctrl-C ends it")
    arguments = parser.parse_args()
    missing = find_missing()
    if missing:
        print(f"The demo cannot run: {'; '.join(missing)}.", file=sys.stderr)
        return 2
    from demo.play import play  # after the check: the imports below need what was checked

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who starts it may have them ignored
        signal.signal(number, _interrupt)
    begun = time.monotonic()
    return play(keep=arguments.keep, begun=begun)


def find_missing() -> list[str]:
    """What stands in the way, in words for the user."""
    missing = []
    if os.geteuid() != 0:
        missing.append("it makes network namespaces and must be started as root")
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            missing.append(f"'{program}' is not installed (Debian package {package})")
    try:
        import openstack
    except ImportError as error:
        missing.append(f"the Python package '{error.name}' is not installed in {sys.prefix} (tools/setup installs it)")
    else:
        del openstack
    return missing


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before anything was made
        sys.exit(130)
