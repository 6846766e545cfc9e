"""What ``render`` has to know beyond the desired state itself: paths and limits of the host it renders for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """``state_dir`` holds one directory per load balancer. ``maxconn``: connections of a listener with limit -1, and
    of the whole process at most ``process_maxconn``, and no more than ``open_files`` (what one process may have open
    on that host, None for no limit) allow. ``hard_stop_after`` in seconds bounds a finishing worker, 0 for no
    bound. ``log_socket``: path of a syslog socket, as seen within the chroot, None for none.
    ``ocsp_update``: HAProxy asks the authorities' responders and shows clients the answers, by the names that
    ``nameservers`` (addresses) know, or the host's where there are none."""

    state_dir: str
    user: str = "haproxy"
    group: str = "haproxy"
    chroot: str = "/var/lib/evenload/empty"
    maxconn: int = 50_000
    process_maxconn: int = 50_000
    open_files: int | None = None
    hard_stop_after: int = 0
    log_socket: str | None = None
    ocsp_update: bool = False
    nameservers: tuple[str, ...] = ()
