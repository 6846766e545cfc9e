"""What is recorded of the worker that serves: ``running.json``, and ``haproxy.sock``, a link to its socket.

The record says which text the worker amounts to after runtime changes. A worker that nobody lived to record is found
all the same (haproxy_workers).
"""

import json
import os
from dataclasses import asdict

from pydantic_core import to_json

from evenload.host.files import StateFiles
from evenload.host.haproxy_workers import CURRENT_SOCKET
from evenload.host.refusal import refusal
from evenload.host.succession import Running, Worker, text_of

_RUNNING = "running.json"


class Record:
    def __init__(self, files: StateFiles) -> None:
        self._files = files

    def text(self, load_balancer_id: str, worker: Worker) -> str:
        """What the worker works by."""
        started_with = self._files.read(load_balancer_id, f"haproxy-{worker.number}.cfg")
        return text_of(worker, self._read(load_balancer_id), started_with)

    def write(self, load_balancer_id: str, worker: Worker, text: str) -> None:
        running = Running(worker=worker.number, pid=worker.pid, start_time=worker.start_time, text=text)
        self._files.write(load_balancer_id, _RUNNING, to_json(asdict(running)), fleeting=True)

    def forget(self, load_balancer_id: str) -> None:
        self._files.remove(load_balancer_id, _RUNNING)
        self._files.remove(load_balancer_id, CURRENT_SOCKET)

    def point_at(self, load_balancer_id: str, worker: Worker) -> None:
        """Makes ``haproxy.sock`` lead to that worker's socket."""
        link = self._files.path(load_balancer_id, CURRENT_SOCKET)
        temporary = link.with_name(f".new-{CURRENT_SOCKET}")
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(f"haproxy-{worker.number}.sock")
            os.rename(temporary, link)
        except OSError as error:
            raise refusal(f"link {link}", error) from error

    def _read(self, load_balancer_id: str) -> Running | None:
        """None where nothing is recorded, or something that no version of ours has written."""
        content = self._files.read(load_balancer_id, _RUNNING)
        if content is None:
            return None
        try:
            return Running(**json.loads(content))
        except (ValueError, TypeError):
            return None
