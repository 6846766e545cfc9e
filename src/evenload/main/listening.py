"""The socket on which the API listens. Light: the supervisor imports it."""

import socket

_BACKLOG = 512


def listen_tcp(host: str, port: int, *, settings: str = "[api] bind_host and bind_port") -> socket.socket:
    """``settings``: which of them say where. Raises OSError that names them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not all(character in "0123456789abcdefABCDEF.:%" for character in host):
            family, _, _, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host == "::":
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"cannot listen on {host}:{port}: {reason}; see {settings}") from error
    return listener
