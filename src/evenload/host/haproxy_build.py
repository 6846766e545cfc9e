"""Which HAProxy is installed: its version, and what it was built with."""

import re
from dataclasses import dataclass

from evenload.host import haproxy_process
from evenload.host.settings import HaproxySettings
from evenload.model.errors import Hopeless

_OLDEST, _OLDEST_STAPLING, _OLDEST_QUIC = (2, 6), (2, 8), (3, 0)
_VERSION = re.compile(r"version ([0-9]+)\.([0-9]+)(\S*)")


@dataclass(frozen=True, slots=True)
class HaproxyBuild:
    """``text``: the version in full."""

    major: int
    minor: int
    text: str
    quic: bool

    @property
    def number(self) -> tuple[int, int]:
        return self.major, self.minor


def read_build(settings: HaproxySettings) -> HaproxyBuild:
    """Raises Hopeless where the binary is none."""
    ended = haproxy_process.run([settings.binary, "-vv"], None, settings.start_timeout)
    match = _VERSION.search(ended.output)
    if ended.code != 0 or match is None:
        raise Hopeless(f"{settings.binary} is no HAProxy")
    text = f"{match[1]}.{match[2]}{match[3]}"
    return HaproxyBuild(int(match[1]), int(match[2]), text, " +QUIC " in ended.output)


def require_build(build: HaproxyBuild, settings: HaproxySettings) -> None:
    """Raises Hopeless where it is too old, or lacks what the settings ask for."""
    what = f"{settings.binary} is HAProxy {build.major}.{build.minor}"
    if build.number < _OLDEST:
        raise Hopeless(f"{what}; 2.6 is the oldest that will do")
    if settings.http_3 and not (build.quic and build.number >= _OLDEST_QUIC):
        without = "" if build.quic else ", built without QUIC (haproxy -vv)"
        raise Hopeless(f"{what}{without}: [haproxy] http_3 needs 3.0 with QUIC (Debian 13 has it)")
    if settings.ocsp_update and build.number < _OLDEST_STAPLING:
        raise Hopeless(f"{what}, which renews no OCSP staples: [haproxy] ocsp_update needs 2.8 (Debian 13 has 3.0)")
