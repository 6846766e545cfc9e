"""A load balancer as the configuration of its HAProxy. Pure: equal states give byte-equal texts.

Names, and why there may be several backends for one pool: ARCHITECTURE.md. User text
comes in through ``quoting`` alone.
"""

from evenload.model.desired import Desired
from evenload.model.named_file import NamedFile
from evenload.render.haproxy_backend import (
    backends_by_listener,
    keeps_table,
    render_backend,
    render_check_backend,
)
from evenload.render.haproxy_groups import choose_groups, listeners_in_service
from evenload.render.haproxy_monitors import choose_monitors
from evenload.render.haproxy_policies import policies_in_force, render_policies
from evenload.render.haproxy_room import connections_of
from evenload.render.haproxy_sections import (
    render_defaults,
    render_frontend,
    render_global,
    render_peers,
    render_resolvers,
)
from evenload.render.haproxy_tls import directory_of, render_certificate_lists
from evenload.render.options import RenderOptions
from evenload.render.server_lines import ServerLines


def render_haproxy(
    desired: Desired, options: RenderOptions, worker: int, *, room: int = 0, kept: ServerLines | None = None
) -> str:
    """The text for worker number ``worker``. ``room``: for so many connections at least where a listener has no limit.
    ``kept``: of the load balancer's former texts. Raises quoting.UnsafeText, naming the field.

    Without a listener in service (haproxy_groups.listeners_in_service) it is valid too, but serves nothing.
    """
    listeners = listeners_in_service(desired)
    groups = choose_groups(desired)
    backends_of = backends_by_listener(desired)
    directory = directory_of(desired.load_balancer, options)
    served = tuple({group.pool.id: group.pool for group in groups}.values())
    connections = connections_of(desired, options, count_checks(desired), room)
    sections = [
        render_global(desired.load_balancer, options, worker, connections, listeners),
        render_defaults(desired.load_balancer, options),
    ]
    if options.ocsp_update and options.nameservers:
        sections.append(render_resolvers(options))
    if any(keeps_table(group) for group in groups):
        sections.append(render_peers())
    for listener in listeners:
        lines = render_policies(listener, policies_in_force(desired, listener), backends_of[listener.id], directory)
        sections.append(render_frontend(desired.load_balancer, listener, options, backends_of[listener.id], lines))
    kept = kept or ServerLines()
    backends = [render_backend(desired, group, options, kept) for group in groups]
    backends += [
        render_check_backend(desired, pool, monitor, options, kept)
        for pool in served
        for monitor in choose_monitors(desired, pool.id).further
    ]
    kept.keep_only({backend[0].removeprefix("backend ") for backend in backends})
    sections += backends
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def render_files(desired: Desired, options: RenderOptions) -> tuple[NamedFile, ...]:
    """Those that the text names, but for the secrets."""
    directory = directory_of(desired.load_balancer, options)
    backends = backends_by_listener(desired)
    maps = (
        file
        for listener in listeners_in_service(desired)
        for file in render_policies(
            listener, policies_in_force(desired, listener), backends[listener.id], directory
        ).files
    )
    return (*render_certificate_lists(desired, options), *maps)


def count_checks(desired: Desired) -> int:
    """How many files HAProxy sets apart for checks: one for each server that may have one, two where it may be vetoed,
    and those of further monitors."""
    groups = choose_groups(desired)
    served = {group.pool.id for group in groups}
    found = 0
    for group in groups:
        vetoed = bool(choose_monitors(desired, group.pool.id).vetoing)
        found += len(desired.members_of(group.pool.id)) * (2 if vetoed else 1)
    for pool_id in served:
        found += len(desired.members_of(pool_id)) * len(choose_monitors(desired, pool_id).further)
    return found
