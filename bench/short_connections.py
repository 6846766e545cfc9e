"""A process of its own: connects, asks, reads the answer and closes, one connection after the other, for some seconds.

``python short_connections.py ADDRESS SECONDS COUNT``. COUNT processes do so at once. The client always closes first, so
that whoever is behind a load balancer has it close first, too: the state TIME_WAIT, which holds ports for a minute,
comes to the side that has to choose a port for each connection. Prints one line of JSON: how many connections were
answered in each second, and how many were lost, with the first reasons.
"""

import json
import os
import socket
import struct
import sys
import time

_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
_PATIENCE = struct.pack("@ll", 10, 0)
_REASONS = 5


def main(address: str, seconds: int, count: int) -> None:
    begun, pipes = time.monotonic(), []
    for _ in range(count):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, json.dumps(_connect(address, begun, seconds)).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    answered, lost, reasons = [0] * seconds, 0, []
    for reading in pipes:
        with os.fdopen(reading) as stream:
            found = json.load(stream)
        answered = [sum(each) for each in zip(answered, found["answered"], strict=True)]
        lost += found["lost"]
        reasons += found["reasons"]
    print(json.dumps({"answered": answered, "lost": lost, "reasons": reasons[:_REASONS]}))


def _connect(address: str, begun: float, seconds: int) -> dict[str, object]:
    answered, lost, reasons = [0] * seconds, 0, []
    while (second := int(time.monotonic() - begun)) < seconds:
        try:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
                connection.connect((address, 80))
                connection.send(_REQUEST)
                whole = connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError as error:
            whole, reason = False, str(error)
        else:
            reason = "no answer"
        if whole:
            answered[second] += 1
        else:
            lost += 1
            reasons.append(reason)
    return {"answered": answered, "lost": lost, "reasons": reasons[:_REASONS]}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
