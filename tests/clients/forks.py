"""A command-line client, already imported: each command is a fork with the words, environment, directory and streams of
whoever asks.

    forks.py serve SOCKET openstackclient.shell      prints a line when it can be asked
    forks.py SOCKET loadbalancer list                ends with the command's own exit code

Starting the client costs more than a second of a processor, and a page has dozens of commands. With ``--wait`` the
client pauses for three seconds after a first look that came too early; here it pauses less.
"""

import importlib
import json
import os
import socket
import sys
import time
from importlib.metadata import entry_points
from typing import Any

SHORTEST = 0.05
"""Seconds."""
_LENGTH = 8


def ask(path: str, words: list[str]) -> int:
    told = json.dumps({"words": words, "environment": dict(os.environ), "directory": os.getcwd()}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [len(told).to_bytes(_LENGTH, "big")], [0, 1, 2])
        connection.sendall(told)
        connection.shutdown(socket.SHUT_WR)
        answered = connection.recv(1)
    return answered[0] if answered else 1


def serve(path: str, module: str) -> None:
    """``module``: of the client, with its ``main``; its plugins are those of the environment."""
    shell = importlib.import_module(module)

    for entry in (
        each for group in entry_points().groups if group.startswith("openstack.") for each in entry_points(group=group)
    ):
        entry.load()
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(float(seconds), SHORTEST))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                if os.fork() == 0:
                    _run(connection, shell)
                os._exit(0)
            connection.close()
            os.wait()


def _run(connection: socket.socket, shell: Any) -> None:
    code = 1
    try:
        length, streams, _, _ = socket.recv_fds(connection, _LENGTH, 3)
        told = b""
        while len(told) < int.from_bytes(length, "big"):
            told += connection.recv(65536)
        asked = json.loads(told)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(asked["directory"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = [shell.__name__.removesuffix("client.shell"), *asked["words"]]
        code = shell.main(asked["words"]) or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([code & 0xFF]))
        os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
