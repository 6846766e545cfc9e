"""How many connections a process and each listener have room for. Pure.

A process pays for the room that it has, used or not: 50,000 connections are 8 MiB. So one whose listeners have no limit
begins with room for few, and gets four times as much by a reload when half of it is taken: nobody meets a limit before
those of the host.
"""

import re

from evenload.model.balancer import Listener
from evenload.model.desired import Desired
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.options import RenderOptions

PIPES_AT_MOST = 500
"""HAProxy's own default is a quarter of maxconn: at 8000 connections more files than 20,000 allow."""
_FIRST_ROOM = 2000
_GROWTH = 4
_FLOOR = 100
_FILES_OF_ITS_OWN = 100
_OTHER_FILES_STEP = 200
_AT_LEAST = 10
_MAXCONN = re.compile(r"^    maxconn ([0-9]+)$", re.MULTILINE)


def limit_of(listener: Listener, options: RenderOptions) -> int:
    """The listener's ``maxconn``. HAProxy takes 0 for no limit, so a limit of 0 is enforced by a rule instead."""
    if listener.connection_limit < 0:
        return min(options.maxconn, options.process_maxconn)
    return min(max(listener.connection_limit, 1), options.process_maxconn)


def connections_of(desired: Desired, options: RenderOptions, checks: int, room: int = 0) -> int:
    """The ``maxconn`` of the process. ``checks``: files for checks of members. ``room``: what it shall have at least
    where a listener has no limit."""
    listeners = listeners_in_service(desired)
    wanted = sum(limit_of(listener, options) for listener in listeners if listener.connection_limit >= 0)
    if any(listener.connection_limit < 0 for listener in listeners):
        wanted = max(wanted, room, _FIRST_ROOM)
    return min(max(wanted, _FLOOR), most_connections(desired, options, checks))


def most_connections(desired: Desired, options: RenderOptions, checks: int) -> int:
    """What the host allows for that load balancer."""
    if options.open_files is None:
        return options.process_maxconn
    other = len(listeners_in_service(desired)) * len(desired.load_balancer.vips) + checks
    return min(options.process_maxconn, choose_connections(options.open_files, other))


def find_shortage(desired: Desired, options: RenderOptions, checks: int) -> str | None:
    """For people: which limit cannot be had, None where all can. The listener serves, with what can be had."""
    most = most_connections(desired, options, checks)
    for listener in listeners_in_service(desired):
        if listener.connection_limit > most:
            return (
                f"listener {listener.id}: a connection_limit of {listener.connection_limit} cannot be had, its host"
                f" allows {most} connections"
            )
    return None


def room_of(text: str) -> int:
    """What the process that works by this text has room for; 0 where that cannot be read."""
    found = _MAXCONN.search(text)
    return int(found[1]) if found else 0


def grown(room: int) -> int:
    return _GROWTH * room


def is_crowded(connections: int, room: int) -> bool:
    return room > 0 and 2 * connections >= room


def choose_connections(open_files: int, other: int = 0) -> int:
    """How many connections a process that may open so many files can have: HAProxy refuses to start where its two
    files a connection, its pipes and ``other`` files (listeners, checks of members) might be more. ``other`` counts by
    hundreds, so that a member more or less hardly ever makes another text of it."""
    left = open_files - _FILES_OF_ITS_OWN - -(-other // _OTHER_FILES_STEP) * _OTHER_FILES_STEP
    # Two files a connection, and two for each of the pipes: a quarter as many, up to a limit.
    return max(2 * left // 5, left // 2 - PIPES_AT_MOST, _AT_LEAST)
