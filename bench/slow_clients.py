"""A process of its own: many clients of one server that are slow, each in one of four ways, until standard input ends.

``python slow_clients.py PORT COUNT PATH``. PATH answers with more than a socket holds. Prints ``ready`` once all are
connected and have sent what they send at first. One byte of what is left follows each second, so that the server sees
somebody who is slow rather than gone.
"""

import resource
import select
import socket
import sys

_HALF_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_HALF_BODY = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
_SMALL_WINDOW = 4096


def main(port: int, count: int, path: str) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    whole = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    senders, readers, silent = [], [], []
    for number in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
        connection.connect(("127.0.0.1", port))
        match number % 4:
            case 0:
                connection.sendall(_HALF_HEAD)
                senders.append(connection)
            case 1:
                connection.sendall(_HALF_BODY)
                senders.append(connection)
            case 2:
                connection.sendall(whole)
                readers.append(connection)
            case _:
                silent.append(connection)
        connection.setblocking(False)
    for reader in readers:
        select.select([reader], [], [], 60)
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 1.0)[0]:
        for sender in senders:
            _attempt(sender.send, b"a")
        for reader in readers:
            _attempt(reader.recv, 1)


def _attempt(act: object, argument: object) -> None:
    try:
        act(argument)  # type: ignore[operator]
    except OSError:
        pass  # the server may have had enough of it


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
