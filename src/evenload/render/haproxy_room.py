"""How many connections a process and each listener have room for. Pure.

A process pays for the room that it has, used or not: 50,000 connections are 8 MiB. So one whose listeners have no limit
begins with room for few, and gets four times as much by a reload when half of it is taken: nobody meets a limit before
those of the host.
"""

import re

from evenload.model.balancer import Listener, LoadBalancer
from evenload.model.desired import Desired
from evenload.model.flavor import PLAIN
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.options import RenderOptions

PIPES_AT_MOST = 500
"""HAProxy's own default is a quarter of maxconn: at 8000 connections more files than 20,000 allow."""
_FIRST_ROOM = 2000
_GROWTH = 4
_FLOOR = 100
_FILES_OF_ITS_OWN = 100
_FILES_OF_A_THREAD = 3
_OTHER_FILES_STEP = 200
_AT_LEAST = 10
_MAXCONN = re.compile(r"^    maxconn ([0-9]+)$", re.MULTILINE)


def limit_of(listener: Listener, load_balancer: LoadBalancer, options: RenderOptions) -> int:
    """The listener's ``maxconn``. HAProxy takes 0 for no limit, so a limit of 0 is enforced by a rule instead."""
    most = _allowed(load_balancer, options)
    if listener.connection_limit >= 0:
        return min(max(listener.connection_limit, 1), most)
    return most if _flavored(load_balancer) is not None else min(options.maxconn, most)


def _flavored(load_balancer: LoadBalancer) -> int | None:
    """Connections of the load balancer at the most, as its flavor has it."""
    flavor = load_balancer.flavor or PLAIN
    return None if flavor.connection_limit < 0 else flavor.connection_limit


def _allowed(load_balancer: LoadBalancer, options: RenderOptions) -> int:
    """What the settings and the flavor allow its process."""
    flavored = _flavored(load_balancer)
    return options.process_maxconn if flavored is None else min(options.process_maxconn, flavored)


def connections_of(desired: Desired, options: RenderOptions, checks: int, room: int = 0) -> int:
    """The ``maxconn`` of the process. ``checks``: files for checks of members. ``room``: what it shall have at least
    where a listener has no limit."""
    listeners = listeners_in_service(desired)
    balancer = desired.load_balancer
    wanted = sum(limit_of(listener, balancer, options) for listener in listeners if listener.connection_limit >= 0)
    if any(listener.connection_limit < 0 for listener in listeners):
        wanted = max(wanted, room, _FIRST_ROOM)
    return min(max(wanted, _FLOOR), most_connections(desired, options, checks))


def most_connections(desired: Desired, options: RenderOptions, checks: int) -> int:
    """What the host and the flavor allow for that load balancer."""
    return min(_allowed(desired.load_balancer, options), _given_by_host(desired, options, checks))


def _given_by_host(desired: Desired, options: RenderOptions, checks: int) -> int:
    if options.open_files is None:
        return options.process_maxconn
    threads = (desired.load_balancer.flavor or PLAIN).threads
    other = len(listeners_in_service(desired)) * len(desired.load_balancer.vips) + checks
    other += (threads - 1) * _FILES_OF_A_THREAD
    return min(options.process_maxconn, choose_connections(options.open_files, other))


def find_shortage(desired: Desired, options: RenderOptions, checks: int) -> str | None:
    """For people: what was asked for and cannot be had, None where all can. The load balancer serves, with what can be
    had. A listener's limit above its flavor's is no shortage: the flavor means to be the lower one."""
    most = _given_by_host(desired, options, checks)
    flavored = _flavored(desired.load_balancer)
    for listener in listeners_in_service(desired):
        if flavored is None and listener.connection_limit > most:
            return (
                f"listener {listener.id}: a connection_limit of {listener.connection_limit} cannot be had, its host"
                f" allows {most} connections"
            )
    if flavored is not None and flavored > most:
        return f"its flavor: a connection_limit of {flavored} cannot be had, its host allows {most} connections"
    if (desired.load_balancer.flavor or PLAIN).log and options.log_socket is None:
        return "its flavor: a log cannot be had, its host has no log_socket"
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
